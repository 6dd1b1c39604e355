"""The log.txt of a run that a sweep started: what its process printed, start after start."""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from resinc.runs.folder import LOG

_NOISE = re.compile(r"^(-+|\$ .*|For simplicity, JAX has removed.*|jax\.errors\.Simplified.*)$")


def log_path(workdir: Path) -> Path:
    return workdir / LOG


def open_log(workdir: Path, command: Sequence[str]) -> BinaryIO:
    """Open it for the output of one more start, whose command comes first."""
    log = log_path(workdir).open("ab")
    log.write(f"$ {shlex.join(command)}\n".encode(errors="replace"))
    log.flush()
    return log


def last_words(workdir: Path) -> str:
    """The last line that says something: of a traceback, the exception; "" where there is none."""
    try:
        text = log_path(workdir).read_bytes()[-20_000:].decode(errors="replace")
    except OSError:
        return ""
    text = text.rpartition("\n$ ")[2]  # Of the last start only.
    lines = [line.strip() for line in text.splitlines()[1:]]
    lines = [line for line in lines if line and not _NOISE.match(line)]
    errors = [line for line in lines if re.match(r"[\w.: ]*([Ee]rror|Exception|Interrupt)\b", line)]
    return (errors or lines or [""])[-1]
