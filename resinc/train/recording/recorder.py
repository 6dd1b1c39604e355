"""The files of one run, and what its user sees: all that the loop has to tell goes through here."""

import contextlib
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import jax
import numpy as np
from ml_collections import ConfigDict

from resinc import config as config_file
from resinc.data.image_files.faults import described
from resinc.errors import outside_cause
from resinc.probes.gradients import by_layer
from resinc.runs.config import write_config
from resinc.runs.correct import Correct, write_correct
from resinc.runs.lock import check_held
from resinc.runs.log import append_log
from resinc.runs.measurements import read_measurements, write_measurements
from resinc.runs.provenance import write_origin
from resinc.runs.status import write_status
from resinc.runs.unusable import read_unusable, write_unusable
from resinc.train import due
from resinc.train.checkpoints.checkpoint import Checkpoints
from resinc.train.checkpoints.restore import set_aside, unreadable_scores
from resinc.train.compiled import members
from resinc.train.distributed.processes import is_first, is_of_another, several, wait_for_all
from resinc.train.evaluate import Result
from resinc.train.recording.outcome import Diverged, Outcome
from resinc.train.recording.progress import Meter, Pace, RunProgress
from resinc.train.recording.provenance import with_kernels
from resinc.train.recording.writer import MetricsWriter
from resinc.train.replica.finite import name_parts
from resinc.train.replica.state import State
from resinc.train.replica.step import Report
from resinc.train.start.find import Start

# Of the time, from which on it is worth to do something about it.
_INPUT_BOUND = 0.1


class Member(NamedTuple):
    """Which of the runs that one program trains at once.

    Attributes:
      number: from 0, of its part of every array.
      pack: names of the folders of all.
    """

    number: int
    pack: tuple[str, ...]


