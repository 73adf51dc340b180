"""Configuration JSON -> typed descriptions, by allow-list only; see `graph.keras.description`."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise

from graph import limits as bounds
from graph.errors import (
    ConfigError,
    CustomCodeError,
    FileLimitError,
    ModelFileError,
    TopologyError,
    UnsupportedArgumentError,
    UnsupportedDtypeError,
    UnsupportedLayerError,
)
from graph.keras.activation_layers import activation_of
from graph.keras.archive import ModelArchive
from graph.keras.arguments import Arguments, check_arguments, plain
from graph.keras.classes import OPERATION_PREFIX, is_supported, refuse_branches, resolve_class
from graph.keras.description import Call, Layer, Model, Port, TensorRef
from graph.keras.dialects import (
    CODE_LAYERS,
    LAYER_CLASSES,
    MODEL_CLASSES,
    WRAPPERS,
    Dialect,
    dialect_of,
    stores_deviations,
)
from graph.keras.json_text import Json, JsonObject, as_list, as_name, as_object, show
from graph.keras.keras1_layers import later_arguments
from graph.keras.merged_models import merged_branches, merged_model, without_branches
from graph.keras.operands import parse_function_call, parse_operation_call
from graph.keras.operation_classes import OPERATION_CLASSES
from graph.keras.parts import with_calls, with_parts
from graph.keras.policies import QUANTIZED_CLASSES, check_dtype, quantization_of
from graph.keras.spatial_classes import SPATIAL_CLASSES
from graph.keras.tensorflow_functions import TENSORFLOW_LAYERS
from graph.keras.topology import computation_order, parse_call, parse_ports
from graph.keras.training_settings import training_arguments
from graph.keras.unsupported import Refused, refusal, with_others
from graph.keras.uploaded_code import code_errors
from graph.limits import FileLimits


def parse_model(archive: ModelArchive, limits: FileLimits) -> Model:
    """Describe the model that a file's configuration defines.

    Raises:
        ModelFileError: something in it is not supported; the class says what kind of thing. Layers of kinds that are
            not supported are named all together, before anything else that is wrong with the model.
    """
    parser = _Parser(archive.keras_version, limits)
    code = code_errors(archive.config)
    if code:
        raise with_others(code[0], [*code, *parser.other_reasons(archive.config)])
    try:
        layer = parser.layer(archive.config, "", is_root=True)
    except FileLimitError:
        raise
    except ModelFileError as error:
        if parser.refused:
            raise refusal(parser.refused, archive) from error
        raise
    if parser.refused:
        raise refusal(parser.refused, archive)
    if layer.model is None:
        raise UnsupportedLayerError(
            f"the file holds a single layer {layer.class_name}", expected="a model"
        )
    return layer.model


class _Parser:
    """Walks one configuration; counts its layers, and remembers those that are not read."""

    def __init__(self, version: str, limits: FileLimits) -> None:
        self._dialect = dialect_of(version)
        self._stores_deviations = stores_deviations(version)
        self._limits = limits
        self._layers = 0
        self._depth = 0
        self.refused: list[Refused] = []

    def other_reasons(self, config: JsonObject) -> list[ModelFileError]:
        """Return what is wrong with a model besides the Python code in it, as far as its layers can be told."""
        with suppress(ModelFileError):
            self.layer(config, "", is_root=True)
        return [
            layer.reason
            or UnsupportedLayerError(
                f"layer {layer.path!r} ({layer.class_name}) is not supported yet"
            )
            for layer in self.refused
            if layer.class_name not in CODE_LAYERS
        ]

    def layer(self, data: Json, parent: str, *, is_root: bool = False) -> Layer:
        """Describe one layer or model, its calls not yet."""
        self._count()
        item = as_object(data, "a layer")
        written = as_name(item.get("class_name"), "a layer's class_name")
        config = item.get("config")
        name = _name(item, config, is_root)
        path = f"{parent}/{name}" if parent else name
        where = f"layer {path!r} ({written})"
        if path.count("/") > bounds.MAX_MODEL_DEPTH:
            raise FileLimitError(
                "layers are nested too deeply", expected=f"at most {bounds.MAX_MODEL_DEPTH} levels"
            )
        # Without a class as long as it is not known to be one of Keras.
        layer = Layer(name, path, "", written, {}, is_trainable=_flag(config, where))
        try:
            class_name = resolve_class(item, written, where)
        except CustomCodeError as error:
            self.refused.append(Refused(path, written, error))
            return layer
        if class_name in WRAPPERS:
            return self._wrapped(class_name, as_object(config, where), name, path, parent)
        module = item.get("module") if class_name.startswith(OPERATION_PREFIX) else None
        layer = replace(layer, class_name=class_name, module=str(module or ""))
        if not is_supported(class_name):
            self.refused.append(Refused(path, class_name))
            return layer
        if class_name in MODEL_CLASSES:
            inside = "" if is_root else path
            model = self._model(class_name, config, item, name, inside)
            return replace(layer, model=model)
        try:
            return self._leaf(layer, as_object(config, where), where)
        except (
            CustomCodeError,
            UnsupportedArgumentError,
            UnsupportedDtypeError,
            UnsupportedLayerError,
        ) as error:
            if class_name == "InputLayer":
                raise  # What follows needs to know its shape.
            self.refused.append(Refused(path, class_name, error))
            return layer

    def _leaf(self, layer: Layer, config: JsonObject, where: str) -> Layer:
        """Describe a layer of a class that is read."""
        class_name = layer.class_name
        if class_name.startswith(OPERATION_PREFIX):
            # What the operation of a function of TensorFlow is called with stands in its calls.
            known = OPERATION_CLASSES[class_name.removeprefix(OPERATION_PREFIX)]
            kept = {name: value for name, value in config.items() if name != "dtype"}
            written = kept if layer.written in TENSORFLOW_LAYERS else dict(config)
            return replace(layer, arguments=written, outputs=known.outputs)
        if class_name == "Merge":
            refuse_branches(config, where)
        if self._dialect is Dialect.KERAS1 and class_name in SPATIAL_CLASSES:
            config = later_arguments(config)
        arguments = check_arguments(config, LAYER_CLASSES[class_name], where, class_name)
        if class_name == "BatchNormalization" and self._stores_deviations:
            raise UnsupportedLayerError(
                f"{where} comes from a Keras before 1.2, which did not always store variances",
                hint="load the model in Keras 1.2 or 2 and save it again",
            )
        for name in ("activation", "recurrent_activation"):
            if name in arguments:
                activation_of(arguments[name], Arguments(arguments, where), self._dialect)
        training = training_arguments(
            config,
            LAYER_CLASSES[class_name],
            is_keras3=self._dialect is Dialect.KERAS3,
        )
        layer = replace(layer, arguments=arguments, training=training)
        if class_name in QUANTIZED_CLASSES:
            layer = replace(layer, quantization=quantization_of(config.get("dtype")))
        return with_parts(layer, self.layer)

    def _count(self) -> None:
        self._layers += 1
        if self._layers > self._limits.max_layers:
            raise FileLimitError(
                "the model has too many layers", expected=f"at most {self._limits.max_layers}"
            )

    def _wrapped(
        self, wrapper: str, config: JsonObject, name: str, path: str, parent: str
    ) -> Layer:
        """Return a layer inside a wrapper that only training needs: the inner one, under the wrapper's name."""
        where = f"layer {path!r} ({wrapper})"
        check_dtype(config.get("dtype"), where)
        unknown = sorted(set(config) - WRAPPERS[wrapper] - {"layer"})
        if unknown:
            raise ConfigError(f"{where} has an unknown argument {unknown[0]!r}")
        inner = self.layer(config.get("layer"), parent)
        if inner.model is not None or inner.wrapper or inner.parts:
            raise UnsupportedLayerError(f"{where} wraps {inner.class_name}", expected="a layer")
        return replace(
            inner, name=name, path=path, written=wrapper, wrapper=wrapper, inner_name=inner.name
        )

    def _model(
        self, class_name: str, config: Json, item: JsonObject, name: str, path: str
    ) -> Model:
        if path.count("/") >= bounds.MAX_MODEL_DEPTH:
            raise FileLimitError(
                "models are nested too deeply", expected=f"at most {bounds.MAX_MODEL_DEPTH} levels"
            )
        if class_name == "Sequential":
            return self._sequential(config, item, name, path)
        return self._functional(as_object(config, f"model {name!r}"), name, path)

    def _sequential(self, config: Json, item: JsonObject, name: str, path: str) -> Model:
        where = f"model {name!r}"
        # Keras 1, and Keras 2 before 2.2.3, wrote the bare list of layers.
        outer = config if isinstance(config, dict) else {}
        raw = as_list(outer.get("layers") if isinstance(config, dict) else config, where)
        check_dtype(outer.get("dtype"), where)
        if not raw:
            raise TopologyError(f"{where} has no layers")
        branches = merged_branches(raw)
        if branches:
            return self._merged(branches, raw, name, path, is_trainable=_flag(outer, where))
        layers = [self.layer(entry, path) for entry in raw]
        if layers[0].class_name != "InputLayer":
            shape = _first_shape(raw[0]) or plain(_build_shape(outer, item))
            layers.insert(0, _implied_input(layers[0], raw[0], shape, path, self._dialect))
        _check_names(layers, where)
        return _chain(layers, name, is_trainable=_flag(outer, where))

    def _merged(
        self,
        branches: Sequence[JsonObject],
        raw: Sequence[Json],
        name: str,
        path: str,
        *,
        is_trainable: bool,
    ) -> Model:
        """Describe a Sequential of Keras 1 that begins with other models."""
        if self._depth >= bounds.MAX_MODEL_DEPTH:
            raise FileLimitError(
                "models are nested too deeply", expected=f"at most {bounds.MAX_MODEL_DEPTH} levels"
            )
        self._depth += 1
        models = [self._sequential(one.get("config"), one, name, path) for one in branches]
        self._depth -= 1
        merge = without_branches(as_object(raw[0], "a Merge"))
        rest = [self.layer(entry, path) for entry in (merge, *raw[1:])]
        return merged_model(models, rest, name, is_trainable=is_trainable)

    def _functional(self, config: JsonObject, name: str, path: str) -> Model:
        where = f"model {name!r}"
        check_dtype(config.get("dtype"), where)
        raw = as_list(config.get("layers"), f"layers of {where}")
        layers = [self.layer(entry, path) for entry in raw]
        _check_names(layers, where)
        offsets = {layer.name: 1 for layer in layers if layer.model and self._has_first_node(layer)}
        in_calls = {} if self._is_keras3_notation(raw) else offsets
        called = []
        for entry, layer in zip(raw, layers, strict=True):
            nodes = as_list(as_object(entry, where).get("inbound_nodes", []), "inbound_nodes")
            parse = _call_parser(layer)
            calls = tuple(parse(node, f"layer {layer.path!r}", in_calls) for node in nodes)
            if layer.class_name == "InputLayer" and not calls:
                calls = (Call(()),)
            called.append(with_calls(layer, calls))
        inputs = parse_ports(config.get("input_layers"), "input_layers", offsets)
        outputs = parse_ports(config.get("output_layers"), "output_layers", offsets)
        order = computation_order(called, (*inputs, *outputs), name)
        return Model(
            name, "Functional", _flag(config, where), tuple(called), inputs, outputs, order
        )

    def _is_keras3_notation(self, raw: Sequence[Json]) -> bool:
        nodes = [
            node
            for entry in raw
            if isinstance(entry, dict) and isinstance(entry.get("inbound_nodes"), list)
            for node in as_list(entry["inbound_nodes"], "inbound_nodes")
        ]
        return any(isinstance(node, dict) and "args" in node for node in nodes)

    def _has_first_node(self, layer: Layer) -> bool:
        """Return whether node indices of a nested model start at 1: it came with a first call, on its own inputs.

        In Keras 3 only Functional models do, and only `output_layers` counts that call. Before, Sequential models
        were Functional too, unless they were built without knowing their input's shape.
        """
        if layer.class_name == "Functional":
            return True
        if self._dialect is Dialect.KERAS3 or layer.model is None:
            return False
        first = layer.model.layers[0]
        return not first.is_implied or first.arguments["batch_shape"] is not None


