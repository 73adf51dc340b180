"""Built-in functions of Python made of `engine.kernels.call`: each computes the request of one workspace."""

import ctypes
from collections.abc import Callable

from engine.core.errors import LinkError
from engine.execution.workspace import Workspace
from engine.kernels.call import ARRAY_DATA_BYTES, SYMBOL
from engine.kernels.driver import Request

_METH_FASTCALL = 0x80
_MAKE = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.py_object)(
    ("PyCFunction_NewEx", ctypes.pythonapi)
)
_FUNCTIONS = {
    Request.SAVE_THREAD: "PyEval_SaveThread",
    Request.RESTORE_THREAD: "PyEval_RestoreThread",
    Request.INC_REF: "Py_IncRef",
}


class MethodDef(ctypes.Structure):
    """CPython's `PyMethodDef`: what a built-in function is made of."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


def method_of(address: int) -> MethodDef:
    """Return the definition of built-in functions with the code of `prunus_call` at an address."""
    return MethodDef(SYMBOL.encode(), address, _METH_FASTCALL, None)


def builtin_of(method: MethodDef, workspace: Workspace, owner: object) -> Callable[..., object]:
    """Return a built-in function that takes inputs and outputs and computes a workspace's request.

    Args:
        method: what `method_of` returned.
        workspace: its request must be filled but for the addresses of arrays.
        owner: owner of the method and of all code; lives at least as long as the function.

    Raises:
        LinkError: this NumPy's arrays are not what native code takes them for.
    """
    block = workspace.block
    place = ctypes.c_void_p.from_address(id(block) + ARRAY_DATA_BYTES)
    if place.value != block.ctypes.data:
        raise LinkError((SYMBOL,), "the data of NumPy's arrays is not where it is expected")
    for field, name in _FUNCTIONS.items():
        function = ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p)
        block[field] = function.value or 0
    # Functions of a module have the module in the owner's place: Python only keeps it alive.
    made: Callable[..., object] = _MAKE(ctypes.addressof(method), block, owner)
    return made
