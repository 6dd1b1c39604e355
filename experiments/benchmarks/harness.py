"""Processes that take turns, and the lines that say how long each took."""

import functools
import importlib.metadata
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from resinc.cores import available_cores, pinned
from resinc.launch.local import visible_devices
from resinc.malloc import with_malloc_settings
from resinc.runs import provenance
from resinc.xla import as_given

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("jax", "jaxlib", "flax", "optax", "numpy", "torch", "keras")
# What a side needs that only `make parity` installs.
OPTIONAL = {"torch_twin": "torch", "keras_twin": "keras"}
# Sides whose JAX starts without the flags that importing resinc sets.
PLAIN = ("flax_twin", "keras_twin")
# Sides that get memory as any process does; others as `resinc train` and `eval` do.
PEERS = (*PLAIN, "torch_twin", "loader_twins")


class Absent(Exception):
    """A peer that is not installed; the text says which, and how to get it."""


class Results:
    """The lines of one comparison; those of this code and these versions count as done."""

    def __init__(self, folder: Path, name: str):
        folder.mkdir(parents=True, exist_ok=True)
        self.name, self._path, self._stamp = name, folder / f"{name}.jsonl", stamp()
        self.lines = [line for line in read(self._path) if line.items() >= self._stamp.items()]

    def has(self, **key: Any) -> bool:
        return any(line.items() >= key.items() for line in self.lines)

    def add(self, **values: Any) -> None:
        line = {"benchmark": self.name, **values, **self._stamp, "load": round(os.getloadavg()[0])}
        self.lines.append(line)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        numbers = {k: v for k, v in values.items() if k != "turns"}
        print(f"{self.name}: " + "  ".join(f"{k} {v}" for k, v in numbers.items()), flush=True)

    def compare(
        self, sides: Mapping[str, dict[str, Any]], cores: int, turns: int, **key: Any
    ) -> None:
        """Add a line per side: seconds of a call, by the median of its turns.

        Args:
          sides: name -> what `worker.py` prepares; "ours" first.
          cores: that every side is given.
          turns: of each side.
          **key: names the case.
        """
        if cores > len(available_cores()) or self.has(cores=cores, **key):
            return
        workers = {}
        try:
            for side, work in sides.items():
                try:
                    workers[side] = Worker(cores=cores, **work)
                except Absent as absent:
                    print(f"{self.name}: {side} is left out: {absent}", flush=True)
            found: dict[str, list[dict[str, float]]] = {side: [] for side in workers}
            for _ in range(turns):
                for side, worker in workers.items():
                    found[side].append(worker.turn())
            for side, timings in found.items():
                self.add(
                    **key,
                    cores=cores,
                    side=side,
                    seconds=round(statistics.median(t["seconds"] for t in timings), 5),
                    cpu_seconds=round(statistics.median(t["cpu_seconds"] for t in timings), 5),
                    turns=[round(t["seconds"], 5) for t in timings],
                    **workers[side].about,
                )
        finally:
            for worker in workers.values():
                worker.end()


class Worker:
    """A process with a prepared computation, which runs when it is its turn."""

    def __init__(
        self,
        module: str,
        cores: int,
        seconds: float | None = None,
        environment: Mapping[str, str] | None = None,
        python: str = sys.executable,
        **arguments: Any,
    ):
        """Start it and wait until it is ready.

        Args:
          module: of this folder, whose `prepare` it calls.
          cores: that it is given.
          seconds: after which it is ended, whatever it does.
          environment: variables that are added to those of this process.
          python: the interpreter.
          **arguments: of `prepare`.

        Raises:
          Absent: what it needs is not installed.
          RuntimeError: it ended, of itself or after `seconds`.
        """
        package = OPTIONAL.get(module)
        if package and importlib.util.find_spec(package) is None:
            raise Absent(f"{package} is not installed; `make parity` does that")
        spec = {"module": module, "arguments": arguments}
        start = "from experiments.benchmarks.worker import main; main()"
        if module in PLAIN:
            start = f"import jax; jax.devices(); {start}"
        # Without the flags of this process: what resinc adds depends on the cores.
        given = as_given(os.environ)
        with pinned(available_cores()[:cores]):
            self._process = subprocess.Popen(
                [python, "-c", start, json.dumps(spec)],
                cwd=ROOT,
                env=(given if module in PEERS else with_malloc_settings(given))
                | {"OMP_NUM_THREADS": str(cores), "KERAS_BACKEND": "jax"}
                | dict(environment or {}),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        self._timer = threading.Timer(seconds or threading.TIMEOUT_MAX, self._process.kill)
        self._timer.daemon = True
        self._timer.start()
        try:
            self.about = self._answer()
        except BaseException:
            self.end()
            raise

    def turn(self) -> dict[str, float]:
        assert self._process.stdin is not None
        self._process.stdin.write("turn\n")
        self._process.stdin.flush()
        return self._answer()

    def end(self) -> None:
        self._timer.cancel()
        self._process.kill()
        self._process.wait()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        raise RuntimeError(f"a worker ended with status {self._process.wait()}: see above")


def read(path: Path) -> Iterable[dict[str, Any]]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def stamp() -> dict[str, Any]:
    """What must be the same for a number to count."""
    found = {name: importlib.util.find_spec(name) is not None for name in PACKAGES}
    versions = {name: importlib.metadata.version(name) for name, there in found.items() if there}
    return {
        "versions": {"python": sys.version.split()[0], **versions},
        "device": _device(),
        "commit": provenance.commit()[:7],
        "dirty": provenance.is_dirty(),
    }


@functools.cache
def _device() -> str:
    """A GPU is asked for by a process that ends: who holds it takes most of its memory."""
    ask = "from resinc.train.recording.provenance import device_kind; print(device_kind())"
    if visible_devices():
        command = [sys.executable, "-c", ask]
        return subprocess.check_output(command, cwd=ROOT, text=True).splitlines()[-1]
    from resinc.train.recording.provenance import device_kind

    return device_kind()
