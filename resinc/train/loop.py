"""One training run, from a config to a finished folder; it can be killed at any moment.

Order matters in three places. All that can be refused is refused before anything is written or
compiled. The metrics of a step are fetched after the next step was dispatched, so the device never
waits. At a checkpoint the metrics up to it reach the disk first: what a resumed run finds is then
never behind its state, and what is ahead of it is cut off.
"""

import contextlib
import time
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from ml_collections import ConfigDict

from resinc import config as config_file
from resinc import data
from resinc.data import normalize
from resinc.data.source import Resident
from resinc.errors import outside_cause
from resinc.probes.gradients import by_layer
from resinc.runs import source as sources
from resinc.runs.config import check_config, uncompared
from resinc.runs.correct import Correct, write_correct
from resinc.runs.files import write_json
from resinc.runs.lock import held
from resinc.runs.status import read_status, write_status
from resinc.train.assemble import Machine, assemble
from resinc.train.checkpoint import Checkpoints
from resinc.train.evaluate import Result, evaluate
from resinc.train.finite import name_parts
from resinc.train.initial import check_source, from_run
from resinc.train.probes import measure
from resinc.train.profiler import Profiler
from resinc.train.program import Program
from resinc.train.progress import Meter, RunProgress
from resinc.train.restore import set_aside, unreadable_scores
from resinc.train.signals import Stop, stop_on_signal
from resinc.train.start import Start, find_start
from resinc.train.step import Report
from resinc.train.writer import MetricsWriter


class Outcome(NamedTuple):
    """How a run ended: `state` is done, diverged or interrupted, the last by `signal_number`."""

    state: str
    step: int
    message: str = ""
    signal_number: int = 0


class Diverged(Exception):
    """The run holds numbers no longer."""

    def __init__(self, step: int, what: str):
        super().__init__(f"non-finite at step {step}: {what}")
        self.step = step


def train(config: ConfigDict, folder: Path, profile_steps: int = 0) -> Outcome:
    """Train to `config.steps`, resuming what `folder` holds.

    Args:
      config: a filled `configs.base` schema.
      folder: workdir of the run; created if need be.
      profile_steps: of which a trace is written into `folder`/profile, after a warm-up.

    Raises:
      InputError: the config, the data or the folder cannot be used; nothing was changed.
    """
    machine = assemble(config)
    source = sources.typed(config.init_from, folder) if config.init_from else None
    if source:
        config = ConfigDict(config)
        config.init_from = sources.relative(source, folder)
        machine = machine._replace(config=config.lock())
    with held(folder):
        ignore = uncompared(config)
        if source and check_source(source, folder):
            ignore += ("init_from",)  # By whatever name.
        check_config(folder, config_file.to_dict(config), ignore)
        status = read_status(folder)
        if status.get("state") in ("done", "diverged"):
            return Outcome(status["state"], status.get("step", 0), status.get("message", ""))
        splits = data.load(config.data)
        own = Checkpoints(folder, read_only=True).steps()
        # What has a checkpoint of its own no longer needs what it started from.
        initial = from_run(machine, source) if source and not own else None
        begin = find_start(machine, splits, initial, folder, ignore)
        write_json(folder / "config.json", config_file.to_dict(config))
        seconds = status.get("seconds", 0.0)
        return _run(machine, splits, begin, folder, seconds, profile_steps)