class Recorder:
    """Metrics, TensorBoard, progress, status, measurements and checkpoints of a run.

    A context manager: however its block is left, the status says how, and all is on the disk that
    a resumed run goes on from. `Diverged` ends the block quietly. At a checkpoint the metrics up to
    it reach the disk first: what a resumed run finds is then never behind its state, and what is
    ahead of it is cut off.

    Attributes:
      outcome: how the run ended, once it has.
      member: its number among those that the program trains; None: it is the only one.
    """

    outcome = Outcome("running", 0)

    def __init__(
        self,
        folder: Path,
        config: ConfigDict,
        start: Start,
        seconds_before: float,
        member: Member | None = None,
        own_log: bool = False,
    ):
        """Open the files after `start`.

        Args:
          folder: workdir of the run.
          config: of the run.
          start: what it goes on from.
          seconds_before: spent on the run until now.
          member: which of several it is: reports and states are then of all of them.
          own_log: what its user sees goes to the log of the folder, not to the terminal.
        """
        # Of several processes the first writes the files; what the others write is thrown away.
        self._scratch = None if is_first() else tempfile.TemporaryDirectory(prefix="resinc-")
        run = folder
        if self._scratch:
            folder, own_log = Path(self._scratch.name), True
        self.member = member.number if member else None
        self._folder, self._config = folder, config
        self._messages = start.messages
        self._provenance = start.within(member.pack) if member else start.provenance
        self._sharing = len(member.pack) if member else 1
        self._begun = time.monotonic()
        self._seconds_before = seconds_before
        self._step = start.step  # The newest that was dispatched.
        self._newest: tuple[range, Report] | None = None  # Of a call, not looked at yet.
        self._validation_error: float | None = None  # Of the newest step.
        write_config(folder, config)
        if is_first():
            set_aside(run, start.damaged | unreadable_scores(run))
        wait_for_all("damaged checkpoints are out of the way")
        self._checkpoints = Checkpoints(run, config.checkpoints_to_keep)
        write_origin(folder, self._provenance)
        self._writer = MetricsWriter(folder, start.step, config.log_gradients)
        self._log_file = append_log(folder) if own_log else None
        self._progress = RunProgress(folder.name, start.step, config.steps, self._log_file)
        self._meter = Meter(config.batch_size)
        self._advice = ""  # To be given where the run waits for its input; once.
        self._warned = False

    def __enter__(self) -> Self:
        self._progress.__enter__()
        return self

    def begin(self, advice: str = "") -> None:
        """Say that the run goes on, and from where; `advice`: `resinc.data.source.Source`'s."""
        self._advice = advice
        self._status("running", self._step)
        for line in self._messages:
            self.say(line)

    def say(self, line: str) -> None:
        self._progress.say(line)

    def waited(self, seconds: float) -> None:
        """For a batch."""
        self._meter.waited(seconds)

    def report(self, steps: range, reports: Report) -> None:
        """Take what a call gave, [k, ...]; log the call before, which is computed by now.

        So the device never waits for a log line.
        """
        self._log()
        self._step, self._newest = steps[-1], (steps, reports)
        self._meter.start(self._step)
        self._progress.step(self._step)

    def settle(self) -> None:
        """Wait for the newest step, log it and see that it left numbers.

        Raises:
          Diverged: it did not.
        """
        newest = self._newest
        self._log()
        if newest:
            _check_finite(self._own(jax.device_get(newest[1]), -1))

    def evaluation(self, step: int, results: Mapping[str, Result]) -> None:
        """Log results by split; a checkpoint of this step is selected by the validation error.

        Raises:
          Diverged: a loss is not finite; nothing was written.
        """
        for split, result in results.items():
            if not np.isfinite(result.loss):
                raise Diverged(step, f"loss on {split}")
        for split, result in results.items():
            self._writer.evaluation(
                step, split, result.loss, result.error, result.seen, result.top5_error
            )
        self._progress.evaluation(step, results)
        if "validation" in results:
            self._validation_error = results["validation"].error

    def correct(self, split: str, right: np.ndarray, digest: str) -> None:
        """Which examples of a split the trained network got right; `digest`: of the examples."""
        write_correct(self._folder, {split: Correct(right, digest)})

    def unusable(self, named: Mapping[str, str], last: bool = False) -> None:
        """Add examples that could not be used to those of earlier starts; say so of new ones.

        Args:
          named: name of the example -> reason.
          last: at the end of the run they are all said once more.
        """
        if not named and not last:
            return
        known = read_unusable(self._folder)
        new = named.keys() - known.keys()
        if new:
            known |= named
            write_unusable(self._folder, known)
        if known and (new or last):
            self.say(described(known))

    def measurements(self, step: int, measured: Mapping[str, Any]) -> None:
        """Add {probe: value} of a step to measurements.json."""
        if not measured:
            return
        known = read_measurements(self._folder)
        for name, value in measured.items():
            known.setdefault(name, {})[str(step)] = value
        write_measurements(self._folder, known)

    def save(self, state: State) -> None:
        """Begin a checkpoint, with the metrics before it; `state`: on the host.

        Raises:
          TakenOver: the folder is another process's now.
        """
        self._checkpoints.wait()
        self._check_held()  # After what takes its time, right before what would be written.
        self._writer.sync()
        config = config_file.to_dict(self._config)
        error, self._validation_error = self._validation_error, None
        own = members.member(state, self.member)
        if (compiled := with_kernels(self._provenance)) != self._provenance:
            self._provenance = compiled
            write_origin(self._folder, compiled)
        self._checkpoints.save(own, config, self._provenance, error)
        self._meter.restart(self._step)

    def end(self, state: str, step: int, message: str = "", signal_number: int = 0) -> None:
        """Wait until all is on the disk, and say how the run ended."""
        self._checkpoints.wait()
        self._status(state, step, message)
        self.outcome = Outcome(state, step, message, signal_number)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        try:
            if isinstance(error, Diverged):
                self.say(f"stopped: {error}")
                self.end("diverged", error.step, str(error))
            elif isinstance(error, KeyboardInterrupt):
                self._status("interrupted", self._step, "stopped at once by a second Ctrl-C")
            elif error:
                self._failed(error)
            return isinstance(error, Diverged)
        finally:
            # A save that one process fails of would wait for the others.
            closed = (self._writer,) if error and several() else (self._checkpoints, self._writer)
            for part in closed:
                # All that counts was awaited or flushed: an error here would hide the one above.
                with contextlib.suppress(Exception):
                    part.close()
            self._progress.__exit__(kind, error, traceback)
            if self._log_file:
                self._log_file.close()
            if self._scratch:
                self._scratch.cleanup()

    def _failed(self, error: BaseException) -> None:
        self._check_held()  # What failed may be what the other one does there.
        cause = outside_cause(error)
        message = cause or f"{type(error).__name__}: {error}"
        if self._log_file:
            self.say(message)
        if cause:
            if not several():
                self._checkpoints.discard_unfinished()
            error.add_note(
                f"{str(self._folder)!r} stopped at step {self._step}; with that mended, the same "
                "command goes on from its last checkpoint"
            )
        with contextlib.suppress(OSError):
            # Where another was lost, the run is fit to go on.
            state = "interrupted" if is_of_another(error) else "failed"
            self._status(state, self._step, message)

    def _log(self) -> None:
        """Log the newest call, waiting for it to be computed where one of its steps is logged."""
        newest, self._newest = self._newest, None
        if newest is None or not any(map(self._is_logged, newest[0])):
            return
        steps, reports = newest[0], jax.device_get(newest[1])
        pace = Pace()
        for i, step in enumerate(steps):
            if not self._is_logged(step):
                continue
            report = self._own(reports, i)
            _check_finite(report)
            if self._config.log_gradients:
                self._writer.gradients(step, *map(by_layer, report.gradients))
            if due.logs(self._config, step):
                # Computed are all steps of the call.
                pace = self._meter.pace(steps[-1]) or pace
                self._log_window(step, report, pace)

    def _is_logged(self, step: int) -> bool:
        return due.logs(self._config, step) or (self._config.log_gradients and step == 1)

    def _log_window(self, step: int, report: Report, pace: Pace) -> None:
        loss, error, lr = float(report.loss), float(report.error), float(report.lr)
        self._writer.train(step, loss, error, lr)
        if pace.images_per_second:
            self._writer.timing(step, time.monotonic() - self._begun, *pace)
        self._progress.train(step, loss, error, lr, pace)
        if pace.input_share > _INPUT_BOUND and self._advice and not self._warned:
            self._warned = True
            self.say(
                f"step {step}: {pace.input_share:.0%} of the time goes into waiting for images; "
                f"{self._advice}"
            )
        self._status("running", step)

    def _check_held(self) -> None:
        if is_first():
            check_held(self._folder)

    def _status(self, state: str, step: int, message: str = "") -> None:
        self._check_held()
        # Members take the time of the machine together: summed over runs, it counts once.
        seconds = self._seconds_before + (time.monotonic() - self._begun) / self._sharing
        write_status(self._folder, state, step, self._config.steps, seconds, message)

    def _own(self, reports: Report, index: int) -> Report:
        """The report of one step of a call, of this run alone; `reports`: on the host."""
        of_step = jax.tree.map(lambda leaf: leaf[index], reports)
        return members.member(of_step, self.member)


def _check_finite(report: Report) -> None:
    """Raise where this step or one before left NaN or infinity."""
    if report.bad_step >= 0:
        raise Diverged(int(report.bad_step), name_parts(int(report.bad_parts)))
