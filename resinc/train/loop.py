"""Training, from configs to finished folders; it can be killed at any moment.

One run, or the members of a pack: runs that one program trains at once. All that can be refused is
refused before anything is written or compiled. Then batches go from a source to a program, and what
comes back goes to a recorder per run.
"""

from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
from ml_collections import ConfigDict

from resinc.errors import InputError
from resinc.train import due
from resinc.train.assemble import assemble_alike
from resinc.train.recording.outcome import Outcome
from resinc.train.session import Session, session_of
from resinc.train.signals import Stop, stop_on_signal
from resinc.train.start.ready import Run, all_ready


def train(config: ConfigDict, folder: Path, profile_steps: int = 0) -> Outcome:
    """Train to `config.steps`, resuming what `folder` holds.

    Args:
      config: a filled `configs.base` schema.
      folder: workdir of the run; created if need be.
      profile_steps: of which a trace is written into `folder`/profile, after a warm-up.

    Raises:
      InputError: the config, the data or the folder cannot be used; nothing was changed.
    """
    (outcome,) = _train([config], [folder], profile_steps)
    if isinstance(outcome, InputError):
        raise outcome
    return outcome


def train_members(
    configs: Sequence[ConfigDict], folders: Sequence[Path]
) -> list[Outcome | InputError]:
    """Train runs that differ in numbers alone, each as `train` would, all in one program.

    Each has its folder to itself, with a log of its own, and ends by itself: one that diverges or
    is refused leaves the others alone. Those that start at the same step are trained at once.

    Returns:
      How each ended, or what it was refused for, in the order given.

    Raises:
      InputError: they differ in more than `members.FIELDS`, or a config cannot be used; nothing was
        changed.
    """
    return _train(configs, folders, own_logs=True)


def _train(
    configs: Sequence[ConfigDict],
    folders: Sequence[Path],
    profile_steps: int = 0,
    own_logs: bool = False,
) -> list[Outcome | InputError]:
    with all_ready(assemble_alike(configs), folders) as (groups, ended):
        stopped: Outcome | None = None
        for runs in groups:
            if stopped:
                outcomes = [stopped._replace(step=run.start.step) for run in runs]
            else:
                outcomes = train_at_once(runs, profile_steps, own_logs)
            ended |= {run.folder: end for run, end in zip(runs, outcomes, strict=True)}
            stopped = next((end for end in outcomes if end.state == "interrupted"), None)
    return [ended[folder] for folder in folders]


def train_at_once(
    runs: Sequence[Run], profile_steps: int = 0, own_logs: bool = False
) -> list[Outcome]:
    """Go on from where all of them start to the last step, or until they are stopped or diverge."""
    with session_of(runs, profile_steps, own_logs) as session:
        with stop_on_signal() as stop, session.recorders, session.profiler:
            _go_on(session, stop)
        return session.recorders.outcomes


def _go_on(session: Session, stop: Stop) -> None:
    config, recorders = session.config, session.recorders
    recorders.begin(session.sources[0].advice)
    if not session.start:
        session.probe(0, config.probes_at_start)
    # Two calls: one is computed while the batches of the next move. More would pile up there.
    in_flight: deque[Any] = deque(maxlen=2)
    for steps in due.calls(config, session.start):
        if len(in_flight) == in_flight.maxlen:
            jax.block_until_ready(in_flight[0])
        with recorders.waiting():
            moved = session.batches(steps)
        with session.profiler.call(steps) as dispatched:
            session.state, reports = session.program.train(session.state, moved)
            dispatched.append(reports)
        in_flight.append(reports)
        recorders.report(steps, reports)
        if due.ends_epoch(config, steps, session.train_size):
            session.tell_unusable()
        stop.poll()
        step = steps[-1]
        if not due.saves(config, step) and not stop.requested:
            continue
        recorders.settle()
        if due.evaluates(config, step):
            session.evaluate(step, between=stop.poll)
        session.tell_unusable()  # A resumed run does not meet them again.
        recorders.save(session.state)
        if stop.requested and step < config.steps:
            why = f"saved at step {step} on {stop.requested.name}"
            recorders.end("interrupted", step, why, stop.requested)
            return
    session.probe(config.steps, config.probes)
    session.tell_unusable(last=True)
    recorders.end("done", config.steps)
