"""Object code linked into this process, where it can be called."""

import os
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import llvmlite.binding as llvm

from engine.core.errors import LinkError
from engine.core.target import Target
from engine.machine_code.object_cache import ModuleSource, ObjectCache
from engine.machine_code.object_code import LLVM_LOCK, target_machine


class NativeLibrary:
    """Object files linked into this process; the addresses are valid until `close`."""

    def __init__(self, objects: Mapping[str, bytes], target: Target) -> None:
        """Link objects.

        Args:
            objects: object code by the symbol it defines.
            target: CPU that the objects were compiled for.

        Raises:
            LinkError: an object is no valid code for this process, or a symbol is missing.
        """
        self._process = os.getpid()
        builder = llvm.JITLibraryBuilder()
        for symbol, code in objects.items():
            builder.add_object_img(code).export_symbol(symbol)
        self._lljit: Any = None
        self._tracker: Any = None
        try:
            with LLVM_LOCK:
                self._lljit = llvm.create_lljit_compiler(target_machine(target))
                self._tracker = builder.link(self._lljit, "kernels")
        except RuntimeError as error:
            raise LinkError(tuple(objects), str(error)) from error
        self._addresses = {symbol: int(self._tracker[symbol]) for symbol in objects}

    def address(self, symbol: str) -> int:
        """Return the address of a function.

        Raises:
            LinkError: no object of this library defines the symbol, or the library is closed.
        """
        try:
            return self._addresses[symbol]
        except KeyError:
            raise LinkError((symbol,), "not in this library, or the library is closed") from None

    def close(self) -> None:
        """Unload the code. Nothing may run in it, or be called afterwards.

        In a process that was forked from the one that linked it, the code stays: a thread that held LLVM's lock
        at the time of the fork will never give it back there.
        """
        self._addresses = {}
        tracker, self._tracker = self._tracker, None
        lljit, self._lljit = self._lljit, None
        if os.getpid() != self._process:
            for owned in (tracker, lljit):
                if owned is not None:
                    owned.detach()
            return
        with LLVM_LOCK:
            if tracker is not None:
                tracker.close()
            if lljit is not None:
                lljit.close()


def load_kernels(modules: Mapping[str, str], target: Target, cache: ObjectCache) -> NativeLibrary:
    """Compile (or take from the cache) and link modules that are written already.

    Args:
        modules: LLVM IR text by the symbol it defines.
        target: CPU to run on.
        cache: the cache that objects come from and go to.

    Raises:
        CompileError: LLVM does not accept a module.
        LinkError: the code could not be loaded.
    """
    sources = [ModuleSource(symbol, partial(str, text)) for symbol, text in modules.items()]
    return load_sources(sources, target, cache)


def load_sources(
    sources: Iterable[ModuleSource], target: Target, cache: ObjectCache
) -> NativeLibrary:
    """Compile (or take from the cache) and link modules.

    Args:
        sources: modules, each with a symbol of its own.
        target: CPU to run on.
        cache: the cache that objects come from and go to.

    Raises:
        CompileError: LLVM does not accept a module.
        LinkError: the code could not be loaded.
    """
    return NativeLibrary(cache.get_all(sources, target), target)
