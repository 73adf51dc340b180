"""What the host is, for the pages."""

import platform
from pathlib import Path


def describe_cpu() -> str:
    """Return the CPU's model name and its vector extensions, as the kernel tells them."""
    fields: dict[str, str] = {}
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())
    flags = fields.get("flags", "").split()
    vectors = " and ".join(
        name for name, flag in (("AVX2", "avx2"), ("AVX-512", "avx512f")) if flag in flags
    )
    name = fields.get("model name", platform.machine())
    family = f"family {fields.get('cpu family', '?')} model {fields.get('model', '?')}"
    return f"{name} ({family}) with {vectors}" if vectors else f"{name} ({family})"
