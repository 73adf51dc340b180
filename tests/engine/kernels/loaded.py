"""Kernels compiled and linked once per test process."""

from functools import cache

from engine.core.target import host_target
from engine.kernels.abi import KernelSpec
from engine.kernels.registry import emit
from engine.machine_code.linking import NativeLibrary, load_kernels
from engine.machine_code.object_cache import ObjectCache


@cache
def _library(spec: KernelSpec) -> NativeLibrary:
    return load_kernels({spec.symbol: emit(spec)}, host_target(spec.isa), ObjectCache())


def kernel_address(spec: KernelSpec) -> int:
    """The native address of a kernel; valid until the process ends."""
    return _library(spec).address(spec.symbol)
