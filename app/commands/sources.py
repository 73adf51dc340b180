"""Opening what a command is given: a Keras model file, or an artifact that Prunus wrote."""

from dataclasses import replace
from pathlib import Path

import orjson

from app.core.errors import InvalidRequestError
from engine.artifacts.artifact import MAGIC, open_artifact
from engine.compiler import CompileOptions, compile_graph
from engine.core.target import host_target
from engine.machine_code.object_cache import ObjectCache
from engine.planning.plan import CompiledModel


def is_artifact(path: Path) -> bool:
    """Tell whether a file starts as an artifact does; a folder does not."""
    if path.is_dir():
        return False
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def object_cache(folder: Path) -> ObjectCache:
    """Open the folder of compiled kernels; it is made where it does not exist."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    return ObjectCache(folder)


def read_recipe(text: str | None) -> dict[str, object]:
    """Read a recipe: JSON, or the path of a JSON file; nothing is the default recipe.

    Raises:
        InvalidRequestError: it is neither.
    """
    if text is None:
        return {}
    try:
        content = text.encode() if text.lstrip().startswith("{") else Path(text).read_bytes()
        recipe = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise InvalidRequestError("the recipe is not JSON", got=str(error)) from None
    if not isinstance(recipe, dict):
        raise InvalidRequestError("the recipe is no JSON object", got=type(recipe).__name__)
    return recipe


def compiled_from(path: Path, cache: ObjectCache, *, allow_nonfinite: bool) -> CompiledModel:
    """Return the compiled model of an artifact, or of a model file pruned losslessly.

    A model file is compiled without timing kernels; `prunus prune --artifact` does that.

    Raises:
        PrunusError: the file cannot be used.
    """
    if is_artifact(path):
        return open_artifact(path).model
    return compile_lossless(path, cache, allow_nonfinite=allow_nonfinite)


def compile_lossless(path: Path, cache: ObjectCache, *, allow_nonfinite: bool) -> CompiledModel:
    """Return the compiled model of a model file, pruned by the default recipe."""
    # Imported here: an artifact is run without the reader and the pruning room.
    from app.speed import varying_of
    from graph.model_files.read import read_model_file
    from pruning.recipe_parser import parse_recipe
    from pruning.varying import prune_any

    graph = read_model_file(path, allow_nonfinite=allow_nonfinite).graph
    pruned = prune_any(graph, parse_recipe({}))
    options = CompileOptions(tune=False)
    made = compile_graph(pruned.graph, host_target(), options, cache, varying=varying_of(pruned))
    return replace(made, front=pruned.graph.front)
