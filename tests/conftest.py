"""JAX made strict: eight simulated devices, no silent rank promotion, no network."""

import os
import platform
from importlib import metadata

os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_FLAGS"] = (
    "--xla_force_host_platform_device_count=8"
    # Programs here run once or twice: compiling them is most of the time, and this halves it.
    " --xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
    # In one piece of machine code, not in 32 for as many threads, and with narrow vectors, that of
    # a step of eight layers takes 0.9 CPU seconds instead of 1.25.
    " --xla_cpu_parallel_codegen_split_count=1 --xla_cpu_prefer_vector_width=128"
)
# Of XLA's two ways to turn a fused program into code, the older takes 1.0 CPU seconds of a step of
# eight layers, where the newer takes 2.8. From jax 0.12 on there is the newer alone. Where it may
# fuse a product and a sum into one instruction, the older does so at other places in each program;
# without (AVX has none) what two programs both compute has the same bits in both.
if platform.machine() in ("x86_64", "AMD64") and (
    metadata.version("jaxlib").startswith(("0.10.", "0.11."))
):
    os.environ["XLA_FLAGS"] += " --xla_cpu_use_fusion_emitters=false --xla_cpu_max_isa=AVX"
import ctypes
import functools
import gc
import math
import socket
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

# What is kept of compiled programs and decoded sets is the tests' own, not their user's.
os.environ["XDG_CACHE_HOME"] = str(Path(__file__).parent.parent / ".pytest_cache" / "user")

# It sets up logging anew, whereupon absl, where that was imported before, closes the stream it has
# unless that is sys.stderr: pytest's, in a command or in one of several workers.
import submitit  # noqa: F401, I001
import jax
import pytest
from jax._src import compilation_cache

import resinc  # noqa: F401  Adds to XLA_FLAGS what keeps sums right.

jax.config.update("jax_numpy_rank_promotion", "raise")
# Tests compile the same few programs many times; compiling is most of what they take.
CACHE = Path(__file__).parent.parent / ".pytest_cache" / "xla"
jax.config.update("jax_compilation_cache_dir", str(CACHE))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)


# A program is written for few readers: zlib's own level takes three times as long for a fifth less.
if not (compilation_cache.zstd or compilation_cache.zstandard):
    compilation_cache.compress_executable = functools.partial(zlib.compress, level=1)


def pytest_collection_finish() -> None:
    """Tests and modules stay: looking through them for garbage took a tenth of the suite's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.fixture
def uncached():
    """Programs that no other test compiles are not stored.

    Writing a large one (GoogLeNet, Inception v3) has aborted the process inside jaxlib 0.10.2's
    serialization, twice in two runs of all tests; the file would have up to 211 MB.
    """
    least = jax.config.jax_persistent_cache_min_compile_time_secs
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 1e9)
    yield
    jax.config.update("jax_persistent_cache_min_compile_time_secs", least)


def drop_compiled_programs() -> None:
    jax.clear_caches()
    gc.collect()
    if sys.platform == "linux":  # What was freed goes back to the system.
        ctypes.CDLL("libc.so.6").malloc_trim(0)


@pytest.fixture(autouse=True, scope="module")
def memory_is_bounded() -> Iterator[None]:
    """Compiled programs serve the files that follow, until a worker holds over a gigabyte.

    Kept throughout, they grow to 5 GB over the whole suite.
    """
    yield
    if resident_bytes() > 1.2e9:
        drop_compiled_programs()


def resident_bytes() -> float:
    """Memory of this process; without end where the system does not tell."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        return math.inf
    return int(statm.read_text(encoding="utf-8").split()[1]) * os.sysconf("SC_PAGESIZE")


@pytest.fixture(autouse=True)
def memory_maps_are_few() -> Iterator[None]:
    """Machine code lies in maps of its own, and Linux gives a process 65,530 of them.

    A file that compiles whole networks came there twice: XLA then ends the process by SIGSEGV.
    Counting takes milliseconds, so it is done after a second of tests, not after each.
    """
    global _seconds_since_counted
    began = time.monotonic()
    yield
    _seconds_since_counted += time.monotonic() - began
    if _seconds_since_counted < 1:
        return
    _seconds_since_counted = 0.0
    if resident_bytes() > 2e9:  # Arrays of whole networks, in cycles that are seldom looked for.
        gc.collect()
    maps = Path("/proc/self/maps")
    if maps.exists() and maps.read_bytes().count(b"\n") > 15_000:
        drop_compiled_programs()


_seconds_since_counted = 0.0


@pytest.fixture(autouse=True, scope="session")
def nothing_waits_for_the_disk() -> Iterator[None]:
    """Power is lost in processes of their own (tests/crash): here a sync is 5 ms for nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the machine itself may be reached."""
    connect = socket.socket.connect

    def guarded(self, address):
        if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "localhost", "::1"):
            raise AssertionError(f"a test reached for {address}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
