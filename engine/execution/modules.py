"""The modules that a plan needs: its kernels, and the parts of the runtime that are native code.

Each is written by this program from a few words, so that a process which never sees a model can compile it.
"""

from collections.abc import Callable, Sequence
from functools import partial

from engine.core import limits
from engine.core.errors import UnsupportedModelError
from engine.core.target import Isa
from engine.kernels import call, driver, share
from engine.kernels.abi import KernelSpec
from engine.kernels.registry import emit
from engine.machine_code.fingerprint import writers_fingerprint
from engine.machine_code.object_cache import ModuleSource

_PARTS: dict[str, Callable[[Isa], str]] = {
    driver.SYMBOL: driver.emit_driver,
    share.SYMBOL: share.emit_share,
    call.SYMBOL: lambda _: call.emit_call(),
}


def module_sources(
    specs: Sequence[KernelSpec], isa: Isa, *, several_threads: bool
) -> list[ModuleSource]:
    """Return the driver and kernels.

    Args:
        specs: kernels, each once.
        isa: instruction set level of the runtime's own parts.
        several_threads: whether `prunus_share` is wanted too.

    Raises:
        UnsupportedModelError: there are more kernels than a model may have.
    """
    if len(specs) > limits.MAX_KERNELS:
        raise UnsupportedModelError(
            "the model needs too many different kernels",
            expected=f"at most {limits.MAX_KERNELS}",
            got=str(len(specs)),
        )
    parts = [driver.SYMBOL, *([share.SYMBOL] if several_threads else []), call.SYMBOL]
    written: list[KernelSpec | str] = [*parts, *specs]
    return [source_of(each, isa) for each in written]


def source_of(written: KernelSpec | str, isa: Isa) -> ModuleSource:
    """Return a kernel, or a part of the runtime by its symbol.

    Raises:
        KeyError: the runtime has no such part.
    """
    if isinstance(written, KernelSpec):
        identity = _identity(written)
        return ModuleSource(written.symbol, partial(emit, written), identity, written)
    write = partial(_PARTS[written], isa)
    return ModuleSource(written, write, _identity((written, isa)), written)


def _identity(written: tuple[str, Isa] | KernelSpec) -> str | None:
    """Return what stands for a module's text; None where the writers are unknown."""
    writers = writers_fingerprint()
    return None if writers is None else f"{writers} {written!r}"
