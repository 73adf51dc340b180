"""Compile settings of Keras 1 and 2, and of HDF5 files, in the form in which Keras 3 writes them.

Only names and numbers are taken over: the optimizer by its class with the numbers that it has in Keras 3, too, losses
and metrics by their names. `training_settings` then decides about them as about any others.
"""

from graph.keras.json_text import Json, JsonObject
from graph.keras.training_settings import OPTIMIZERS

_COPIED = ("loss", "loss_weights", "metrics", "weighted_metrics")
_MODULES = {
    "loss": "keras.losses",
    "metrics": "keras.metrics",
    "weighted_metrics": "keras.metrics",
}
# Arguments that the optimizers of Keras 2 and 3 both have, with the same meaning.
_NUMBERS = frozenset(
    """learning_rate momentum nesterov rho beta_1 beta_2 epsilon amsgrad centered weight_decay clipnorm clipvalue
    global_clipnorm initial_accumulator_value""".split()  # noqa: SIM905
)


def settings_of_keras3(config: Json, *, is_keras3: bool) -> Json:
    """Rewrite a `training_config` or `compile_config`; what it does not understand stays, and is refused later.

    Args:
        config: as an older Keras, or an HDF5 file, has it.
        is_keras3: Keras 3 wrote it, into an HDF5 file: objects only lack their module.
    """
    if not isinstance(config, dict):
        return config
    modules = _MODULES if is_keras3 else {}
    found: JsonObject = {name: _named(config.get(name), modules.get(name)) for name in _COPIED}
    found["optimizer"] = _optimizer(config.get("optimizer_config", config.get("optimizer")))
    return found


def _optimizer(value: Json) -> Json:
    if not isinstance(value, dict):
        return value
    class_name, config = value.get("class_name"), value.get("config")
    name = class_name.removeprefix("Custom>") if isinstance(class_name, str) else ""
    # Before Keras 2.3 names were written in lower case.
    known = {one.lower(): one for one in OPTIMIZERS}.get(name.lower())
    if known is None or not isinstance(config, dict):
        return value
    given = {"learning_rate" if key == "lr" else key: number for key, number in config.items()}
    numbers: JsonObject = {key: number for key, number in given.items() if key in _NUMBERS}
    return {
        "module": "keras.optimizers",
        "class_name": known,
        "config": numbers,
        "registered_name": None,
    }


def _named(value: Json, module: str | None) -> Json:
    """A metric that Keras 2 wrote as a wrapped function, by the name that it was given; objects with their module.

    Objects of Keras 2 stay as they are, without a module, as their arguments may mean something else in Keras 3.
    """
    if isinstance(value, list):
        return [_named(item, module) for item in value]
    if not isinstance(value, dict):
        return value
    config = value.get("config")
    if value.get("class_name") == "MeanMetricWrapper" and isinstance(config, dict):
        return config.get("name")
    if "class_name" in value:
        return {"module": module, **value} if module is not None else value
    return {key: _named(item, module) for key, item in value.items()}
