"""`resinc train` in a process of its own, which a signal meets at a moment drawn beforehand.

Time is a bad clock for it: most of a short run is imports and compiling. Here the clock is how
often the process touched files of its run, which is saving and bookkeeping, and a delay behind
such a touch meets what lies between them: the arrays that other threads write, and the computing.
"""

import ctypes
import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from random import Random
from typing import Any, NamedTuple, Self

from tests.train.runs import flags

CHANGES = {"steps": 12, "log_every_steps": 2, "eval_every_steps": 4, "checkpoint_every_steps": 2}
RECIPE = "--config=configs/digits.py:depth=8"
LONGEST_DELAY = 0.05  # Seconds; a step takes a few thousandths.
TOUCHES = {"open", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.truncate"}


class Moment(NamedTuple):
    """When a signal comes.

    Attributes:
      number: of the signal.
      touch: of a file of the run, from 1, before which it comes.
      delay: seconds that it comes later.
    """

    number: int
    touch: int
    delay: float

    @classmethod
    def draw(cls, random: Random, number: int, touches: int) -> Self:
        """Half of them just before a touch."""
        delay = random.choice((0.0, random.uniform(0, LONGEST_DELAY)))
        return cls(number, random.randint(1, touches), delay)


class Ended(NamedTuple):
    """How a process ended.

    Attributes:
      code: its exit status, or minus the signal.
      output: of both streams.
      place: which file it was about to touch when the signal came; "" where none came.
    """

    code: int
    output: str
    place: str

    @property
    def resumed_at(self) -> int:
        """The step; 0 where it did not say one."""
        found = re.search(r"resumed at step (\d+)", self.output)
        return int(found[1]) if found else 0

    @property
    def touches(self) -> int:
        """Of all its life, where it ended by itself."""
        found = re.search(r"^touches: (\d+)$", self.output, re.MULTILINE)
        assert found, self.output
        return int(found[1])


def command(folder: Path) -> list[str]:
    return ["train", RECIPE, *flags(**CHANGES), f"--workdir={folder}"]


class Trainers:
    """Starts trainers, one at a time, as copies of a process that has imported what they need.

    Half of what a short run costs is importing.
    """

    def __init__(self, place: Path):
        """What is compiled, and what trainers say, lies in `place`."""
        self._output = place / "output"
        environment = os.environ | {
            "XLA_FLAGS": "",
            "JAX_COMPILATION_CACHE_DIR": str(place / "cache"),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.trainer"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, folder: Path, moment: Moment | None = None) -> int:
        """Returns its process number."""
        asked = {"folder": str(folder), "moment": moment, "output": str(self._output)}
        assert self._process.stdin
        print(json.dumps(asked), file=self._process.stdin, flush=True)
        return self._answer()

    def said(self) -> str:
        return self._output.read_text()

    def end(self) -> Ended:
        """Wait for it."""
        code, output = self._answer(), self.said()
        place = re.search(r"^met before: (.*)$", output, re.MULTILINE)
        return Ended(code, output, place[1] if place else "")

    def run(self, folder: Path, moment: Moment | None = None) -> Ended:
        self.start(folder, moment)
        return self.end()

    def close(self) -> None:
        self._process.communicate()

    def _answer(self) -> int:
        assert self._process.stdout
        return int(self._process.stdout.readline())


def checkpoints(folder: Path) -> list[int]:
    """Steps of those that have their name."""
    names = (path.name for path in (folder / "checkpoints").glob("*"))
    return sorted(int(name) for name in names if name.isdigit())


class _Clock:
    """An audit hook: counts touches, and sends the signal."""

    def __init__(self, folder: str, moment: Moment | None):
        self._folder, self._moment, self.touches = folder, moment, 0

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in TOUCHES:
            return
        place = str(arguments[0])
        # Of a tree that is removed, files have a name alone, and a descriptor of their folder.
        if not place.startswith(self._folder) and event not in ("os.remove", "os.rmdir"):
            return
        self.touches += 1
        if self._moment and self.touches == self._moment.touch:
            place = place.removeprefix(self._folder).lstrip("/")
            os.write(2, f"met before: {event} {place}\n".encode())
            if self._moment.delay:
                threading.Timer(self._moment.delay, self._meet).start()
            else:
                self._meet()

    def _meet(self) -> None:
        assert self._moment
        os.kill(os.getpid(), self._moment.number)


def _train(folder: str, moment: list[Any] | None) -> int:
    from resinc import cli

    clock = _Clock(folder, Moment(*moment) if moment else None)
    # Where tests run under nohup, what they start ignores a hang-up too.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    sys.addaudithook(clock)
    code = cli.main(command(Path(folder)))
    print(f"touches: {clock.touches}", flush=True)
    return code


def _end_with_parent() -> None:
    """Else one that was stopped by SIGSTOP would outlive tests that are killed."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def _serve() -> None:
    """Copies itself for each line; answers with the copy's number, and later how it ended."""
    import resinc.train.loop  # noqa: F401  No back end of JAX: with its threads none is copied.

    _end_with_parent()
    for line in sys.stdin:
        asked = json.loads(line)
        copy = os.fork()
        if not copy:
            _end_with_parent()
            output = os.open(asked["output"], os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
            for stream in (1, 2):
                os.dup2(output, stream)
            sys.exit(_train(asked["folder"], asked["moment"]))
        print(copy, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(copy, 0)[1]), flush=True)


if __name__ == "__main__":
    _serve()
