"""Pooling layers -> ops."""

from graph.keras.channels import Channels
from graph.keras.conv_layers import padding_of, per_axis, spatial_rank
from graph.keras.draft import Site
from graph.pooling_ops import AdaptivePool, GlobalPool, Pool, PoolKind
from graph.windows import Padding, expect_spatial


def lower_pooling(site: Site) -> str:
    """Add a MaxPooling or AveragePooling of 1 to 3 spatial axes; the strides are the window's size by default."""
    arguments, rank = site.arguments, spatial_rank(site)
    strides = "pool_size" if arguments["strides"] is None else "strides"
    op = Pool(
        _kind(site),
        per_axis(arguments, "pool_size", rank),
        per_axis(arguments, strides, rank),
        padding_of(arguments, Padding.VALID, Padding.SAME),
    )
    if op.padding is not Padding.VALID and not site.draft.source.pads_as_tensorflow:
        raise arguments.refuse(
            "padding", f"valid, in a file that {site.draft.source.backend} computed for"
        )
    channels = Channels(site)
    return channels.restored(site.add(op, on=(channels.input,)))


def lower_global_pooling(site: Site) -> str:
    """Add a global pooling layer."""
    channels = Channels(site)
    expect_spatial(channels.type, spatial_rank(site))
    op = GlobalPool(_kind(site), site.arguments.flag("keepdims"))
    return channels.restored(site.add(op, on=(channels.input,)))


def lower_adaptive_pooling(site: Site) -> str:
    """Add an adaptive pooling layer."""
    op = AdaptivePool(_kind(site), per_axis(site.arguments, "output_size", spatial_rank(site)))
    channels = Channels(site)
    return channels.restored(site.add(op, on=(channels.input,)))


def _kind(site: Site) -> PoolKind:
    return PoolKind.MAX if "Max" in site.layer.class_name else PoolKind.AVERAGE
