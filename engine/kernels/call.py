"""`prunus_call`: what Python calls, as it calls its own built-in functions.

    PyObject *prunus_call(PyObject *self, PyObject *const *arrays, Py_ssize_t count)

`self` is the NumPy array that holds a request. The addresses of the elements of `arrays` (inputs, then
outputs) go to the places of the request, its function is called without the GIL, and `self` is returned.
Python's general way into native code converts every argument, which takes longer than a small layer; so
does asking an array for its address. The place of the data pointer in an array object is part of NumPy's
binary interface, and `ARRAY_DATA_BYTES` here; the calling convention (METH_FASTCALL) and the functions used
are part of CPython's. Their addresses are in the request, so the machine code is the same in every process.

Sample of what is generated::

    request = self->data
    for i in range(count): request.inputs[i] = arrays[i]->data
    state = PyEval_SaveThread(); request.function(request); PyEval_RestoreThread(state)
    Py_IncRef(self); return self
"""

from string import Template

from engine.kernels.driver import Request

SYMBOL = "prunus_call"
# PyArrayObject: behind the head of every object (reference count, type) comes the address of the data.
ARRAY_DATA_BYTES = object.__basicsize__

_TEXT = """
define ptr @prunus_call(ptr %self, ptr %arrays, i64 %count) #0 {
entry:
  %selfp = getelementptr i8, ptr %self, i64 $DATA
  %request = load ptr, ptr %selfp, align 8
  %placesp = getelementptr i8, ptr %request, i64 $INPUTS
  %places = load ptr, ptr %placesp, align 8
  br label %look
look:
  %i = phi i64 [ 0, %entry ], [ %i.n, %read ]
  %more = icmp slt i64 %i, %count
  br i1 %more, label %read, label %run
read:
  %arrayp = getelementptr ptr, ptr %arrays, i64 %i
  %array = load ptr, ptr %arrayp, align 8
  %datap = getelementptr i8, ptr %array, i64 $DATA
  %data = load ptr, ptr %datap, align 8
  %place = getelementptr ptr, ptr %places, i64 %i
  store ptr %data, ptr %place, align 8
  %i.n = add i64 %i, 1
  br label %look
run:
  %savep = getelementptr i8, ptr %request, i64 $SAVE_THREAD
  %save = load ptr, ptr %savep, align 8
  %functionp = getelementptr i8, ptr %request, i64 $FUNCTION
  %function = load ptr, ptr %functionp, align 8
  %restorep = getelementptr i8, ptr %request, i64 $RESTORE_THREAD
  %restore = load ptr, ptr %restorep, align 8
  %state = call ptr %save()
  call void %function(ptr %request)
  call void %restore(ptr %state)
  %keepp = getelementptr i8, ptr %request, i64 $INC_REF
  %keep = load ptr, ptr %keepp, align 8
  call void %keep(ptr %self)
  ret ptr %self
}

attributes #0 = { nounwind uwtable }
"""


def emit_call() -> str:
    """Return the LLVM IR of `prunus_call`."""
    fields = {place.name: 8 * place.value for place in Request}
    return Template(_TEXT).substitute(fields, DATA=ARRAY_DATA_BYTES)
