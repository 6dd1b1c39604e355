"""One training run, from a config to a finished folder; it can be killed at any moment.

All that can be refused is refused before anything is written or compiled. Then batches go from a
source to a program, and what comes back goes to a recorder.
"""

from pathlib import Path

from ml_collections import ConfigDict

from resinc import config as config_file
from resinc import data
from resinc.data import normalize
from resinc.data.source import Resident
from resinc.runs import source as sources
from resinc.runs.config import check_config, uncompared
from resinc.runs.folder import PROFILE
from resinc.runs.lock import held
from resinc.runs.status import FOR_GOOD, read_status
from resinc.train import due
from resinc.train.assemble import Machine, assemble
from resinc.train.checkpoint import Checkpoints
from resinc.train.evaluate import evaluate
from resinc.train.initial import check_source, from_run
from resinc.train.probes import measure
from resinc.train.profiler import Profiler
from resinc.train.program import Program
from resinc.train.recorder import Outcome, Recorder
from resinc.train.signals import stop_on_signal
from resinc.train.start import Start, find_start


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
        if status.get("state") in FOR_GOOD:
            return Outcome(status["state"], status.get("step", 0), status.get("message", ""))
        splits = data.load(config.data)
        own = Checkpoints(folder, read_only=True).steps()
        # What has a checkpoint of its own no longer needs what it started from.
        initial = from_run(machine, source) if source and not own else None
        start = find_start(machine, splits, initial, folder, ignore)
        recorder = Recorder(folder, machine.config, start, status.get("seconds", 0.0))
        place = folder / PROFILE
        profiler = Profiler(place, start.step, config.steps, profile_steps, recorder.say)
        return run(machine, splits, start, recorder, profiler)


def run(
    machine: Machine, splits: data.Splits, start: Start, recorder: Recorder, profiler: Profiler
) -> Outcome:
    """Go on from `start` to the last step, or to where the run is stopped or diverges."""
    config = machine.config
    normalizer = normalize.configured(splits.train.image, config.data)
    source = Resident.of(splits, config.seed, config.batch_size)
    program = Program(machine, source, normalizer)
    state = program.place(start.state)
    with stop_on_signal() as stop, recorder, profiler:
        recorder.begin()
        if not start.step:
            at_start = measure(machine, splits, normalizer, state, config.probes_at_start)
            recorder.measurements(0, at_start)
        for steps in due.calls(config, start.step):
            with profiler.call(steps) as dispatched:
                state, reports = program.train(state, [source.batch(step - 1) for step in steps])
                dispatched.append(reports)
            recorder.report(steps, reports)
            step, last = steps[-1], steps[-1] == config.steps
            if not due.saves(config, step) and not stop.requested:
                continue
            recorder.settle()
            validation_error = None
            if due.evaluates(config, step):
                names = ("train", "validation", "test") if last else ("validation", "test")
                results = evaluate(program, source, state, names, config.eval_batch_size)
                if state.average:
                    size = config.eval_batch_size
                    averaged = evaluate(program, source, state.average, names, size)
                    results |= {f"{name}_average": found for name, found in averaged.items()}
                validation_error = recorder.evaluation(step, results)
                if last and "test" in results and config.objective == "classify":
                    recorder.correct("test", results["test"].errors == 0, splits.test.digest())
            recorder.save(state, validation_error)
            if stop.requested and not last:
                said = f"saved at step {step} on {stop.requested.name}"
                recorder.end("interrupted", step, said, stop.requested)
                break
        else:
            at_end = measure(machine, splits, normalizer, state, config.probes)
            recorder.measurements(config.steps, at_end)
            recorder.end("done", config.steps)
    return recorder.outcome
