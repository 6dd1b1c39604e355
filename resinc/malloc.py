"""What glibc's malloc is told before a process begins: to ask for huge pages, and to keep them.

XLA takes memory at the start of every step and gives it back at its end. Left to itself malloc
hands it to the kernel, which maps 57,000 pages of 4 KB anew in each step of a ResNet-20. On two
cores (jax 0.10.2) a step of ResNet-56 took 1,060 ms so and 820 in pages of 2 MB; one of ResNet-20
took 300 ms in such pages and 257 with memory kept besides.
"""

import contextlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path

POLICY = Path("/sys/kernel/mm/transparent_hugepage/enabled")
_TUNABLES = "GLIBC_TUNABLES"
_KEEP = {"glibc.malloc.mmap_max": "0", "glibc.malloc.trim_threshold": str(2**62)}
_HUGE = {"glibc.malloc.hugetlb": "1"}  # Of glibc 2.35 on; older ones pass it over.


def with_malloc_settings(environment: Mapping[str, str], policy: Path = POLICY) -> dict[str, str]:
    """The environment of a process whose C library has these settings; what is chosen in it stays.

    The same where no Linux is. Huge pages are asked for where Linux gives them on request alone.

    Args:
      environment: of any process.
      policy: file that says to whom Linux gives them.
    """
    same = dict(environment)
    try:
        on_request = "[madvise]" in policy.read_text(encoding="utf-8")
    except OSError:  # No such kernel.
        return same
    wanted = _KEEP | (_HUGE if on_request else {})
    given = [setting for setting in environment.get(_TUNABLES, "").split(":") if setting]
    chosen = {setting.partition("=")[0] for setting in given}
    missing = [f"{name}={value}" for name, value in wanted.items() if name not in chosen]
    return same | {_TUNABLES: ":".join(given + missing)} if missing else same


def restart_with_malloc_settings(policy: Path = POLICY) -> None:
    """Begin this process's command again, in the same process, unless it is as it should be."""
    environment = with_malloc_settings(os.environ, policy)
    if environment != dict(os.environ) and sys.executable:
        with contextlib.suppress(OSError):  # Then it goes on without.
            os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)
