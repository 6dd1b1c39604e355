"""Runs that are ready to go on: their folders locked, their data read, their states computed."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ml_collections import ConfigDict

from resinc import config as config_file
from resinc.errors import InputError
from resinc.runs import init_from
from resinc.runs.config import check_config, uncompared
from resinc.runs.init_from import InitFrom
from resinc.runs.lock import held
from resinc.runs.status import FOR_GOOD, read_status
from resinc.train.assemble import Setup
from resinc.train.checkpoints.checkpoint import Checkpoints, checksum
from resinc.train.distributed import processes
from resinc.train.recording.outcome import Outcome
from resinc.train.start.find import Start, find_start
from resinc.train.start.initial import check_source, from_run


class Run(NamedTuple):
    """A run that is ready to go on; nothing of it is written yet.

    Attributes:
      setup: of its config.
      folder: its workdir.
      start: what it goes on from.
      seconds: spent on it before.
      lock: of the folder, let go of when it is closed.
    """

    setup: Setup
    folder: Path
    start: Start
    seconds: float
    lock: contextlib.ExitStack


@contextlib.contextmanager
def all_ready(
    setups: Sequence[Setup], folders: Sequence[Path]
) -> Iterator[tuple[list[list[Run]], dict[Path, Outcome | InputError]]]:
    """Get each run ready; inside, their folders are locked.

    Yields:
      Those that start at the same step, which one program can train at once, the earliest first;
      and of the others, by folder, how they ended before or what they are refused for.
    """
    runs: list[Run] = []
    ended: dict[Path, Outcome | InputError] = {}
    with contextlib.ExitStack() as locks:
        for setup, folder in zip(setups, folders, strict=True):
            try:
                ready = get_ready(setup, folder)
            except InputError as error:
                ended[folder] = error
                continue
            if isinstance(ready, Outcome):
                ended[folder] = ready
            else:
                locks.enter_context(ready.lock)
                runs.append(ready)
        steps = sorted({run.start.step for run in runs})
        yield [[run for run in runs if run.start.step == step] for step in steps], ended


def get_ready(setup: Setup, folder: Path) -> Run | Outcome:
    """Lock the folder and find where its run goes on; an outcome where it has ended already.

    Of several processes the first has the lock, and all get ready alike or not at all.

    Raises:
      InputError: the folder or the data cannot be used; nothing was changed.
    """
    config = setup.config
    source = init_from.typed(config.init_from, folder) if config.init_from else None
    if source:
        config = ConfigDict(config)
        config.init_from = init_from.relative(source, folder)
        setup = setup._replace(config=config.lock())
    with contextlib.ExitStack() as lock:
        ready = processes.together(lambda: _find(setup, folder, source, lock), _same)
        return ready._replace(lock=lock.pop_all()) if isinstance(ready, Run) else ready


def _find(
    setup: Setup, folder: Path, source: InitFrom | None, lock: contextlib.ExitStack
) -> Run | Outcome:
    config = setup.config
    if processes.is_first():
        lock.enter_context(held(folder))
    ignore = uncompared(config)
    if source and check_source(source, folder):
        ignore += ("init_from",)  # By whatever name.
    check_config(folder, config_file.to_dict(config), ignore)
    status = read_status(folder)
    if status.get("state") in FOR_GOOD:
        return Outcome(status["state"], status.get("step", 0), status.get("message", ""))
    setup.dataset.read()
    own = Checkpoints(folder, read_only=True).steps()
    # What has a checkpoint of its own no longer needs what it started from.
    initial = from_run(setup, source) if source and not own else None
    start = find_start(setup, initial, folder, ignore)
    return Run(setup, folder, start, status.get("seconds", 0.0), lock)


def _same(ready: Run | Outcome) -> str:
    """What has to be the same in all processes."""
    if isinstance(ready, Outcome):
        return f"a run that is {ready.state}"
    return f"step {ready.start.step} with weights {checksum(ready.start.state)}"