def _call_parser(layer: Layer) -> Callable[[Json, str, Mapping[str, int]], Call]:
    if layer.written in TENSORFLOW_LAYERS:
        return parse_function_call
    if layer.class_name.startswith(OPERATION_PREFIX):
        return parse_operation_call
    accepted = LAYER_CLASSES.get(layer.class_name)
    return lambda node, what, offsets: parse_call(node, what, offsets, accepted)


def _name(item: JsonObject, config: Json, is_root: bool) -> str:
    inner = config.get("name") if isinstance(config, dict) else None
    outer = item.get("name")
    if is_root and inner is None and outer is None:
        return "model"  # Keras 1 gave Sequential models no name in the file.
    if inner is not None and outer is not None and inner != outer:
        raise ConfigError("a layer has two names", got=f"{show(outer)} and {show(inner)}")
    if inner is None and outer is None and isinstance(config, list):
        return "sequential"
    return as_name(outer if inner is None else inner, "a layer's name")


def _flag(config: Json, where: str) -> bool:
    value = config.get("trainable", True) if isinstance(config, dict) else True
    if value not in (True, False, None):
        raise ConfigError(f"{where} has a wrong value for 'trainable'", got=show(value))
    return value is not False


def _check_names(layers: Sequence[Layer], where: str) -> None:
    seen: set[str] = set()
    for layer in layers:
        if layer.name in seen:
            raise ConfigError(f"{where} has two layers named {layer.name!r}")
        seen.add(layer.name)


