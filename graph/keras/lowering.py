"""Descriptions and weights -> the graph: nested models are opened, calls follow each other in computation order."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from graph import limits as bounds
from graph.errors import (
    ConfigError,
    FileLimitError,
    ShapeError,
    TopologyError,
    UnsupportedArgumentError,
    UnsupportedDtypeError,
)
from graph.graph import Graph, Output
from graph.keras.arguments import Arguments, plain
from graph.keras.description import Call, Layer, Model, Port, TensorRef, leaves
from graph.keras.draft import Draft, KerasTensor, Site, Tensors
from graph.keras.json_text import Json, show
from graph.keras.layer_ops import lower_layer
from graph.keras.naming import numbered
from graph.keras.slots import LayerWeights
from graph.keras.source import Source
from graph.tensor_type import DType, TensorType, format_shape
from graph.verify import verify


def lower_model(model: Model, weights: Mapping[str, LayerWeights], source: Source) -> Graph:
    """Build the verified graph of a model from that source.

    Raises:
        ModelFileError: something in the model is not supported or does not fit.
        GraphError: shapes do not fit together, or the graph breaks an invariant.
    """
    draft = Draft(replace(source, data_format=_stated_format(model)))
    layers = {layer.name: layer for layer in model.layers}
    given = [KerasTensor(_add_input(draft, port, layers)) for port in model.inputs]
    tensors = _Lowering(draft, weights).model(model, given)
    graph = draft.finished(model.name, _outputs(model, [one.value for one in tensors]))
    verify(graph)
    return graph


def _stated_format(model: Model) -> str | None:
    """Return the data format of all layers that say one and do not only reshape; None where they differ."""
    stated = {
        value
        for layer in leaves(model)
        if isinstance(value := layer.arguments.get("data_format"), str)
        and layer.class_name != "Flatten"
    }
    return stated.pop() if len(stated) == 1 else None


def _outputs(model: Model, values: Sequence[str]) -> list[Output]:
    """Public names as Keras gives them: the key in an object of outputs, else the layer's name."""
    counts: dict[str, int] = {}
    outputs: dict[str, Output] = {}
    for port, value in zip(model.outputs, values, strict=True):
        name = numbered(port.name or port.ref.layer, counts)
        # A number may make the name that another layer has by itself.
        while name in outputs:
            name = numbered(port.name or port.ref.layer, counts)
        outputs[name] = Output(name, value)
    return list(outputs.values())


def _add_input(draft: Draft, port: Port, layers: Mapping[str, Layer]) -> str:
    layer = layers[port.ref.layer]
    if layer.class_name != "InputLayer":
        raise TopologyError(
            "a model's input is not an InputLayer", got=f"{layer.path!r} ({layer.written})"
        )
    shape = _batch_shape(layer)
    if shape is None:
        raise ConfigError(
            "the model does not say the shape of its input",
            hint="call the model once on data, or add keras.Input, and save it again",
        )
    return draft.add_input(port.name or layer.name, TensorType(_input_dtype(layer), shape))


def _input_dtype(layer: Layer) -> DType:
    dtype = layer.arguments["dtype"]
    if isinstance(dtype, str) and dtype in set(DType):
        return DType(dtype)
    raise UnsupportedDtypeError(
        f"input {layer.path!r} has a dtype that is not supported",
        expected=", ".join(DType),
        got=show(dtype),
    )


def _batch_shape(layer: Layer) -> tuple[int | None, ...] | None:
    """Return the shape that an InputLayer states; the batch is always left open."""
    shape: Json = plain(layer.arguments["batch_shape"])
    if shape is None:
        return None
    if not isinstance(shape, list) or not shape:
        raise ConfigError(f"the shape of input {layer.path!r} is not a list", got=show(shape))
    if len(shape) > bounds.MAX_RANK:
        raise FileLimitError(
            f"input {layer.path!r} has too many axes",
            expected=f"at most {bounds.MAX_RANK}",
            got=str(len(shape)),
        )
    lengths = [_length(item, layer) for item in shape]
    if math.prod(length or 1 for length in lengths[1:]) >= 2**62:
        raise FileLimitError(f"input {layer.path!r} is too large", got=show(shape))
    return (None, *lengths[1:])


