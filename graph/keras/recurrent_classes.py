"""Arguments of recurrent layers, of their cells and of the wrappers over time, by their Keras 3 names.

Sources: keras/layers/recurrent.py, convolutional_recurrent.py and wrappers.py of Keras 1.2.2, 2.0.8, 2.2.4 and 2.3.1,
and the layers of tf.keras 2.20 and Keras 3.0 to 3.15. What only says how a layer is computed is ignored:
`implementation`, `unroll`, `use_cudnn`, `enable_caching_device`; `unit_forget_bias` only says how the bias begins.
`time_major` is refused where it is true: axis 0 is the batch here.
"""

from collections.abc import Mapping
from types import MappingProxyType

from graph.keras.json_text import Json
from graph.keras.layer_class import REQUIRED, WEIGHT_TRAINING, LayerClass, Required

_TRAINING = WEIGHT_TRAINING | {
    "recurrent_initializer", "recurrent_regularizer", "recurrent_constraint", "U_regularizer", "init", "inner_init",
    "forget_bias_init", "unit_forget_bias", "dropout", "recurrent_dropout", "dropout_W", "dropout_U", "seed",
}  # fmt: skip
_COMPUTING = frozenset({"implementation", "unroll", "use_cudnn", "enable_caching_device"})
# What Keras 1 called them.
_RENAMED: Mapping[str, str] = MappingProxyType(
    {"output_dim": "units", "inner_activation": "recurrent_activation"}
)
_SEQUENCE: Mapping[str, Json] = MappingProxyType(
    {
        "return_sequences": False, "return_state": False, "go_backwards": False, "stateful": False,
        "zero_output_for_mask": False,
    }
)  # fmt: skip
_STATED: Mapping[str, tuple[Json, ...]] = MappingProxyType(
    {"time_major": (False,), "num_constants": (None, 0)}
)
_INITIAL_STATE = "initial_state"

_CELL: Mapping[str, "Json | Required"] = MappingProxyType(
    {"units": REQUIRED, "activation": REQUIRED, "use_bias": True}
)
_GATED: Mapping[str, "Json | Required"] = MappingProxyType(
    {**_CELL, "recurrent_activation": REQUIRED}
)
_CONV: Mapping[str, "Json | Required"] = MappingProxyType(
    {
        "filters": REQUIRED, "kernel_size": REQUIRED, "strides": 1, "padding": "valid", "dilation_rate": 1,
        "data_format": None, "activation": REQUIRED, "recurrent_activation": REQUIRED, "use_bias": True,
    }
)  # fmt: skip
# These cells are always the same.
_CUDNN: Mapping[str, "Json | Required"] = MappingProxyType({"units": REQUIRED, "use_bias": True})
# Before Keras 2.1.5 there was no other GRU than that of the first paper.
_RESET: Mapping[str, Json] = MappingProxyType({"reset_after": False})
# Keras 1 stored a kernel for each gate unless this is "gpu".
_PER_GATE: Mapping[str, Json] = MappingProxyType({"consume_less": "gpu"})


def _cell(used: Mapping[str, "Json | Required"]) -> LayerClass:
    return LayerClass(used=used, ignored=_TRAINING | _COMPUTING)


def _layer(used: Mapping[str, "Json | Required"]) -> LayerClass:
    return LayerClass(
        used={**used, **_SEQUENCE},
        stated=_STATED,
        ignored=_TRAINING | _COMPUTING,
        renamed=_RENAMED,
        tensors=frozenset({_INITIAL_STATE}),
        positions=(_INITIAL_STATE,),
    )


RECURRENT_CLASSES: Mapping[str, LayerClass] = MappingProxyType(
    {
        "LSTM": _layer({**_GATED, **_PER_GATE}),
        "GRU": _layer({**_GATED, **_RESET, **_PER_GATE}),
        "SimpleRNN": _layer({**_CELL, **_PER_GATE}),
        "CuDNNLSTM": _layer(_CUDNN),
        "CuDNNGRU": _layer(_CUDNN),
        **{f"ConvLSTM{rank}D": _layer(_CONV) for rank in (1, 2, 3)},
        "RNN": _layer({"cell": REQUIRED}),
        "LSTMCell": _cell(_GATED),
        "GRUCell": _cell({**_GATED, **_RESET}),
        "SimpleRNNCell": _cell(_CELL),
        "StackedRNNCells": LayerClass(
            used={"cells": REQUIRED}, stated={"reverse_state_order": (False,)}
        ),
        "Bidirectional": LayerClass(
            used={"layer": REQUIRED, "backward_layer": None, "merge_mode": "concat"},
            stated={"num_constants": (None, 0)},
            tensors=frozenset({_INITIAL_STATE}),
            positions=(_INITIAL_STATE,),
        ),
        "TimeDistributed": LayerClass(used={"layer": REQUIRED}),
        "Masking": LayerClass(used={"mask_value": 0.0}),
    }
)
# Layers that go through a sequence step by step, and may be inside a Bidirectional.
CONV_LSTM = frozenset({"ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"})
SEQUENCE_LAYERS = CONV_LSTM | {"LSTM", "GRU", "SimpleRNN", "CuDNNLSTM", "CuDNNGRU", "RNN"}
# What an RNN applies at each step; none of them is a layer of a model.
CELLS = frozenset({"LSTMCell", "GRUCell", "SimpleRNNCell", "StackedRNNCells"})
