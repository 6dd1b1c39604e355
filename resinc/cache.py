"""The user's cache folder: what can be made again, kept to save time; deleting it loses nothing."""

import contextlib
import hashlib
import os
import time
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from resinc.cores import available_cores

# Programs kept, of all networks together: one of ResNet-20 takes 1 to 3 MB, of ResNet-110 the same.
XLA_BYTES = 2_000_000_000
# JAX's name of a kind of XLA's caches, and of the folder that holds it.
_CHOICES = "xla_gpu_per_fusion_autotune_cache_dir"
_DAY = 86_400.0  # Seconds. Younger programs are not removed: another process may be reading them.


def cache_folder(name: str) -> Path | None:
    """`$XDG_CACHE_HOME/resinc/NAME`, else `~/.cache/resinc/NAME`, made if need be.

    None where there is no such place or it cannot be written: then nothing is kept.
    """
    chosen = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification has relative paths ignored; without HOME and passwd entry "~" stays.
    base = chosen if os.path.isabs(chosen) else os.path.expanduser("~/.cache")
    if not os.path.isabs(base):
        return None
    folder = Path(base, "resinc", name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK | os.X_OK) else None


def keep_compiled(environment: MutableMapping[str, str]) -> None:
    """Have JAX keep compiled programs between processes; to be called before JAX is imported.

    JAX's own variables win: JAX_COMPILATION_CACHE_DIR names another folder, and
    JAX_ENABLE_COMPILATION_CACHE=false keeps nothing. The folder is that of this kind of CPU and
    this number of cores: compiled programs hold both, and would otherwise compute other bits than
    the ones compiled here.
    """
    if "JAX_COMPILATION_CACHE_DIR" in environment:
        return
    folder = cache_folder(f"xla/{_machine()}")
    if folder is None:
        return
    prune(folder, XLA_BYTES)
    environment["JAX_COMPILATION_CACHE_DIR"] = str(folder)
    # Small programs too: some twenty of them are compiled before the first step.
    environment.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")


def kernel_choices(environment: Mapping[str, str]) -> Path | None:
    """Where JAX keeps which kernels XLA measured to be the fastest of a GPU.

    A folder beside the compiled programs; None where it keeps none.
    """
    folder = environment.get("JAX_COMPILATION_CACHE_DIR", "")
    enabled = environment.get("JAX_ENABLE_COMPILATION_CACHE", "true").lower()
    kinds = environment.get("JAX_PERSISTENT_CACHE_ENABLE_XLA_CACHES", _CHOICES)
    if not folder or enabled in ("false", "0", "off", "no", "n", "f"):
        return None
    return Path(folder, _CHOICES) if kinds == "all" or _CHOICES in kinds else None


def prune(folder: Path, most: int, older: float = _DAY) -> None:
    """Remove the oldest files until at most `most` bytes lie there.

    Args:
      folder: of files alone.
      most: bytes.
      older: seconds; files younger than that stay.
    """
    files = []
    for path in folder.iterdir():
        with contextlib.suppress(OSError):  # Another process removed it.
            status = path.stat()
            files.append((status.st_mtime, status.st_size, path))
    excess = sum(size for _, size, _ in files) - most
    for modified, size, path in sorted(files):
        if excess <= 0 or time.time() - modified < older:
            return
        with contextlib.suppress(OSError):
            path.unlink()
        excess -= size


def _machine() -> str:
    """Letters for this kind of CPU, and the cores that this process may use."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0]
    except OSError:
        text = ""
    named = ("model name", "cpu family", "model\t", "flags", "Features", "CPU part")
    lines = [line for line in text.splitlines() if line.startswith(named)]
    kind = hashlib.sha256("\n".join([*lines, *os.uname()[:1], os.uname().machine]).encode())
    return f"{kind.hexdigest()[:12]}-{len(available_cores())}-cores"
