"""Training, from configs to finished folders; it can be killed at any moment.

One run, or the members of a pack: runs that one program trains at once. All that can be refused is
refused before anything is written or compiled. Then batches go from a source to a program, and what
comes back goes to a recorder per run.
"""

import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
from ml_collections import ConfigDict

from resinc.data.source import Source
from resinc.errors import InputError
from resinc.runs.folder import PROFILE
from resinc.train import due
from resinc.train.distributed import processes
from resinc.train.assemble import Machine, assemble
from resinc.train.evaluate import evaluate_with_average
from resinc.train.compiled.members import batches, check_alike
from resinc.train.probes import measure
from resinc.train.recording.profiler import Profiler
from resinc.train.compiled.program import Program
from resinc.train.start.ready import Run, get_ready
from resinc.train.recording.recorder import Member, Outcome, Recorder
from resinc.train.recording.recorders import Recorders
from resinc.train.signals import stop_on_signal
from resinc.train.replica.state import State


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
    check_alike(configs)
    machines = [assemble(config) for config in configs]
    # Alike in their data but for what is held out: each split is read once.
    datasets = {machine.config.data.split_seed: machine.dataset for machine in machines}
    machines = [
        machine._replace(dataset=datasets[machine.config.data.split_seed]) for machine in machines
    ]
    ended: dict[Path, Outcome | InputError] = {}
    runs: list[Run] = []
    with contextlib.ExitStack() as locks:
        for machine, folder in zip(machines, folders, strict=True):
            try:
                ready = get_ready(machine, folder)
            except InputError as error:
                ended[folder] = error
                continue
            if isinstance(ready, Outcome):
                ended[folder] = ready
                continue
            locks.enter_context(ready.lock)
            runs.append(ready)
        stopped: Outcome | None = None
        for step in sorted({run.start.step for run in runs}):
            together = [run for run in runs if run.start.step == step]
            if stopped:
                outcomes = [stopped._replace(step=step)] * len(together)
            else:
                outcomes = run_together(together, profile_steps, own_logs)
            ended |= {run.folder: end for run, end in zip(together, outcomes, strict=True)}
            stopped = next((end for end in outcomes if end.state == "interrupted"), None)
    return [ended[folder] for folder in folders]


def run_together(
    runs: Sequence[Run], profile_steps: int = 0, own_logs: bool = False
) -> list[Outcome]:
    """Go on from where all of them start to the last step, or until they are stopped or diverge."""
    with contextlib.ExitStack() as opened:
        orders = [opened.enter_context(_source(run.machine)) for run in runs]
        return _go_on(runs, orders, profile_steps, own_logs)


def _source(machine: Machine) -> contextlib.closing[Source]:
    config, share = machine.config, processes.share()
    return contextlib.closing(
        machine.dataset.source(config.seed, config.batch_size, config.steps_per_call, share)
    )


def _go_on(
    runs: Sequence[Run], orders: Sequence[Source], profile_steps: int, own_logs: bool
) -> list[Outcome]:
    """`orders`: of each run, its examples in its order; what the first holds is that of all."""
    machine, start, source = runs[0].machine, runs[0].start, orders[0]
    configs, config = [run.machine.config for run in runs], machine.config
    normalizers = [run.machine.dataset.normalizer() for run in runs]
    members = configs if len(runs) > 1 else ()
    program = Program(machine, source, normalizers[0], members, normalizers)
    state = program.place(*(run.start.state for run in runs))
    names = tuple(run.folder.name for run in runs)
    recorders = Recorders(
        {
            Recorder(
                run.folder,
                run.machine.config,
                run.start,
                run.seconds,
                Member(index, names) if program.members else None,
                own_logs,
            ): run.lock
            for index, run in enumerate(runs)
        }
    )
    place = runs[0].folder / PROFILE
    profiled = profile_steps if processes.is_first() else 0
    profiler = Profiler(place, start.step, config.steps, profiled, recorders.say)

    def probed(state: State, probes: Sequence[str]) -> Callable[[int | None], dict[str, Any]]:
        def of(index: int | None) -> dict[str, Any]:
            run, normalizer = runs[index or 0], normalizers[index or 0]
            return measure(run.machine, normalizer, state, probes, index)

        return of

    def unusable(last: bool = False) -> None:
        recorders.unusable({k: v for own in orders for k, v in own.unusable.items()}, last)

    # Two calls: one is computed while the batches of the next move. More would pile up there.
    in_flight: deque[Any] = deque(maxlen=2)
    with stop_on_signal() as stop, recorders, profiler:
        recorders.begin(source.advice)
        if not start.step:
            recorders.measurements(0, probed(state, config.probes_at_start))
        for steps in due.calls(config, start.step):
            if len(in_flight) == in_flight.maxlen:
                jax.block_until_ready(in_flight[0])
            with recorders.waiting():
                moved = [batches(orders, step - 1) for step in steps]
            with profiler.call(steps) as dispatched:
                state, reports = program.train(state, moved)
                dispatched.append(reports)
            in_flight.append(reports)
            recorders.report(steps, reports)
            if due.ends_epoch(config, steps, len(source.parts["train"])):
                unusable()
            stop.poll()
            step, last = steps[-1], steps[-1] == config.steps
            if not due.saves(config, step) and not stop.requested:
                continue
            recorders.settle()
            if due.evaluates(config, step):
                parts = ("train", "validation", "test") if last else ("validation", "test")
                size = config.eval_batch_size
                results = evaluate_with_average(program, orders, state, parts, size, stop.poll)
                recorders.evaluation(step, results)
                if last and "test" in source.parts and config.objective == "classify":
                    recorders.correct("test", results, machine.dataset.digest("test"))
            unusable()  # A resumed run does not meet them again.
            recorders.save(state)
            if stop.requested and not last:
                said = f"saved at step {step} on {stop.requested.name}"
                recorders.end("interrupted", step, said, stop.requested)
                break
        else:
            recorders.measurements(config.steps, probed(state, config.probes))
            unusable(last=True)
            recorders.end("done", config.steps)
    return recorders.outcomes
