"""The system calls that a confined process may make: what Python, NumPy, h5py and LLVM need, and no other.

Found by tracing whole jobs (`strace -f`), and what the same libraries fall back to on other kernels. Numbers are of
asm/unistd_64.h and asm-generic/unistd.h. A call that is not listed fails with EPERM; so do calls that a later kernel
adds. That refuses by omission, among others: sockets, new programs and processes, signals and limits of other
processes, shared memory and keys that outlive the process, links (`link`, `symlink`), and every call that changes the
mode, owner, times or attributes of files (`chmod`, `chown`, `utimensat`, `setxattr`), which Landlock does not cover.
"""

from dataclasses import dataclass

# The words of an argument, as struct seccomp_data has them on little-endian CPUs.
LOW, HIGH = 0, 4


@dataclass(frozen=True, slots=True)
class Check:
    """An argument that must have one of some values.

    Attributes:
        argument: its place, from 0.
        values: the values, of 32 bits, of which the argument must be one.
        mask: the bits of it that are looked at.
        word: `LOW` or `HIGH`. Arguments that the kernel takes as 32 bits are looked at by their low word.
    """

    argument: int
    values: tuple[int, ...]
    mask: int = 0xFFFFFFFF
    word: int = LOW


@dataclass(frozen=True, slots=True)
class Architecture:
    """Numbers that differ between CPU families.

    Attributes:
        audit: AUDIT_ARCH_* value that the kernel shows to a seccomp filter (linux/audit.h).
        calls: numbers of the system calls that are allowed or looked at.
    """

    audit: int
    calls: dict[str, int]


_CLONE_VM, _CLONE_SIGHAND, _CLONE_THREAD = 0x100, 0x800, 0x10000
_THREAD = _CLONE_VM | _CLONE_SIGHAND | _CLONE_THREAD
# CLONE_NEWTIME, NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET; CLONE_PTRACE and VFORK.
_NEW_OR_WATCHED = 0x7E020080 | 0x2000 | 0x4000
# F_DUPFD, GETFD, SETFD, GETFL, SETFL, GETLK, SETLK, SETLKW, OFD_GETLK, OFD_SETLK, OFD_SETLKW, DUPFD_CLOEXEC.
_FCNTL = (0, 1, 2, 3, 4, 5, 6, 7, 36, 37, 38, 1030)
# TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX: Python looks at each file that it opens.
_IOCTL = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
# PR_SET_NAME, PR_GET_NAME, PR_SET_VMA: names of threads and of memory.
_PRCTL = (15, 16, 0x53564D41)


def checks(pid: int) -> dict[str, tuple[Check, ...]]:
    """Return what arguments of calls must be; a call passes when all its checks do.

    Args:
        pid: number of the process that is confined.
    """
    own = (0, pid)
    return {
        # Threads, and nothing that is a process or a namespace of its own.
        "clone": (Check(0, (_THREAD,), mask=_THREAD | _NEW_OR_WATCHED),),
        # `abort` sends the process a signal. Not 0 and not negative numbers, which mean groups.
        "kill": (Check(0, (pid,)),),
        "tgkill": (Check(0, (pid,)),),
        # No owner or signal of a file (F_SETOWN, F_SETSIG), leases, sizes of pipes.
        "fcntl": (Check(1, _FCNTL),),
        "ioctl": (Check(1, _IOCTL),),
        # Not PR_SET_PDEATHSIG: the process shall end with the server.
        "prctl": (Check(0, _PRCTL),),
        # Limits can be read, not set, and only its own.
        "prlimit64": (Check(0, own), Check(2, (0,)), Check(2, (0,), word=HIGH)),
        "sched_getaffinity": (Check(0, own),),
        "sched_setaffinity": (Check(0, own),),
    }


# Calls of threads and clocks first: an old kernel goes through the list at each call.
ALLOWED = (
    *("sched_yield", "clock_gettime", "futex", "read", "write", "lseek", "close", "newfstatat"),
    *("openat", "mmap", "munmap", "mprotect", "madvise", "brk", "mremap"),
    # files
    *("readv", "writev", "pread64", "pwrite64", "open", "stat", "lstat", "fstat", "statx"),
    *("access", "faccessat", "faccessat2", "readlink", "readlinkat", "getcwd", "getdents64"),
    *("mkdir", "mkdirat", "rmdir", "unlink", "unlinkat", "rename", "renameat", "renameat2"),
    *("ftruncate", "fsync", "fdatasync", "fallocate", "flock", "dup", "dup2", "dup3", "pipe2"),
    *("poll", "ppoll", "select", "pselect6", "epoll_create1", "epoll_ctl", "epoll_wait"),
    *("epoll_pwait",),
    # threads, signals, time
    *("futex_waitv", "set_robust_list", "rseq", "set_tid_address", "rt_sigaction"),
    *("rt_sigprocmask", "rt_sigreturn", "sigaltstack", "exit", "exit_group", "restart_syscall"),
    *("clock_getres", "gettimeofday", "time", "clock_nanosleep", "nanosleep", "arch_prctl"),
    # what the process is, and how much it has used
    *("getpid", "gettid", "getppid", "getuid", "geteuid", "getgid", "getegid", "getrusage"),
    *("getrlimit", "uname", "sysinfo", "getrandom", "getcpu", "times"),
)

