"""The log.txt of a run that a sweep started: what its process printed, start after start."""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, TextIO

from resinc.runs.folder import LOG

_NOISE = re.compile(r"^(-+|\$ .*|For simplicity, JAX has removed.*|jax\.errors\.Simplified.*)$")
_END_BYTES = 20_000


def log_path(workdir: Path) -> Path:
    return workdir / LOG


def open_log(workdir: Path, command: Sequence[str]) -> BinaryIO:
    """Open it for the output of one more start, whose command comes first."""
    log = log_path(workdir).open("ab")
    log.write(f"$ {shlex.join(command)}\n".encode(errors="replace"))
    log.flush()
    return log


def append_log(workdir: Path) -> TextIO:
    """Open it to say more of the newest start; every line is there as soon as it is whole."""
    return log_path(workdir).open("a", buffering=1, encoding="utf-8", errors="replace")


def last_lines(workdir: Path, count: int) -> list[str]:
    """The last lines that are not empty of the last start; [] where there are none."""
    return _last_start(workdir)[-count:]


def last_words(workdir: Path) -> str:
    """The last line that says something: of a traceback, the exception; "" where there is none."""
    lines = [line.strip() for line in _last_start(workdir)]
    lines = [line for line in lines if not _NOISE.match(line)]
    errors = [line for line in lines if re.match(r"[\w.: ]*([Ee]rror|Exception|Interrupt)\b", line)]
    return (errors or lines or [""])[-1]


def _last_start(workdir: Path) -> list[str]:
    """Of the end of the file alone: it is read again and again."""
    try:
        with log_path(workdir).open("rb") as log:
            log.seek(max(0, log.seek(0, 2) - _END_BYTES))
            text = log.read().decode(errors="replace")
    except OSError:
        return []
    # The first line is the command that was started, or cut in half.
    lines = text.rpartition("\n$ ")[2].splitlines()[1:]
    return [line.rstrip() for line in lines if line.strip()]
