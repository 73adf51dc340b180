"""The table of operations that are read, and of the attributes that their rules know."""

from graph.saved_model import (
    loops,
    ops_copies,
    ops_elements,
    ops_images,
    ops_indexing,
    ops_products,
    ops_reductions,
    ops_shape,
    ops_windows,
)
from graph.saved_model.site import Rules

RULES: Rules = {
    **loops.RULES,
    **ops_copies.RULES,
    **ops_elements.RULES,
    **ops_images.RULES,
    **ops_indexing.RULES,
    **ops_products.RULES,
    **ops_reductions.RULES,
    **ops_shape.RULES,
    **ops_windows.RULES,
}
LENGTH_RULES: Rules = {**ops_indexing.LENGTH_RULES, **ops_shape.LENGTH_RULES}
# What is not in the tables, since it is no operation on values.
SOURCES = frozenset({"Const", "Placeholder", "PlaceholderWithDefault", "VarHandleOp", "VariableV2",
                     "Variable", "ReadVariableOp", "ResourceGather", "NoOp"})  # fmt: skip
KNOWN_OPERATIONS = frozenset(RULES) | SOURCES | loops.LOOPS
# Attributes that change nothing: types that follow from the inputs, hints for other processors, and the like.
_SILENT = frozenset(
    {"T", "Tidx", "Tshape", "Tperm", "Tpaddings", "Tdim", "Tindices", "Taxis", "Tparams", "Tlen", "TI",
     "Tmultiples", "Index", "index_type", "N", "num", "num_split", "SrcT", "dtype", "U", "TIndex",
     "use_cudnn_on_gpu", "parallel_iterations", "element_dtype", "shape_type", "message", "Tblock_shape",
     "Tcrops", "grad_a", "grad_b", "a_is_sparse", "b_is_sparse", "shape", "value", "validate_indices",
     "incompatible_shape_error", "Truncate", "shared_name", "container", "grad_x", "grad_y", "debug_name",
     "allowed_devices", "cond", "body", "output_shapes", "num_elements", "handle_dtype", "use_locking", "Tin", "Tout", "index", "Tcond"}
)  # fmt: skip
# Those that rules look at, in whichever operation they occur.
_READ = frozenset(
    {"DstT", "out_type", "output_type", "transpose_a", "transpose_b", "adj_x", "adj_y", "strides", "padding",
     "dilations", "data_format", "explicit_paddings", "ksize", "is_training", "epsilon", "exponential_avg_factor",
     "align_corners", "half_pixel_centers", "keep_dims", "squeeze_dims", "axis", "begin_mask", "end_mask",
     "ellipsis_mask", "new_axis_mask", "shrink_axis_mask", "alpha", "equation", "exclusive", "reverse", "mode",
     "block_size", "batch_dims"}
)  # fmt: skip


def unknown_attributes(names: frozenset[str]) -> list[str]:
    """Return the names of attributes that no rule knows."""
    return sorted(names - _SILENT - _READ)
