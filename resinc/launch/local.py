"""Run jobs on this machine, a few at a time, each in its own process."""

import importlib.util
import itertools
import os
import re
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from resinc.cores import available_cores, pinned
from resinc.errors import InputError
from resinc.launch.launcher import Job, Listener, Request
from resinc.launch.queue.request import DEFAULTS
from resinc.launch.stop import Stopped
from resinc.malloc import with_malloc_settings
from resinc.runs.log import open_log
from resinc.stop_signals import hearing

POLL_SECONDS = 0.1
XLA_CACHE = ".xla-cache"  # In the folder of a sweep: compiled programs of its cells.


@dataclass
class Slot:
    """One place for a process, with the hardware that belongs to it."""

    environment: Mapping[str, str]
    cores: frozenset[int]  # Empty: not pinned.
    process: subprocess.Popen[bytes] | None = None
    job: Job | None = None


class Local:
    """Processes of this machine, each with its share of the cores or a device of its own."""

    here = True
    processes = 1

    def __init__(self, request: Request):
        """Take the hardware that `request` asks for.

        Raises:
          InputError: `workers` is negative, exceeds the devices, or is more than one on a TPU host,
            or the request is of a queue.
        """
        if request.queue != DEFAULTS:
            raise InputError(
                "--time, --nodes, --gpus, --image and the other options of a cluster's queue are "
                "not of this machine: give --launcher=slurm or --launcher=gke"
            )
        devices = visible_devices() if request.devices is None else tuple(request.devices)
        environment = child_environment(request.root)
        self._slots = make_slots(request.workers, devices, environment, has_tpu() and not devices)
        self.workers = len(self._slots)

    def submit(self, jobs: Sequence[Job], listener: Listener) -> signal.Signals | None:
        """See `Launcher.submit`; a first signal asks the children to save, a second kills them."""
        slots = self._slots
        waiting = list(jobs)
        stopped = Stopped()
        told = 0
        with hearing(stopped):
            try:
                while True:
                    for slot in slots:
                        if slot.process is not None and slot.process.poll() is not None:
                            _finish(slot, listener, killing=told > 1)
                        while slot.process is None and not stopped.count:
                            job = next(filter(listener.ready, waiting), None)
                            if job is None:
                                break
                            waiting.remove(job)
                            if listener.admit(job):
                                _start(slot, job)
                                listener.started(job)
                    if stopped.count > told:
                        _tell(slots, signal.SIGTERM if told == 0 else signal.SIGKILL)
                        told = stopped.count
                    listener.tick()
                    if all(slot.process is None for slot in slots):
                        return stopped.first
                    time.sleep(POLL_SECONDS)
            except BaseException:
                _tell(slots, signal.SIGTERM)  # Nothing is left running behind an error of ours.
                for slot in slots:
                    if slot.process is not None:
                        slot.process.wait()
                raise


def child_environment(root: Path) -> dict[str, str]:
    """Of every cell; what the user has set wins."""
    environment = dict(os.environ)
    environment.setdefault("PYTHONUNBUFFERED", "1")
    # Seeds of one architecture compile once: ResNet-56 on 2 CPU cores 13 s, then 3 s.
    environment.setdefault("JAX_COMPILATION_CACHE_DIR", str(root / XLA_CACHE))
    environment.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    environment.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
    return with_malloc_settings(environment)  # Here, so that no cell begins itself again.


def read_devices(text: str) -> tuple[str, ...]:
    """ "0,1" -> ("0", "1"): what `make_slots` takes.

    Raises:
      InputError: a name is empty.
    """
    names = tuple(name.strip() for name in text.split(","))
    if not all(names):
        raise InputError(f"{text!r} leaves a device out between its commas")
    return names


