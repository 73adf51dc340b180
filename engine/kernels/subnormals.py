"""How a call flushes subnormal numbers to zero, as TensorFlow does, and leaves the caller's thread as it was.

A float32 number below 1.2e-38 that is not zero is subnormal. Many processors compute with such numbers 10 to 200
times as slowly. While a request is computed, inputs of an operation that are subnormal count as zero, and results
that would be subnormal become zero: the bits FTZ and DAZ of x86's MXCSR (Intel SDM, volume 1, section 10.2.3), FZ of
Arm's FPCR. They belong to a thread, so they are set when a request begins and set back when it ends; workers, which
run nothing else, have them from their start. Processors of other families compute as they are set.

    state = set_subnormals(keep)        the thread's control bits from before
    ...                                 kernels
    restore_subnormals(state)
"""

import platform

# FTZ (bit 15) and DAZ (bit 6) of MXCSR; FZ (bit 24) of FPCR.
MXCSR_BITS = 0x8040
FPCR_BITS = 1 << 24

_X86 = """
declare void @llvm.x86.sse.stmxcsr(ptr)
declare void @llvm.x86.sse.ldmxcsr(ptr)

define internal i64 @read_control() #0 {
  %place = alloca i32, align 4
  call void @llvm.x86.sse.stmxcsr(ptr %place)
  %state = load i32, ptr %place, align 4
  %wide = zext i32 %state to i64
  ret i64 %wide
}

define internal void @restore_subnormals(i64 %state) #0 {
  %place = alloca i32, align 4
  %narrow = trunc i64 %state to i32
  store i32 %narrow, ptr %place, align 4
  call void @llvm.x86.sse.ldmxcsr(ptr %place)
  ret void
}
"""

_ARM = """
declare i64 @llvm.aarch64.get.fpcr()
declare void @llvm.aarch64.set.fpcr(i64)

define internal i64 @read_control() #0 {
  %state = call i64 @llvm.aarch64.get.fpcr()
  ret i64 %state
}

define internal void @restore_subnormals(i64 %state) #0 {
  call void @llvm.aarch64.set.fpcr(i64 %state)
  ret void
}
"""

_OTHER = """
define internal i64 @read_control() #0 {
  ret i64 0
}

define internal void @restore_subnormals(i64 %state) #0 {
  ret void
}
"""

_SET = """
; Flush subnormal numbers, or keep them where %keep is not 0; the control bits from before.
define internal i64 @set_subnormals(i64 %keep) #0 {
  %state = call i64 @read_control()
  %kept = and i64 %state, OTHER_BITS
  %flushed = or i64 %state, FLUSH_BITS
  %keeps = icmp ne i64 %keep, 0
  %wanted = select i1 %keeps, i64 %kept, i64 %flushed
  call void @restore_subnormals(i64 %wanted)
  ret i64 %state
}
"""


def subnormals_text(machine: str | None = None) -> str:
    """Return the LLVM IR of `set_subnormals` and `restore_subnormals`, for functions of the same module.

    Args:
        machine: name of the processor's family; default: this host's.
    """
    family = (machine or platform.machine()).lower()
    if family in {"x86_64", "amd64"}:
        text, bits = _X86, MXCSR_BITS
    elif family in {"aarch64", "arm64"}:
        text, bits = _ARM, FPCR_BITS
    else:
        text, bits = _OTHER, 0
    return text + _SET.replace("FLUSH_BITS", str(bits)).replace("OTHER_BITS", str(~bits))
