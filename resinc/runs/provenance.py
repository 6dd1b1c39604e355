"""Where a result came from, as far as no device need be asked: code, versions, the CPU."""

import hashlib
import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import resinc
from resinc.runs.files import read_object, write_json
from resinc.runs.folder import PROVENANCE as FILE
from resinc.runs.shape import DATA, PROVENANCE, kept

PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "ml-collections", "numpy")
CODE = (":(top)*.py", ":(top)pyproject.toml")
# Variable that names a file of `write_commit`, for a copy of the checkout without git.
RECORD = "RESINC_COMMIT_RECORD"


# What holds of the run as a whole, however often it was started.
FACTS = ("parameters", "multiply_adds", "data", "classes", "init_from", "imported")


def read_provenance(workdir: Path) -> dict[str, Any]:
    """What provenance.json says: facts of the run, what its last start says, and all "starts".

    What is not of the shape it should be is left out.
    """
    origin = read_origin(workdir)
    starts = [kept(start, PROVENANCE) for start in starts_of(origin)]
    if not starts:
        return {}
    known = kept({**starts[-1], **origin, "starts": starts}, PROVENANCE)
    return known | {"data": kept(known["data"], DATA)} if "data" in known else known


def read_origin(workdir: Path) -> dict[str, Any]:
    """provenance.json as it is, which another start goes on with; {} where it is none."""
    return read_object(workdir / FILE)


def write_origin(workdir: Path, origin: Mapping[str, Any]) -> None:
    """Store where a run came from: FACTS, and its "starts"."""
    write_json(workdir / FILE, origin)


def starts_of(origin: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every start of a run, oldest first; before there was a list, the file held the last alone."""
    starts = origin.get("starts")
    if isinstance(starts, list):
        return [dict(start) for start in starts if isinstance(start, Mapping)]
    old = {name: value for name, value in origin.items() if name not in FACTS}
    return [old] if old else []


def versions() -> dict[str, str]:
    """Of resinc, Python and the packages that the numbers depend on."""
    installed = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {"resinc": resinc.__version__, "python": platform.python_version(), **installed}


def commit() -> str:
    """Of the checkout that this file lies in, or that it was copied from; else empty."""
    return _record().get("commit") or _git("rev-parse", "HEAD")


def is_dirty() -> bool:
    """Whether code was changed and not committed.

    Results that were written meanwhile, tracked too, change no run.
    """
    if record := _record():
        return record.get("dirty") != "no" or record.get("code") != _code_hash()
    return _is_changed()


def write_commit(path: Path) -> None:
    """Store what git says of this checkout, for a copy of it that git does not know."""
    known = _git("rev-parse", "HEAD")
    dirty = "yes" if _is_changed() or not known else "no"
    write_json(path, {"commit": known, "dirty": dirty, "code": _code_hash()})


def _is_changed() -> bool:
    return bool(_git("status", "--porcelain", "--untracked-files=no", "--", *CODE))


def _record() -> dict[str, str]:
    """What the file that RECORD names says of this code; {} where git knows better.

    A copy may lie inside of another repository, or have an older commit checked out than the one
    whose files it was given: git then speaks of that. So a record of just this code wins.
    """
    path = os.environ.get(RECORD, "")
    if not path:
        return {}
    record = read_object(Path(path))
    if record.get("code") != _code_hash() and _git("rev-parse", "HEAD"):
        return {}
    return {name: value for name, value in record.items() if isinstance(value, str)}


def _code_hash() -> str:
    """Of the code and recipes beside this file: a copy that was changed has another."""
    root = Path(resinc.__file__).resolve().parent.parent
    digest = hashlib.sha256()
    for folder in ("configs", "experiments", "resinc"):
        for path in sorted((root / folder).rglob("*.py")):
            digest.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return digest.hexdigest()


def cpu_kind() -> str:
    """The CPU's model, since each kind rounds its own way; "" where the system does not tell.

    Virtual machines often say no more than "AMD EPYC": the numbers tell.
    """
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0].splitlines()
    except OSError:
        return platform.processor()
    about = {name.strip(): value.strip() for name, _, value in (s.partition(":") for s in lines)}
    numbers = [f"{n.split()[-1]} {about[n]}" for n in ("cpu family", "model") if n in about]
    name = about.get("model name", platform.machine())
    return f"{name} ({', '.join(numbers)})" if numbers else name


def _git(*command: str) -> str:
    try:
        answer = subprocess.run(
            ["git", *command],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout.strip()
