"""read_saved_model: a SavedModel -> the graph of one of its signatures, without TensorFlow; nothing of it is run.

The stages in order: `files` opens the archive under limits, `meta_graph` reads saved_model.pb, `checkpoint` the
variables, `flat` opens functions where they are called, `lowering` builds and verifies the graph, `joining` folds
biases into the layers in front of them.
"""

import re
from pathlib import Path

from graph.errors import DamagedFileError
from graph.graph import Graph
from graph.limits import FileLimits
from graph.saved_model.checkpoint import Checkpoint
from graph.saved_model.files import SavedModelFiles, open_files
from graph.saved_model.flat import flatten
from graph.saved_model.joining import joined
from graph.saved_model.lowering import lower_signature, needed, refuse_unknown
from graph.saved_model.meta_graph import choose_signature, open_meta_graph
from graph.saved_model.rules import RULES
from graph.saved_model.variables import Variables, refuse_changes, restored, with_loops
from graph.saved_model.wire import Budget
from graph.verify import verify

_VERSION = re.compile(r"[0-9A-Za-z.+-]{1,40}")


def read_saved_model(
    path: Path,
    limits: FileLimits | None = None,
    *,
    allow_nonfinite: bool = False,
    signature: str | None = None,
) -> tuple[Graph, tuple[str, ...]]:
    """Read a SavedModel.

    Args:
        path: a folder, a zip archive or a gzipped tar archive.
        limits: the limits to hold, by default those of `graph.limits`.
        allow_nonfinite: accept NaN and infinity among the weights.
        signature: the name of the signature to serve; by default "serving_default", or the only one.

    Returns:
        The graph, and what the report should say about the reading.

    Raises:
        ModelFileError: the file is refused; the class says for what kind of reason, the message where.
        GraphError: shapes do not fit together.
    """
    files = open_files(path, limits or FileLimits())
    budget = Budget()
    meta = open_meta_graph(files.model, budget)
    chosen = choose_signature(meta, signature)
    checkpoint = _checkpoint(files, budget)
    tensors = restored(meta, checkpoint)
    fed = frozenset(endpoint.tensor.split(":")[0] for endpoint in chosen.inputs)
    flat = flatten(meta, [endpoint.tensor for endpoint in chosen.outputs], fed)
    refuse_unknown(needed(flat))
    refuse_changes(with_loops(meta, flat.nodes), frozenset(RULES))
    if meta.first_operations:
        refuse_changes(flatten(meta, meta.first_operations).nodes, frozenset(RULES))
    if len(flat.results) != len(chosen.outputs) or not chosen.outputs:
        raise DamagedFileError(
            "a signature of the SavedModel has no outputs, or one that nothing makes"
        )
    variables = Variables(tensors, checkpoint)
    graph, notes = lower_signature(meta, chosen, flat, variables, allow_nonfinite=allow_nonfinite)
    tidy = joined(graph)
    verify(tidy)
    writer = f" of TensorFlow {meta.version}" if _VERSION.fullmatch(meta.version) else ""
    said = (
        f"The file is a SavedModel{writer}: the graph of its signature {chosen.name!r} is read, operation by operation, and the"
        " Keras file that comes back is a functional model of layers that compute the same.",
    )
    return tidy, said + notes


def _checkpoint(files: SavedModelFiles, budget: Budget) -> Checkpoint | None:
    return None if files.index is None else Checkpoint(files.index, files.shards, budget)