def _first_shape(data: Json) -> Json:
    """The input shape that the first layer of a Sequential states, looking into nested models as Keras 2 does."""
    item = as_object(data, "a layer")
    config = item.get("config")
    inner: Json = None
    if isinstance(config, list):
        inner = config[0] if config else None
    elif isinstance(config, dict):
        shape = plain(config.get("batch_input_shape", config.get("batch_shape")))
        if shape is not None:
            return shape
        if config.get("input_dim") is not None and item.get("class_name") == "Dense":
            return [None, config["input_dim"]]
        layers = config.get("layers")
        inner = layers[0] if isinstance(layers, list) and layers else config.get("layer")
    return _first_shape(inner) if isinstance(inner, dict) else None


def _build_shape(config: Mapping[str, Json], item: JsonObject) -> Json:
    build = item.get("build_config")
    stated = config.get("build_input_shape")
    return stated if stated is not None or not isinstance(build, dict) else build.get("input_shape")


def _implied_input(first: Layer, raw: Json, shape: Json, path: str, dialect: Dialect) -> Layer:
    name = "input_layer" if dialect is Dialect.KERAS3 else f"{first.name}_input"
    config = as_object(raw, "a layer").get("config")
    dtype = config.get("input_dtype") if isinstance(config, dict) else None
    return Layer(
        name,
        f"{path}/{name}" if path else name,
        "InputLayer",
        "InputLayer",
        {"batch_shape": shape, "dtype": dtype or "float32"},
        is_implied=True,
    )


def _chain(layers: Sequence[Layer], name: str, *, is_trainable: bool) -> Model:
    called = [replace(layers[0], calls=(Call(()),))]
    for before, layer in pairwise(layers):
        if layer.class_name == "InputLayer":
            raise TopologyError(f"model {name!r} has an InputLayer that is not its first layer")
        source = TensorRef(before.name, 0, 0)
        called.append(replace(layer, calls=(Call((source,), is_single=True),)))
        if before.output_count != 1:
            raise TopologyError(f"layer {before.path!r} has several outputs within a Sequential")
    first, last = called[0].name, called[-1]
    outputs = last.output_count
    return Model(
        name,
        "Sequential",
        is_trainable,
        tuple(called),
        (Port("", TensorRef(first, 0, 0)),),
        tuple(Port("", TensorRef(last.name, 0, index)) for index in range(outputs)),
        tuple((place, 0) for place in range(len(called))),
    )
