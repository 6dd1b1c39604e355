"""JAX made strict: eight simulated devices, no silent rank promotion, no network."""

import os
from importlib import metadata

os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_FLAGS"] = (
    "--xla_force_host_platform_device_count=8"
    # Programs here run once or twice: compiling them is most of the time, and this halves it.
    " --xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
)
# Of XLA's two ways to turn a fused program into code, the older takes 1.0 CPU seconds of a step of
# eight layers, where the newer takes 2.8. From jax 0.12 on there is the newer alone.
if metadata.version("jaxlib").startswith(("0.10.", "0.11.")):
    os.environ["XLA_FLAGS"] += " --xla_cpu_use_fusion_emitters=false"
import ctypes
import gc
import math
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# What is kept of compiled programs and decoded sets is the tests' own, not their user's.
os.environ["XDG_CACHE_HOME"] = str(Path(__file__).parent.parent / ".pytest_cache" / "user")

import jax
import pytest
from jax._src import compiler

import resinc  # noqa: F401  Adds to XLA_FLAGS what keeps sums right.

jax.config.update("jax_numpy_rank_promotion", "raise")
# Tests compile the same few programs many times; compiling is most of what they take.
CACHE = Path(__file__).parent.parent / ".pytest_cache" / "xla"
jax.config.update("jax_compilation_cache_dir", str(CACHE))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)


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


@pytest.fixture(scope="module")
def users_emitters() -> Iterator[None]:
    """A file's programs, and its processes', are turned into code as users have it.

    For what has the bits of another program: the older emitters round at other places in each.
    """
    older = " --xla_cpu_use_fusion_emitters=false"
    if older not in os.environ["XLA_FLAGS"]:
        yield
        return
    # What `jax.jit(compiler_options=...)` sets for one function.
    options = compiler.get_compile_options

    def with_newer(*args: Any, env_options_overrides: Any = None, **rest: Any) -> Any:
        own = {**(env_options_overrides or {}), "xla_cpu_use_fusion_emitters": "True"}
        return options(*args, env_options_overrides=own, **rest)

    drop_compiled_programs()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiler, "get_compile_options", with_newer)
        patch.setenv("XLA_FLAGS", os.environ["XLA_FLAGS"].replace(older, ""))
        yield
    drop_compiled_programs()


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
    """
    yield
    maps = Path("/proc/self/maps")
    if maps.exists() and maps.read_bytes().count(b"\n") > 15_000:
        drop_compiled_programs()


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the machine itself may be reached."""
    connect = socket.socket.connect

    def guarded(self, address):
        if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "localhost", "::1"):
            raise AssertionError(f"a test reached for {address}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
