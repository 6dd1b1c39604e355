"""Standard output and error outlive their reader: `| head`, a closed terminal, a full disk.

What a command computes is worth more than what it shows, so a stream that fails is switched off for
good, without a word, and the command goes on.
"""

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console

PIPE_WIDTH = 1000  # Columns.


class SurvivingStream:
    """Passes text on until the stream fails; from then on swallows it."""

    def __init__(self, stream: TextIO):
        self._stream = stream
        self._lost = False

    def write(self, text: str) -> int:
        if not self._lost:
            with self._losing():
                self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        if not self._lost:
            with self._losing():
                self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @contextlib.contextmanager
    def _losing(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:
            if isinstance(error, UnicodeError):
                raise  # A text that the locale has no letters for: the stream itself is well.
            self._lost = True
            with contextlib.suppress(OSError, ValueError):
                self._drain()

    def _drain(self) -> None:
        """Let the interpreter's own flush at exit, of what is buffered still, go nowhere too."""
        number = self._stream.fileno()
        if number in (1, 2):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, number)
            os.close(nowhere)


@contextlib.contextmanager
def surviving_output() -> Iterator[None]:
    """Inside, sys.stdout and sys.stderr never raise because of who reads them."""
    _occupy_closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # "±" and "–" to a terminal whose locale has them not, and names that are no text.
            with contextlib.suppress(OSError, ValueError):  # A pipe in place of a file; closed.
                stream.reconfigure(errors="replace")
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _surviving(sys.stdout), _surviving(sys.stderr)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        sys.stdout, sys.stderr = before


def console(stderr: bool = False, file: TextIO | None = None) -> "Console":
    """What every display draws on, `file` or else the terminal.

    The command line and library use alike.

    It prints text as it is: a path may hold "[old]" or ":x:".
    """
    from rich.console import Console

    file = _surviving(file or (sys.stderr if stderr else sys.stdout))
    # A pipe has no width of its own: 80 columns would break the lines.
    return Console(file=file, highlight=False, soft_wrap=True, markup=False, emoji=False)


def print_table(screen: "Console", table: Any) -> None:
    """Fitted to a terminal; into a pipe, whose width nobody knows, as wide as it is."""
    if not screen.is_terminal:
        screen.width = PIPE_WIDTH
    screen.print(table, soft_wrap=False)


def _surviving(stream: Any) -> Any:
    if isinstance(stream, SurvivingStream):
        return stream
    # None: the descriptor was closed before Python started.
    return SurvivingStream(io.StringIO() if stream is None else stream)


def _occupy_closed() -> None:
    """Put nothing where a descriptor is closed (`>&-`).

    The next file opened would get its number, and what C++ code reports would go into that file.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