X86_64 = Architecture(
    audit=0xC000003E,
    calls={
        "sched_yield": 24,
        "clock_gettime": 228,
        "futex": 202,
        "read": 0,
        "write": 1,
        "lseek": 8,
        "close": 3,
        "newfstatat": 262,
        "openat": 257,
        "mmap": 9,
        "munmap": 11,
        "mprotect": 10,
        "madvise": 28,
        "brk": 12,
        "readv": 19,
        "writev": 20,
        "pread64": 17,
        "pwrite64": 18,
        "open": 2,
        "stat": 4,
        "lstat": 6,
        "fstat": 5,
        "statx": 332,
        "access": 21,
        "faccessat": 269,
        "faccessat2": 439,
        "readlink": 89,
        "readlinkat": 267,
        "getcwd": 79,
        "getdents64": 217,
        "mkdir": 83,
        "mkdirat": 258,
        "rmdir": 84,
        "unlink": 87,
        "unlinkat": 263,
        "rename": 82,
        "renameat": 264,
        "renameat2": 316,
        "ftruncate": 77,
        "fsync": 74,
        "fdatasync": 75,
        "fallocate": 285,
        "flock": 73,
        "dup": 32,
        "dup2": 33,
        "dup3": 292,
        "pipe2": 293,
        "poll": 7,
        "ppoll": 271,
        "select": 23,
        "pselect6": 270,
        "epoll_create1": 291,
        "epoll_ctl": 233,
        "epoll_wait": 232,
        "epoll_pwait": 281,
        "mremap": 25,
        "futex_waitv": 449,
        "set_robust_list": 273,
        "rseq": 334,
        "set_tid_address": 218,
        "rt_sigaction": 13,
        "rt_sigprocmask": 14,
        "rt_sigreturn": 15,
        "sigaltstack": 131,
        "exit": 60,
        "exit_group": 231,
        "clock_getres": 229,
        "gettimeofday": 96,
        "time": 201,
        "clock_nanosleep": 230,
        "nanosleep": 35,
        "getpid": 39,
        "gettid": 186,
        "getppid": 110,
        "getuid": 102,
        "geteuid": 107,
        "getgid": 104,
        "getegid": 108,
        "getrusage": 98,
        "getrlimit": 97,
        "uname": 63,
        "sysinfo": 99,
        "getrandom": 318,
        "getcpu": 309,
        "times": 100,
        "restart_syscall": 219,
        "clone": 56,
        "clone3": 435,
        "kill": 62,
        "tgkill": 234,
        "fcntl": 72,
        "ioctl": 16,
        "prctl": 157,
        "prlimit64": 302,
        "sched_getaffinity": 204,
        "sched_setaffinity": 203,
        "arch_prctl": 158,
    },
)
# Calls that are missing here exist on older families only.
AARCH64 = Architecture(
    audit=0xC00000B7,
    calls={
        "sched_yield": 124,
        "clock_gettime": 113,
        "futex": 98,
        "read": 63,
        "write": 64,
        "lseek": 62,
        "close": 57,
        "newfstatat": 79,
        "openat": 56,
        "mmap": 222,
        "munmap": 215,
        "mprotect": 226,
        "madvise": 233,
        "brk": 214,
        "readv": 65,
        "writev": 66,
        "pread64": 67,
        "pwrite64": 68,
        "fstat": 80,
        "statx": 291,
        "faccessat": 48,
        "faccessat2": 439,
        "readlinkat": 78,
        "getcwd": 17,
        "getdents64": 61,
        "mkdirat": 34,
        "unlinkat": 35,
        "renameat": 38,
        "renameat2": 276,
        "ftruncate": 46,
        "fsync": 82,
        "fdatasync": 83,
        "fallocate": 47,
        "flock": 32,
        "dup": 23,
        "dup3": 24,
        "pipe2": 59,
        "ppoll": 73,
        "pselect6": 72,
        "epoll_create1": 20,
        "epoll_ctl": 21,
        "epoll_pwait": 22,
        "mremap": 216,
        "futex_waitv": 449,
        "set_robust_list": 99,
        "rseq": 293,
        "set_tid_address": 96,
        "rt_sigaction": 134,
        "rt_sigprocmask": 135,
        "rt_sigreturn": 139,
        "sigaltstack": 132,
        "exit": 93,
        "exit_group": 94,
        "clock_getres": 114,
        "gettimeofday": 169,
        "clock_nanosleep": 115,
        "nanosleep": 101,
        "getpid": 172,
        "gettid": 178,
        "getppid": 173,
        "getuid": 174,
        "geteuid": 175,
        "getgid": 176,
        "getegid": 177,
        "getrusage": 165,
        "getrlimit": 163,
        "uname": 160,
        "sysinfo": 179,
        "getrandom": 278,
        "getcpu": 168,
        "times": 153,
        "restart_syscall": 128,
        "clone": 220,
        "clone3": 435,
        "kill": 129,
        "tgkill": 131,
        "fcntl": 25,
        "ioctl": 29,
        "prctl": 167,
        "prlimit64": 261,
        "sched_getaffinity": 123,
        "sched_setaffinity": 122,
    },
)
ARCHITECTURES = {"x86_64": X86_64, "aarch64": AARCH64}
