"""Generated layers of images and signals: what Keras 3 saves is read, computed by the reference, and compared with Keras.

Hypothesis draws arguments, shapes and data formats of every class; HYPOTHESIS_PROFILE=explore draws many more.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from graph.keras.read import read_model
from graph.keras.spatial_classes import SPATIAL_CLASSES
from tests.graph.keras.conftest import assert_same_outputs, set_random_weights

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy"),
    pytest.mark.filterwarnings("ignore:(?s).*softmax over axis -1 of a tensor:UserWarning"),
]
EXAMPLES = 60 if os.environ.get("HYPOTHESIS_PROFILE") == "explore" else 6
Arguments = dict[str, Any]
Shape = tuple[int, ...]
Drawn = tuple[Arguments, Shape]


def axes(draw: DrawFn, rank: int, low: int, high: int) -> Shape:
    return draw(st.tuples(*[st.integers(low, high)] * rank))


def placed(draw: DrawFn, lengths: Shape, channels: int) -> tuple[Arguments, Shape]:
    """A data format, and the shape of a sample in it."""
    if draw(st.booleans()):
        return {"data_format": "channels_first"}, (channels, *lengths)
    return {"data_format": "channels_last"}, (*lengths, channels)


def steps(draw: DrawFn, rank: int, *, equal: bool = False) -> Arguments:
    """Strides or a dilation, never both, as Keras demands."""
    numbers = draw(st.integers(1, 2)) if equal else axes(draw, rank, 1, 3)
    return {draw(st.sampled_from(["strides", "dilation_rate"])): numbers}


def fits(size: Shape, arguments: Arguments, lengths: Shape) -> bool:
    rates = arguments.get("dilation_rate", 1)
    rates = rates if isinstance(rates, tuple) else (rates,) * len(size)
    reach = [(s - 1) * d + 1 for s, d in zip(size, rates, strict=True)]
    return all(r <= n for r, n in zip(reach, lengths, strict=True))


ACTIVATIONS = st.sampled_from([None, "relu", "tanh", "softmax", "hard_sigmoid"])


@st.composite
def convolutions(draw: DrawFn, name: str, rank: int) -> Drawn:
    size, lengths = axes(draw, rank, 1, 3), axes(draw, rank, 3, 8 if rank < 3 else 5)
    groups = draw(st.sampled_from([1, 1, 2])) if name == "Conv" else 1
    channels = groups * draw(st.integers(1, 3))
    where, shape = placed(draw, lengths, channels)
    arguments = {
        "kernel_size": size,
        "use_bias": draw(st.booleans()),
        "activation": draw(ACTIVATIONS),
        **where,
    }
    arguments |= steps(draw, rank, equal=name in ("DepthwiseConv", "SeparableConv"))
    paddings = ["same", *(["valid"] if fits(size, arguments, lengths) else [])]
    is_causal = name == "Conv" and rank == 1
    arguments["padding"] = draw(st.sampled_from([*paddings, *(["causal"] if is_causal else [])]))
    if name != "DepthwiseConv":
        arguments["filters"] = groups * draw(st.integers(1, 3))
    if name == "Conv":
        # Keras' TensorFlow computes groups only with the channels last on a CPU.
        arguments["groups"] = groups if where["data_format"] == "channels_last" else 1
    if name in ("DepthwiseConv", "SeparableConv"):
        arguments["depth_multiplier"] = draw(st.integers(1, 2))
    return arguments, shape


@st.composite
def transposed(draw: DrawFn, rank: int) -> Drawn:
    where, shape = placed(draw, axes(draw, rank, 2, 5 if rank < 3 else 3), draw(st.integers(1, 3)))
    strides = axes(draw, rank, 1, 3)
    # A kernel at least as long as the stride: else no output has the size that Keras asks for.
    size = tuple(s + draw(st.integers(0, 2)) for s in strides)
    arguments = {
        "filters": draw(st.integers(1, 3)), "kernel_size": size, "strides": strides, **where,
        "padding": draw(st.sampled_from(["valid", "same"])), "use_bias": draw(st.booleans()),
    }  # fmt: skip
    if arguments["padding"] == "valid" and draw(st.booleans()):
        arguments["output_padding"] = tuple(draw(st.integers(0, s - 1)) for s in strides)
    return arguments, shape


@st.composite
def pooling(draw: DrawFn, rank: int) -> Drawn:
    where, shape = placed(draw, axes(draw, rank, 3, 7 if rank < 3 else 5), draw(st.integers(1, 3)))
    strides = draw(st.none() | st.tuples(*[st.integers(1, 3)] * rank))
    padding = draw(st.sampled_from(["valid", "same"]))
    return {
        "pool_size": axes(draw, rank, 1, 3),
        "strides": strides,
        "padding": padding,
        **where,
    }, shape


@st.composite
def global_pooling(draw: DrawFn, rank: int) -> Drawn:
    where, shape = placed(draw, axes(draw, rank, 1, 5), draw(st.integers(1, 3)))
    return {"keepdims": draw(st.booleans()), **where}, shape


@st.composite
def adaptive_pooling(draw: DrawFn, rank: int) -> Drawn:
    # Keras also pools with windows that are one longer than needed, which must not be longer than the axis.
    where, shape = placed(draw, axes(draw, rank, 4, 7), draw(st.integers(1, 3)))
    return {"output_size": axes(draw, rank, 2, 4), **where}, shape


@st.composite
def borders(draw: DrawFn, name: str, rank: int) -> Drawn:
    where, shape = placed(draw, axes(draw, rank, 6, 7), draw(st.integers(1, 3)))
    pairs: Any = tuple(axes(draw, 2, 0, 2) for _ in range(rank))
    amounts = draw(st.sampled_from([pairs[0] if rank == 1 else pairs, 1]))
    if name == "cropping" and rank == 1:
        return {name: amounts}, (*shape[1:], shape[0]) if where[
            "data_format"
        ] == "channels_first" else shape
    return {name: amounts, **where}, shape


@st.composite
def upsampling(draw: DrawFn, rank: int) -> Drawn:
    if rank == 1:
        return {"size": draw(st.integers(1, 3))}, axes(draw, 2, 1, 5)
    where, shape = placed(draw, axes(draw, rank, 1, 5), draw(st.integers(1, 3)))
    arguments = {"size": axes(draw, rank, 1, 3), **where}
    if rank == 2:
        arguments["interpolation"] = draw(
            st.sampled_from(["nearest", "bilinear", "bicubic", "lanczos3"])
        )
    return arguments, shape


@st.composite
def resizing(draw: DrawFn) -> Drawn:
    where, shape = placed(draw, axes(draw, 2, 2, 12), draw(st.integers(1, 3)))
    height, width = axes(draw, 2, 1, 12)
    keeps = draw(
        st.sampled_from([{}, {"crop_to_aspect_ratio": True}, {"pad_to_aspect_ratio": True}])
    )
    method = draw(st.sampled_from(["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"]))
    more = {"interpolation": method, "antialias": draw(st.booleans()), **keeps}
    return {"height": height, "width": width, **where, **more}, shape


@st.composite
def center_crop(draw: DrawFn) -> Drawn:
    where, shape = placed(draw, axes(draw, 2, 2, 9), draw(st.integers(1, 3)))
    height, width = axes(draw, 2, 1, 9)
    return {"height": height, "width": width, **where}, shape


@st.composite
def group_normalization(draw: DrawFn) -> Drawn:
    groups = draw(st.sampled_from([1, 2, 3, -1]))
    shape = list(axes(draw, draw(st.integers(1, 3)), 1, 4))
    axis = draw(st.integers(1, len(shape)))
    shape[axis - 1] = abs(groups) * draw(st.integers(1, 3))
    flags = {name: draw(st.booleans()) for name in ("center", "scale")}
    return {
        "groups": groups,
        "axis": axis,
        "epsilon": draw(st.sampled_from([1e-3, 1e-2])),
        **flags,
    }, tuple(shape)


@st.composite
def last_axes(draw: DrawFn) -> Drawn:
    shape = axes(draw, draw(st.integers(1, 3)), 1, 4)
    count = draw(st.integers(1, len(shape)))
    return {"axis": [-index for index in range(1, count + 1)]}, shape


def same_size() -> SearchStrategy[Drawn]:
    return st.just(({"height": 4, "width": 5}, (4, 5, 3)))


Strategy = Callable[[], SearchStrategy[Drawn]]
LAYERS: dict[str, Strategy] = {
    **{
        f"{name}{rank}D": lambda name=name, rank=rank: convolutions(name, rank)
        for name, last in (("Conv", 3), ("DepthwiseConv", 2), ("SeparableConv", 2))
        for rank in range(1, last + 1)
    },
    **{f"Conv{rank}DTranspose": lambda rank=rank: transposed(rank) for rank in (1, 2, 3)},
    **{
        f"{prefix}{kind}Pooling{rank}D": lambda make=make, rank=rank: make(rank)
        for prefix, make in (("", pooling), ("Global", global_pooling), ("Adaptive", adaptive_pooling))
        for kind in ("Max", "Average")
        for rank in (1, 2, 3)
    },
    **{
        f"{name}{rank}D": lambda argument=argument, rank=rank: borders(argument, rank)
        for name, argument in (("ZeroPadding", "padding"), ("Cropping", "cropping"))
        for rank in (1, 2, 3)
    },
    **{f"UpSampling{rank}D": lambda rank=rank: upsampling(rank) for rank in (1, 2, 3)},
    "Resizing": resizing,
    "CenterCrop": center_crop,
    "RandomCrop": same_size,
    "GroupNormalization": group_normalization,
    "RMSNormalization": last_axes,
    "UnitNormalization": last_axes,
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
@settings(
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_layer(keras: Any, tmp_path: Path, name: str, data: st.DataObject) -> None:
    arguments, shape = data.draw(LAYERS[name]())
    model = keras.Sequential([keras.Input(shape), getattr(keras.layers, name)(**arguments)])
    first = arguments.get("data_format") == "channels_first" and arguments.get("use_bias")
    # Where both have the same length, Keras 3.15 outside of `predict` adds the bias along the last axis.
    assume(not first or model.output_shape[1] != model.output_shape[-1])
    set_random_weights(model, data.draw(st.integers(0, 99), label="seed"))
    path = tmp_path / "model.keras"
    model.save(path)
    assert_same_outputs(read_model(path).graph, model, 1e-5)


def test_every_class_is_drawn_or_does_nothing() -> None:
    without_effect = {
        name for name in SPATIAL_CLASSES if name.startswith(("Random", "Aug", "Cut", "Mix", "Rand"))
    }
    own = {"Solarization", "LayerScale", "StochasticDepth", "CustomScaleLayer"}
    assert set(SPATIAL_CLASSES) - set(LAYERS) == (without_effect | own) - {"RandomCrop"}
