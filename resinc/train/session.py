"""What the loop moves batches between: one program, the sources of its runs and their recorders."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ml_collections import ConfigDict

from resinc.data.on_device.normalize import Normalizer
from resinc.data.source import Source
from resinc.runs.folder import PROFILE
from resinc.train.assemble import Setup
from resinc.train.compiled import members
from resinc.train.compiled.program import Program
from resinc.train.distributed import processes
from resinc.train.evaluate import evaluate_with_average
from resinc.train.probes import measure
from resinc.train.recording.profiler import Profiler
from resinc.train.recording.recorder import Member, Recorder
from resinc.train.recording.recorders import Recorders
from resinc.train.replica.state import State
from resinc.train.start.ready import Run


@dataclasses.dataclass
class Session:
    """Runs that go on from the same step, trained by one program.

    Attributes:
      runs: one, or the members of the program.
      sources: of each, its examples in its order; what the first holds is that of all.
      normalizers: of each.
      program: that trains them.
      state: on the devices, as the loop has brought it; of n members its arrays are [n, ...].
      recorders: of their files.
      profiler: of a few steps, if asked for.
    """

    runs: Sequence[Run]
    sources: Sequence[Source]
    normalizers: Sequence[Normalizer]
    program: Program
    state: State
    recorders: Recorders
    profiler: Profiler

    @property
    def config(self) -> ConfigDict:
        """Of the first; it differs from the others in nothing that the loop asks for."""
        return self.runs[0].setup.config

    @property
    def start(self) -> int:
        """Steps that are done before it begins."""
        return self.runs[0].start.step

    @property
    def train_size(self) -> int:
        """Training examples, of which an epoch has each once."""
        return len(self.sources[0].parts["train"])

    def batches(self, steps: range) -> list[Any]:
        """What moves to the devices for these steps, counted from 1; waits until it is there."""
        return [members.batches(self.sources, step - 1) for step in steps]

    def evaluate(self, step: int, between: Callable[[], None]) -> None:
        """Record errors on validation and test set; after the last step on the training set too.

        And then, of a classifier, which examples of the test set it gets right.

        Args:
          step: of the state.
          between: called after each batch.

        Raises:
          Diverged: the loss of the last run that was going on is not finite.
        """
        config, last = self.config, step == self.config.steps
        splits = ("train", "validation", "test") if last else ("validation", "test")
        size = config.eval_batch_size
        results = evaluate_with_average(
            self.program, self.sources, self.state, splits, size, between
        )
        self.recorders.evaluation(step, results)
        if last and "test" in self.sources[0].parts and config.objective == "classify":
            digest = self.runs[0].setup.dataset.digest("test")
            self.recorders.correct("test", results, digest)

    def probe(self, step: int, probes: Sequence[str]) -> None:
        """Record what `resinc.probes.PROBES` of these names measure of the state at a step."""

        def measured(index: int | None) -> dict[str, Any]:
            run, normalizer = self.runs[index or 0], self.normalizers[index or 0]
            return measure(run.setup, normalizer, self.state, probes, index)

        self.recorders.measurements(step, measured)

    def tell_unusable(self, last: bool = False) -> None:
        """Record examples that could not be used until now; `last`: at the end of the run."""
        named = {name: why for own in self.sources for name, why in own.unusable.items()}
        if self.config.data.on_error == "skip":  # Else the first one has ended the run.
            named = processes.union(named)
        self.recorders.unusable(named, last)


@contextlib.contextmanager
def session_of(runs: Sequence[Run], profile_steps: int, own_logs: bool) -> Iterator[Session]:
    """Set up what runs that start at the same step need; the first files are written here.

    Args:
      runs: that are ready to go on; of several `members.check_alike` has seen the configs.
      profile_steps: steps of which a trace is written into the folder of the first; 0: none.
      own_logs: what there is to say goes to the log of each folder, not to the terminal.
    """
    with contextlib.ExitStack() as opened:
        sources = [opened.enter_context(_source(run.setup)) for run in runs]
        normalizers = [run.setup.dataset.normalizer() for run in runs]
        configs = [run.setup.config for run in runs] if len(runs) > 1 else ()
        program = Program(runs[0].setup, sources[0], normalizers[0], configs, normalizers)
        state = program.place(*(run.start.state for run in runs))
        recorders = _recorders(runs, own_logs)
        profiler = _profiler(runs[0], profile_steps, recorders)
        yield Session(runs, sources, normalizers, program, state, recorders, profiler)


def _source(setup: Setup) -> contextlib.closing[Source]:
    config, share = setup.config, processes.share()
    return contextlib.closing(
        setup.dataset.source(config.seed, config.batch_size, config.steps_per_call, share)
    )


def _recorders(runs: Sequence[Run], own_logs: bool) -> Recorders:
    names = tuple(run.folder.name for run in runs)

    def recorder(index: int, run: Run) -> Recorder:
        member = Member(index, names) if len(runs) > 1 else None
        return Recorder(run.folder, run.setup.config, run.start, run.seconds, member, own_logs)

    return Recorders({recorder(index, run): run.lock for index, run in enumerate(runs)})


def _profiler(run: Run, count: int, recorders: Recorders) -> Profiler:
    count = count if processes.is_first() else 0
    last = run.setup.config.steps
    return Profiler(run.folder / PROFILE, run.start.step, last, count, recorders.say)