def _length(item: Json, layer: Layer) -> int | None:
    if item is None:
        return None
    if isinstance(item, bool) or not isinstance(item, int) or item < 1:
        raise ConfigError(
            f"the shape of input {layer.path!r} has a wrong length",
            expected="positive whole numbers or null",
            got=show(item),
        )
    return item


class _Lowering:
    """Walks models; every call of a nested model adds its nodes again, with the same weights."""

    def __init__(self, draft: Draft, weights: Mapping[str, LayerWeights]) -> None:
        self._draft = draft
        self._weights = weights
        self._calls = 0
        # Values whose masks a layer has taken away for all layers behind it.
        self._unmasked: set[str] = set()

    def model(self, model: Model, given: Sequence[KerasTensor]) -> Tensors:
        """Add one use of a model on given tensors; gives its outputs."""
        tensors = {port.ref: one for port, one in zip(model.inputs, given, strict=True)}
        for place, number in model.order:
            layer = model.layers[place]
            call = layer.calls[number]
            self._count()
            if layer.class_name == "InputLayer":
                self._check_input(layer, tensors, TensorRef(layer.name, number, 0))
                continue
            taken = len(self._unmasked)
            for index, one in enumerate(self._call(layer, call, tensors)):
                tensors[TensorRef(layer.name, number, index)] = one
            if len(self._unmasked) != taken:
                for ref, one in tensors.items():
                    if one.value in self._unmasked:
                        tensors[ref] = KerasTensor(one.value)
        for port in model.outputs:
            if port.ref not in tensors:
                raise TopologyError(
                    f"an output of model {model.name!r} is none of layer {port.ref.layer!r}",
                    got=f"output {port.ref.tensor}",
                )
        return tuple(tensors[port.ref] for port in model.outputs)

    def _count(self) -> None:
        """Bound the calls: models that call models multiply them, and train-only layers add no node to be counted."""
        self._calls += 1
        if self._calls > bounds.MAX_CALLS:
            raise FileLimitError(
                "the model has too many calls of layers, those in nested models counted each time",
                expected=f"at most {bounds.MAX_CALLS}",
            )

    def _check_input(
        self, layer: Layer, tensors: Mapping[TensorRef, KerasTensor], ref: TensorRef
    ) -> None:
        """Check that what an InputLayer is given is what it states; Keras would reshape or convert it."""
        if ref not in tensors:
            raise TopologyError(f"input layer {layer.path!r} is not among its model's inputs")
        value = tensors[ref].value
        stated, found = _batch_shape(layer), self._draft.type(value).shape
        if stated is not None and not _fits(found, stated):
            raise ShapeError(
                f"the nested model of input {layer.path!r} is called on another shape",
                expected=format_shape(stated),
                got=format_shape(found),
            )
        dtype = _input_dtype(layer)
        if dtype is not self._draft.keras_type(value) and not (
            dtype is DType.FLOAT32 and self._draft.is_float(value)
        ):
            raise UnsupportedDtypeError(
                f"the nested model of input {layer.path!r} converts its input",
                expected=self._draft.keras_type(value).value,
                got=dtype.value,
            )

    def _call(self, layer: Layer, call: Call, known: Mapping[TensorRef, KerasTensor]) -> Tensors:
        for ref in call.sources:
            if ref not in known:
                raise TopologyError(
                    f"{layer.name!r} uses an output of layer {ref.layer!r} that is not there",
                    got=f"output {ref.tensor}",
                )
        inputs = [known[ref] for ref in call.inputs]
        if "mask" in call.keywords:
            inputs = self._with_masks(layer, inputs, call.keywords["mask"], known)
        if layer.model is not None:
            return self.model(layer.model, _by_input(layer, layer.model, call, inputs))
        site = self._site(layer, call, inputs, known)
        made = lower_layer(site)
        if layer.class_name == "MultiHeadAttention" and self._draft.source.attention_takes_masks:
            given = (site.keywords.get(name, ()) for name in ("value", "key"))
            values = (*site.inputs, *(value for values in given for value in values))
            self._unmasked.update(value for value in values if value is not None)
        return made

    def _site(
        self,
        layer: Layer,
        call: Call,
        inputs: Sequence[KerasTensor],
        known: Mapping[TensorRef, KerasTensor],
    ) -> Site:
        return Site(
            self._draft,
            layer,
            call,
            tuple(one.value for one in inputs),
            tuple(one.mask for one in inputs),
            {
                name: tuple(None if ref is None else known[ref].value for ref in refs)
                for name, refs in call.keywords.items()
                if name != "mask"
            },
            {
                name: tuple(None if ref is None else known[ref].mask for ref in refs)
                for name, refs in call.keywords.items()
                if name != "mask"
            },
            self._weights.get(layer.path),
            Arguments(layer.arguments, f"layer {layer.path!r} ({layer.written})"),
            self.part,
            lambda part: self._weights.get(part.path),
        )

    def _with_masks(
        self,
        layer: Layer,
        inputs: Sequence[KerasTensor],
        masks: Sequence[TensorRef | None],
        known: Mapping[TensorRef, KerasTensor],
    ) -> list[KerasTensor]:
        """Return tensors with the masks that a call states for them."""
        where = f"layer {layer.path!r}"
        if len(masks) > len(inputs):
            raise ConfigError(
                f"{where} is called with more masks than tensors",
                expected=f"at most {len(inputs)}",
                got=str(len(masks)),
            )
        stated = [None if ref is None else known[ref].value for ref in masks]
        for mask in stated:
            if mask is not None and self._draft.type(mask).dtype is not DType.BOOL:
                raise UnsupportedArgumentError(
                    f"{where} is called with argument 'mask' that is not one of truth values",
                    expected="bool",
                    got=self._draft.type(mask).dtype.value,
                )
        stated += [None] * (len(inputs) - len(stated))
        return [KerasTensor(one.value, mask) for one, mask in zip(inputs, stated, strict=True)]

    def part(self, layer: Layer, inputs: Sequence[KerasTensor]) -> Tensors:
        """Add one use of a layer or model that is part of another layer."""
        self._count()
        if layer.model is not None:
            return self.model(layer.model, _by_input(layer, layer.model, Call(()), inputs))
        return lower_layer(self._site(layer, Call(()), inputs, {}))


def _by_input(
    layer: Layer, model: Model, call: Call, inputs: Sequence[KerasTensor]
) -> Sequence[KerasTensor]:
    """Bring the tensors that a nested model is called on into the order of its inputs."""
    if len(inputs) != len(model.inputs):
        raise ShapeError(
            f"model {layer.path!r} is called on the wrong number of tensors",
            expected=str(len(model.inputs)),
            got=str(len(inputs)),
        )
    if not call.keys:
        return inputs
    by_key = dict(zip(call.keys, inputs, strict=True))
    names = [port.name or port.ref.layer for port in model.inputs]
    if set(names) != set(by_key):
        raise TopologyError(
            f"model {layer.path!r} is called with other names than its inputs have",
            expected=", ".join(names[:8]),
            got=", ".join(call.keys[:8]),
        )
    return [by_key[name] for name in names]


def _fits(shape: tuple[int | None, ...], stated: tuple[int | None, ...]) -> bool:
    return len(shape) == len(stated) and all(
        wanted is None or length == wanted for length, wanted in zip(shape, stated, strict=True)
    )