def _run(
    machine: Machine,
    splits: data.Splits,
    begin: Start,
    folder: Path,
    seconds_before: float,
    profile_steps: int,
) -> Outcome:
    config = machine.config
    begun = time.monotonic()

    start, origin = begin.step, begin.provenance
    set_aside(folder, begin.damaged | unreadable_scores(folder))
    checkpoints = Checkpoints(folder, config.checkpoints_to_keep)
    write_json(folder / "provenance.json", origin)
    writer = MetricsWriter(folder, start, config.log_gradients)

    normalizer = normalize.configured(splits.train.image, config.data)
    source = Resident.of(splits, config.seed, config.batch_size)
    program = Program(machine, source, normalizer)
    state = program.place(begin.state)

    def status(state: str, step: int, message: str = "") -> None:
        seconds = seconds_before + time.monotonic() - begun
        write_status(folder, state, step, config.steps, seconds, message)

    def finish(state: str, step: int, message: str = "", stop: Stop | None = None) -> Outcome:
        checkpoints.wait()
        status(state, step, message)
        return Outcome(state, step, message, stop.requested or 0 if stop else 0)

    progress = RunProgress(folder.name, start, config.steps)
    meter = Meter(config.batch_size)
    profiler = Profiler(folder / "profile", start, config.steps, profile_steps)
    pending: tuple[int, Report] | None = None

    def ends_window(step: int) -> bool:
        return step % config.log_every_steps == 0 or step == config.steps

    def flush() -> None:
        """Log the newest window, waiting for its step to be computed."""
        nonlocal pending
        if pending is None:
            return
        (step, report), pending = pending, None
        report = jax.device_get(report)
        check_finite(report)
        if config.log_gradients:
            writer.gradients(step, *map(by_layer, report.gradients))
        if not ends_window(step):
            return
        speed = meter.speed(step)
        writer.train(step, float(report.loss), float(report.error), float(report.lr))
        if speed:
            writer.timing(step, time.monotonic() - begun, speed)
        progress.train(step, float(report.loss), float(report.error), float(report.lr), speed)
        status("running", step)

    step = start
    with stop_on_signal() as stop, progress:
        try:
            status("running", step)
            for line in begin.said:
                progress.say(line)
            if not start:
                measure(machine, splits, normalizer, state, config.probes_at_start, folder)
            for step in range(start + 1, config.steps + 1):
                with profiler.step(step) as dispatched:
                    state, report = program.train(state, source.batch(step - 1))
                    dispatched.append(report)
                flush()
                meter.start(step)
                if ends_window(step) or (config.log_gradients and step == 1):
                    pending = (step, report)
                progress.step(step)
                if profiler.said:
                    progress.say(profiler.said)
                    profiler.said = ""

                last = step == config.steps
                evaluating = (
                    config.eval_every_steps >= 0 if last else _due(step, config.eval_every_steps)
                )
                saving = last or evaluating or _due(step, config.checkpoint_every_steps)
                if not saving and not stop.requested:
                    continue
                flush()
                check_finite(report)
                results: dict[str, Result] = {}
                if evaluating:
                    splits_now = ("train", "validation", "test") if last else ("validation", "test")
                    results = evaluate(program, source, state, splits_now, config.eval_batch_size)
                    for split, result in results.items():
                        if not np.isfinite(result.loss):
                            raise Diverged(step, f"loss on {split}")
                    for split, result in results.items():
                        writer.evaluation(step, split, result.loss, result.error, result.seen)
                    if last and "test" in results and config.objective == "classify":
                        right = results["test"].errors == 0
                        write_correct(folder, {"test": Correct(right, splits.test.digest())})
                    progress.evaluation(step, results)
                writer.sync()
                selected = results["validation"].error if "validation" in results else None
                checkpoints.save(state, config_file.to_dict(config), origin, selected)
                meter.restart(step)
                if stop.requested and not last:
                    name = stop.requested.name
                    return finish("interrupted", step, f"saved at step {step} on {name}", stop)
            measure(machine, splits, normalizer, state, config.probes, folder)
            return finish("done", config.steps)
        except Diverged as error:
            progress.say(f"stopped: {error}")
            return finish("diverged", error.step, str(error))
        except KeyboardInterrupt:
            status("interrupted", step, "stopped at once by a second Ctrl-C")
            raise
        except BaseException as error:
            cause = outside_cause(error)
            if cause:
                checkpoints.discard_unfinished()
                error.add_note(
                    f"{str(folder)!r} stopped at step {step}; with that mended, the same command "
                    "goes on from its last checkpoint"
                )
            with contextlib.suppress(OSError):
                status("failed", step, cause or f"{type(error).__name__}: {error}")
            raise
        finally:
            for part in (profiler, checkpoints, writer):
                # All that counts was awaited or flushed: an error here would hide the one above.
                with contextlib.suppress(Exception):
                    part.close()


def check_finite(report: Report) -> None:
    """Raise `Diverged` where this step or one before left NaN or infinity; waits for the step."""
    if report.bad_step >= 0:
        raise Diverged(int(report.bad_step), name_parts(int(report.bad_parts)))


def _due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0