def visible_devices() -> tuple[str, ...]:
    """CUDA devices that JAX would use: each cell gets one, else all cells crowd onto the first."""
    plugins = ("jax_cuda13_plugin", "jax_cuda12_plugin")
    if not any(importlib.util.find_spec(plugin) for plugin in plugins):
        return ()
    if os.environ.get("JAX_PLATFORMS", "cuda").split(",")[0] not in ("cuda", "gpu"):
        return ()
    if "CUDA_VISIBLE_DEVICES" in os.environ:
        # As CUDA reads it: up to the first that is none, so that "-1" hides all.
        named = (name.strip() for name in os.environ["CUDA_VISIBLE_DEVICES"].split(","))
        return tuple(itertools.takewhile(re.compile(r"\d|GPU-|MIG-").match, named))
    ids = [path.name.removeprefix("nvidia") for path in Path("/dev").glob("nvidia[0-9]*")]
    return tuple(sorted(ids, key=int))


def has_tpu(devices: Path = Path("/dev")) -> bool:
    """Whether JAX would use TPU chips of this host: one process takes them all."""
    if not importlib.util.find_spec("libtpu"):
        return False
    if os.environ.get("JAX_PLATFORMS", "tpu").split(",")[0] != "tpu":
        return False
    return any(True for kind in ("accel[0-9]*", "vfio/[0-9]*") for _ in devices.glob(kind))


def make_slots(
    workers: int, devices: Sequence[str], environment: Mapping[str, str], tpu: bool = False
) -> list[Slot]:
    """Share the hardware out.

    Args:
      workers: 0 for one per device, or without devices one per CPU core.
      devices: CUDA device ids, one process each; an id that is given n times has n processes, each
        with its share of the memory. None: CPU, the cores shared out evenly.
      environment: of the children.
      tpu: the host has TPU chips, all of which one process takes.

    Raises:
      InputError: `workers` is negative, exceeds the devices, or is more than one with TPU chips.
    """
    if workers < 0:
        raise InputError(f"workers {workers} is negative; 0 means one per device or core")
    if tpu:
        if workers > 1:
            raise InputError(
                f"{workers} workers on a TPU host: one process takes all its chips, so give 1 or 0"
            )
        return [Slot(environment, frozenset())]
    if devices:
        if workers > len(devices):
            raise InputError(
                f"{workers} workers need {workers} devices, but {len(devices)} are given "
                f"({', '.join(devices)}): one process per device"
            )
        used = devices[: workers or len(devices)]
        return [Slot(_on_device(d, used.count(d), environment), frozenset()) for d in used]
    cores = available_cores()
    count = workers or len(cores)
    shares = [cores[i * len(cores) // count : (i + 1) * len(cores) // count] for i in range(count)]
    # More workers than cores: each has one core, some share it.
    shares = [share or [cores[i % len(cores)]] for i, share in enumerate(shares)]
    return [Slot(environment, frozenset(share)) for share in shares]


def _on_device(device: str, sharing: int, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of one of so many processes on a CUDA device."""
    own = {**environment, "CUDA_VISIBLE_DEVICES": device}
    if sharing > 1:  # JAX alone takes three quarters of a device's memory when it starts.
        own.setdefault("XLA_PYTHON_CLIENT_MEM_FRACTION", f"{0.9 / sharing:.3f}")
    return own


def _start(slot: Slot, job: Job) -> None:
    job.workdir.mkdir(parents=True, exist_ok=True)
    command = job.command()
    with open_log(job.workdir, command) as log, pinned(slot.cores):
        slot.process = subprocess.Popen(
            command,
            env=dict(slot.environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # Ctrl-C in a terminal reaches the whole process group: a child in ours would get
            # SIGINT from there and SIGTERM from us, and a second signal makes it stop unsaved.
            start_new_session=True,
        )
    slot.job = job


def _finish(slot: Slot, listener: Listener, killing: bool) -> None:
    process, job = slot.process, slot.job
    assert process is not None
    assert job is not None
    slot.process = slot.job = None
    # Killed because we were told twice to stop: stopped, not failed.
    ours = killing and process.returncode == -signal.SIGKILL
    listener.ended(job, -signal.SIGTERM if ours else process.returncode)


def _tell(slots: Sequence[Slot], number: signal.Signals) -> None:
    for slot in slots:
        if slot.process is not None and slot.process.poll() is None:
            slot.process.send_signal(number)
