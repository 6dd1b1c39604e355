"""What a finished run measured, as one small file, NAME.tar.xz; its weights are left out.

Such files outlive the machine that trained and fit into git. Put back into the folder of a sweep,
on this machine or another, the run counts as done there, and reports read of it what they did.
"""

import contextlib
import io
import json
import lzma
import os
import shlex
import shutil
import tarfile
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path, PurePath
from typing import Any

from resinc.errors import InputError
from resinc.file_paths import show, writing, written
from resinc.runs import folder
from resinc.runs.files import json_text, parse_object, sync_tree
from resinc.runs.provenance import read_origin
from resinc.runs.status import FOR_GOOD

SUFFIX = ".tar.xz"
# Not what is only of use where it was trained: checkpoints, logs, locks, event files.
FILES = (
    folder.CELL,
    folder.CONFIG,
    folder.CORRECT,
    folder.GRADIENTS,
    folder.MEASUREMENTS,
    folder.METRICS,
    folder.PROVENANCE,
    folder.STATUS,
    folder.TIMING,
    folder.UNUSABLE,
)
_PARTS = ".restored-in-part"  # Nothing in it counts as a run.
_MACHINE = ("host", "job")  # Fields of a start that mean nothing elsewhere.


class Kept(StrEnum):
    """What became of a record that was to be written."""

    WRITTEN = "written"
    THERE = "there"  # Before, the same to the byte.
    OTHER = "other"  # There is the record of another run of this name, and stays.


def write_record(workdir: Path, to: Path) -> Kept:
    """Write the record of a run that has ended; the same run gives the same bytes.

    Hosts are left out, and of the absolute paths in commands all but the last two names: what is
    published names no machine.

    Args:
      workdir: of a run in one of the states FOR_GOOD.
      to: folder that takes the record, named after the run.

    Raises:
      InputError: `to` cannot be written.
    """
    path = to / (workdir.name + SUFFIX)
    content = _content(workdir)
    with writing(path):
        to.mkdir(parents=True, exist_ok=True)
        if path.exists():
            return Kept.THERE if path.read_bytes() == content else Kept.OTHER
    with written(path) as part:
        part.write_bytes(content)
    return Kept.WRITTEN


def restore(record: Path, root: Path) -> bool:
    """Put a run back as the folder `root/<name>`, whole or not at all.

    Returns:
      False where a run of this name is there, which is left as it is.

    Raises:
      InputError: `record` is none, or the folder cannot be written.
    """
    workdir = root / record.name.removesuffix(SUFFIX)
    files = read_record(record)
    if folder.is_begun(workdir):
        return False
    part = root / _PARTS / workdir.name
    with writing(workdir):
        shutil.rmtree(part, ignore_errors=True)  # Of an attempt that was killed.
        part.mkdir(parents=True)
        for name, content in files.items():
            (part / name).write_bytes(content)
        sync_tree(part)
        os.replace(part, workdir)
    # Not where another run lies there still, of an attempt that was killed.
    with contextlib.suppress(OSError):
        part.parent.rmdir()
    return True


def read_record(path: Path) -> dict[str, bytes]:
    """{name of a file: what it holds} of a record.

    Raises:
      InputError: it cannot be read, is damaged, or is no record of a run that has ended.
    """
    try:
        with tarfile.open(path, "r:xz") as tar:
            files = dict(_members(tar))
        status = json.loads(files[folder.STATUS])
        if status["state"] not in FOR_GOOD:
            raise ValueError(f"its run is {status['state']}")
        json.loads(files[folder.CONFIG])
    except (OSError, EOFError, tarfile.TarError, lzma.LZMAError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
    except KeyError as error:
        reason = f"it holds no {error.args[0]}"
    else:
        return files
    raise InputError(f"{show(path)} is no record of a run: {reason}")


def _members(tar: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    for member in tar:
        file = tar.extractfile(member) if member.isfile() and member.name in FILES else None
        if file is None:
            raise ValueError(f"it holds {member.name!r}, which no record does")
        yield member.name, file.read()


def _content(workdir: Path) -> bytes:
    """Of the record; nothing in it depends on when or by whom it is written."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:xz", preset=9) as tar:
        for name in FILES:
            if (workdir / name).exists():
                content = _published(workdir, name)
                member = tarfile.TarInfo(name)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def _published(workdir: Path, name: str) -> bytes:
    """What a record holds of a file."""
    if name == folder.PROVENANCE:
        return json_text(_anywhere(read_origin(workdir))).encode()
    if name == folder.CONFIG:
        config = parse_object(workdir / name)
        if isinstance(config.get("data"), dict):
            config["data"] = {**config["data"], "dir": ""}
        return json_text(config).encode()
    return (workdir / name).read_bytes()


def _anywhere(value: Any) -> Any:
    """A part of a provenance.json without what is of its machine."""
    if isinstance(value, dict):
        return {name: _anywhere(item) for name, item in value.items() if name not in _MACHINE}
    if isinstance(value, list):
        return [*map(_anywhere, value)]
    return _without_folders(value) if isinstance(value, str) else value


def _without_folders(text: str) -> str:
    """A command, or a path, with the last two names alone of each absolute path in it."""
    try:
        words = shlex.split(text)
    except ValueError:
        return text  # A quote that nothing closes: no command.
    short = [*map(_short, words)]
    return text if short == words else shlex.join(short)


def _short(word: str) -> str:
    option, equals, value = word.partition("=") if word.startswith("-") else ("", "", word)
    path = PurePath(value)
    return option + equals + "/".join(path.parts[1:][-2:]) if path.is_absolute() else word
