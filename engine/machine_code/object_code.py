"""LLVM IR text to object code, several modules at a time.

Every module has an LLVM context of its own, so that the two long steps, optimising and generating code,
share nothing. llvmlite holds one lock during each of its calls; these two are made without it, and
everything else (parsing, creating, freeing) with it.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from ctypes import string_at
from dataclasses import dataclass
from threading import RLock
from typing import Any, TypeVar

import llvmlite.binding as llvm

from engine.core.errors import CompileError
from engine.core.target import Target

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
# LLVM's target registry is not thread-safe. llvmlite's own lock where it has one: with a second lock
# there would be an order to break, since the garbage collector may close a library within any call.
# Both are reentrant for the same reason.
LLVM_LOCK: Any = getattr(llvm.ffi.lib, "_lock", None) or RLock()


def target_machine(target: Target) -> Any:
    """LLVM's code generator for a target; to be called, used to link, and freed, under `LLVM_LOCK`."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(
        cpu=target.cpu_name, features=target.features, opt=2, reloc="pic", codemodel="jitdefault"
    )


def compile_to_object(ir_text: str, symbol: str, target: Target) -> bytes:
    """Compile a module to a relocatable object for `target`; threads do so at the same time.

    Args:
        ir_text: LLVM IR of one module.
        symbol: the function it defines (for messages).
        target: CPU and features to generate code for.

    Raises:
        CompileError: LLVM does not accept the text.
    """
    try:
        with LLVM_LOCK:
            unit = _open_unit(ir_text, target)
        try:
            _unlocked("LLVMPY_RunNewModulePassManager")(unit.passes, unit.module, unit.builder)
            return _emitted(unit)
        finally:
            with LLVM_LOCK:
                unit.owned.close()
    except RuntimeError as error:
        raise CompileError(symbol, str(error)) from error


def on_cores(work: Callable[[_Item], _Result], items: Sequence[_Item], cores: int) -> list[_Result]:
    """Return the results of `work` for each item, computed by up to `cores` threads; the first error is raised."""
    if min(cores, len(items)) < 2:
        return [work(item) for item in items]
    # Costs 8 ms, and a process that finds its objects in the cache never comes here.
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(min(cores, len(items)), "prunus-compile") as pool:
        return list(pool.map(work, items))


@dataclass(frozen=True, slots=True, eq=False)
class _Unit:
    """A parsed module with what compiles it; `owned` frees all of it."""

    module: Any
    machine: Any
    builder: Any
    passes: Any
    owned: ExitStack


def _open_unit(ir_text: str, target: Target) -> _Unit:
    """Parse and check a module in a context of its own."""
    with ExitStack() as stack:
        machine = _closed_by(stack, target_machine(target))
        context = _closed_by(stack, llvm.create_context())
        module = _closed_by(stack, llvm.parse_assembly(ir_text, context))
        module.triple = machine.triple
        module.data_layout = str(machine.target_data)
        module.verify()
        options = _closed_by(stack, _tuning_options())
        builder = _closed_by(stack, llvm.create_pass_builder(machine, options))
        passes = _closed_by(stack, builder.getModulePassManager())
        return _Unit(module, machine, builder, passes, stack.pop_all())


def _closed_by(stack: ExitStack, owner: Any) -> Any:
    stack.callback(owner.close)
    return owner


def _tuning_options() -> Any:
    """LLVM's scalar passes. The vectors are ours, so its vectorisers and unroller stay off."""
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    options.loop_vectorization = False
    options.slp_vectorization = False
    options.loop_unrolling = False
    options.loop_interleaving = False
    return options


def _emitted(unit: _Unit) -> bytes:
    """Return the object code of an optimised module: llvmlite's `emit_object`, of which only the first call is long."""
    with LLVM_LOCK:
        message = llvm.ffi.OutputString()
    buffer = _unlocked("LLVMPY_TargetMachineEmitToMemory")(unit.machine, unit.module, 1, message)
    library = llvm.ffi.lib
    with LLVM_LOCK, message:
        if not buffer:
            raise RuntimeError(str(message))
        try:
            start, size = (
                library.LLVMPY_GetBufferStart(buffer),
                library.LLVMPY_GetBufferSize(buffer),
            )
            return string_at(start, size)
        finally:
            library.LLVMPY_DisposeMemoryBuffer(buffer)


def _unlocked(name: str) -> Any:
    """Return a function of LLVM's library, without llvmlite's lock where it can be had without."""
    function = getattr(llvm.ffi.lib, name)
    return getattr(function, "_cfn", function)
