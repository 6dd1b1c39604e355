"""`resinc train` in a process of its own, which a signal meets at a moment drawn beforehand.

Time is a bad clock for it: most of a short run is imports and compiling. Here the clock is how
often the process touched files of its run, which is saving and bookkeeping, and a delay behind
such a touch meets what lies between them: the arrays that other threads write, and the computing.
"""

import contextlib
import ctypes
import errno
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, NamedTuple, Self

from resinc.runs.folder import HOLDER
from tests.train.runs import assert_same_end, final_state, flags
from tests.train.several import environment

CHANGES = {"steps": 12, "log_every_steps": 2, "eval_every_steps": 4, "checkpoint_every_steps": 2}
RECIPE = "--config=configs/digits.py:depth=8"
LONGEST_DELAY = 0.05  # Seconds; a step takes a few thousandths.
WAIT = 0  # In place of a signal: the thread that touches the file waits until it is let go on.
BEAT, STALE = 0.2, 5.0  # Seconds, of hosts that are made up: what a minute is for real ones.
TOUCHES = {"open", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.truncate"}


class Moment(NamedTuple):
    """When a signal comes.

    Attributes:
      number: of the signal, or WAIT.
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

    def __init__(self, place: Path, cache: Path | None = None):
        """What trainers say lies in `place`; what they compile too, or in that of others."""
        self._output = place / "output"
        self.cache = cache or place / "cache"
        own = {
            "JAX_COMPILATION_CACHE_DIR": str(self.cache),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.trainer"],
            env=environment(devices=1) | own,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(
        self, folder: Path, moment: Moment | None = None, host: str = "", reader: str = ""
    ) -> int:
        """Returns its process number.

        Args:
          folder: of the run.
          moment: in its life at which it is met.
          host: it takes itself to be on, beside others whose kernels know nothing of its locks.
          reader: of its output: a key of READERS; "": the output is kept for `said`.
        """
        self._gate().unlink(missing_ok=True)
        self._output.write_text("")  # Not what the one before said.
        asked = {"folder": str(folder), "moment": moment, "host": host, "reader": reader}
        assert self._process.stdin
        print(json.dumps(asked | {"output": str(self._output)}), file=self._process.stdin)
        self._process.stdin.flush()
        return self._answer()

    def wait_until_met(self) -> None:
        while "met before" not in self.said():
            assert "touches: " not in self.said(), f"ended before that moment: {self.said()}"
            time.sleep(0.01)

    def wait_until_stopped(self, number: int) -> None:
        """By SIGSTOP, which comes a while after it is said; `number`: of the process."""
        self.wait_until_met()
        command = ["ps", "-o", "state=", "-p", str(number)]
        while not subprocess.check_output(command, text=True).startswith("T"):
            time.sleep(0.05)

    def go_on(self) -> None:
        """Let one that WAITs go on."""
        self._gate().touch()

    def said(self) -> str:
        return self._output.read_text()

    def end(self) -> Ended:
        """Wait for it."""
        code, output = self._answer(), self.said()
        place = re.search(r"^met before: (.*)$", output, re.MULTILINE)
        return Ended(code, output, place[1] if place else "")

    def run(
        self, folder: Path, moment: Moment | None = None, host: str = "", reader: str = ""
    ) -> Ended:
        self.start(folder, moment, host, reader)
        return self.end()

    def close(self) -> None:
        self._process.communicate()

    def _gate(self) -> Path:
        return _gate(self._output)

    def _answer(self) -> int:
        assert self._process.stdout
        return int(self._process.stdout.readline())


def checkpoints(folder: Path) -> list[int]:
    """Steps of those that have their name."""
    names = (path.name for path in (folder / "checkpoints").glob("*"))
    return sorted(int(name) for name in names if name.isdigit())


def assert_same_run(folder: Path, other: Path) -> None:
    """The same end, and no checkpoint that is damaged, or was found so on the way.

    Killed before it removed an old one, and with nothing left to save, it has one more.
    """
    assert_same_end(folder, other)
    assert {*checkpoints(folder)} >= {*checkpoints(other)}
    for step in {*checkpoints(folder)} - {*checkpoints(other)}:
        final_state(folder, str(step))
    assert not (folder / "damaged").exists()


def _gate(output: Path) -> Path:
    return output.with_suffix(".go")


class _Clock:
    """An audit hook: counts touches, and sends the signal."""

    def __init__(self, folder: str, moment: Moment | None, gate: Path):
        self._folder, self._moment, self._gate, self.touches = folder, moment, gate, 0

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in TOUCHES:
            return
        place = str(arguments[0])
        if HOLDER in place.rpartition("/")[2]:  # How many signs of life is a matter of time.
            return
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
        if self._moment.number != WAIT:
            os.kill(os.getpid(), self._moment.number)
            return
        while not self._gate.exists():
            time.sleep(0.01)


def _close() -> None:
    for number in (0, 1, 2):
        os.close(number)


def _write_to(descriptor: int) -> None:
    for stream in (1, 2):
        os.dup2(descriptor, stream)


def _write_to_head() -> None:
    """As in `resinc train ... | head -n 1`."""
    head = subprocess.Popen(["head", "-n", "1"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert head.stdin
    _write_to(head.stdin.fileno())
    head.stdin.close()


READERS = {
    "closed": _close,
    "full": lambda: _write_to(os.open("/dev/full", os.O_WRONLY)),
    "head": _write_to_head,
}


def _live_on(made_up: str) -> None:
    """On a host of that name, with others on a file system that passes on no locks."""
    from resinc.runs import holder, host, lock

    def flock(file: Any, how: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    lock.fcntl = SimpleNamespace(**{**vars(lock.fcntl), "flock": flock})
    for name in ("name", "boot", "process_space"):
        setattr(host, name, lambda: made_up)
    holder.BEAT_SECONDS, holder.STALE_SECONDS = BEAT, STALE


def _train(folder: str, moment: list[Any] | None, gate: Path) -> int:
    from resinc import cli

    clock = _Clock(folder, Moment(*moment) if moment else None, gate)
    # Where tests run under nohup, what they start ignores a hang-up too.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    sys.addaudithook(clock)
    code = cli.main(command(Path(folder)))
    with contextlib.suppress(OSError):  # Nobody reads it.
        os.write(1, f"touches: {clock.touches}\n".encode())
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
            output = Path(asked["output"])
            _write_to(os.open(output, os.O_CREAT | os.O_WRONLY | os.O_TRUNC))
            if asked["reader"]:
                READERS[asked["reader"]]()
            if asked["host"]:
                _live_on(asked["host"])
            sys.exit(_train(asked["folder"], asked["moment"], _gate(output)))
        print(copy, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(copy, 0)[1]), flush=True)


if __name__ == "__main__":
    _serve()
