"""What the report should say about how a file was read."""

from collections.abc import Iterator

from graph.keras.description import Layer, Model, leaves
from graph.keras.dialects import PRUNING_WRAPPER, Dialect
from graph.keras.json_text import Json, JsonObject
from graph.keras.policies import FLOAT8, MIXED_POLICIES, policy_name, quantization_of
from graph.keras.source import Source
from graph.keras.uploaded_code import training_code


def notes_on(model: Model, source: Source, config: JsonObject) -> tuple[str, ...]:
    """Sentences on readings that are right but may surprise."""
    layers = list(leaves(model))
    notes: list[str] = []
    notes += _on_arithmetic(config)
    code = training_code(config)
    if code:
        more = f" and {len(code) - 3} more places" if len(code) > 3 else ""
        notes.append(
            "Code or classes from outside of Keras that only training uses were ignored, and nothing of them was run:"
            f" {', '.join(code[:3])}{more}."
        )
    if source.dialect is not Dialect.KERAS3 and any(_uses_hard_sigmoid(layer) for layer in layers):
        notes.append(
            "hard_sigmoid is taken as the file's Keras version meant it: clip(0.2 x + 0.5, 0, 1)."
        )
    pruned = sum(layer.wrapper == PRUNING_WRAPPER for layer in layers)
    if pruned:
        notes.append(
            f"{pruned} layers were wrapped for pruning by tfmot; their masks were applied to the weights."
        )
    if source.flips_kernels and any(layer.class_name.startswith("Conv") for layer in layers):
        notes.append(
            "The file was written by Keras with Theano, which turns the kernels of convolutions around. They are turned here,"
            " as Keras 2 does when it loads such a file; tf.keras does not."
        )
    if source.version.startswith("2.2.4-tf") and any(map(_upsamples_bilinearly, layers)):
        notes.append(
            "Bilinear upsampling is taken as TensorFlow 2 computes it; TensorFlow 1.14 and before, which write the same"
            " version of Keras into their files, placed the pixels otherwise."
        )
    optional = sorted(_optional_inputs(config))
    if optional:
        notes.append(
            f"Keras takes None for optional inputs ({', '.join(map(repr, optional))}); here they must be given."
        )
    fixed = [layer.name for layer in layers if _has_fixed_batch(layer)]
    if fixed:
        notes.append(f"Input {fixed[0]!r} states a fixed batch size; any batch size is accepted.")
    return tuple(notes)


def _on_arithmetic(config: JsonObject) -> Iterator[str]:
    """Say what other types than float32 the model stores or computes with in Keras."""
    names = {name for name in map(policy_name, _policies(config)) if isinstance(name, str)}
    mixed = sorted(names & MIXED_POLICIES)
    if mixed:
        yield (
            f"The model computes in mixed precision ({', '.join(mixed)}) in Keras. Its weights are float32, and here all"
            " arithmetic is float32 too, also in the Keras file that comes back, so answers differ from Keras' by the rounding"
            " of the 16-bit type."
        )
    others = sorted(names & {"float16", "bfloat16", "float64"})
    if others:
        yield (
            f"Layers of the model store and compute with {', '.join(others)} in Keras. Here weights and arithmetic are"
            " float32, also in the Keras file that comes back, so answers differ from Keras' by rounding."
        )
    quantized = {quantization_of(name) for name in names} - {""}
    if FLOAT8 in quantized:
        yield (
            "Keras rounds inputs and weights of some layers to float8 when it computes. Their weights are stored in"
            " float32, and are served as they are stored, without rounding."
        )
    if quantized - {FLOAT8}:
        kinds = ", ".join(sorted({kind.split()[0] for kind in quantized - {FLOAT8}}))
        yield (
            f"Weights of the model are quantized ({kinds}). They are served, and come back in the Keras file, as the float32"
            " numbers that they stand for, by the file's own scales. Keras may round the inputs of such layers to 8 bits,"
            " too, which is not done here."
        )


def _policies(config: JsonObject) -> Iterator[Json]:
    """Yield every dtype in a configuration, but for those of inputs."""
    for value in _objects(config):
        inner = value.get("config")
        if isinstance(inner, dict) and value.get("class_name") != "InputLayer":
            yield inner.get("dtype")


def _objects(config: JsonObject) -> Iterator[JsonObject]:
    """Yield all objects of a configuration."""
    pending: list[Json] = [config]
    while pending:
        value = pending.pop()
        if isinstance(value, list):
            pending.extend(value)
        elif isinstance(value, dict):
            yield value
            pending.extend(value.values())


def _optional_inputs(config: JsonObject) -> set[str]:
    """Return the names of the inputs that Keras may be called without."""
    return {
        str(value.get("name"))
        for value in _objects(config)
        if value.get("optional") is True and "batch_shape" in value
    }


def _uses_hard_sigmoid(layer: Layer) -> bool:
    names = ("activation", "recurrent_activation")
    return any(layer.arguments.get(name) == "hard_sigmoid" for name in names)


def _upsamples_bilinearly(layer: Layer) -> bool:
    return layer.class_name == "UpSampling2D" and layer.arguments["interpolation"] == "bilinear"


def _has_fixed_batch(layer: Layer) -> bool:
    shape: Json = layer.arguments.get("batch_shape")
    return isinstance(shape, list) and bool(shape) and shape[0] is not None
