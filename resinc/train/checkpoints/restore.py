"""Where a run goes on: its newest checkpoint that is whole."""

from pathlib import Path
from typing import Any, NamedTuple

from resinc.config import differences
from resinc.errors import InputError
from resinc.runs.folder import CHECKPOINTS, DAMAGED
from resinc.runs.init_from import comparable
from resinc.train.checkpoints.checkpoint import Checkpoints, UnreadableCheckpoint
from resinc.train.replica.state import State
from resinc.weights.finite import refuse_non_finite
from resinc.weights.variables import flatten


class Resumed(NamedTuple):
    """A checkpoint.

    Attributes:
      state: as it was saved.
      provenance: of the run up to there.
      damaged: step -> why, of the newer ones that could not be read.
    """

    state: State
    provenance: dict[str, Any]
    damaged: dict[int, str]


def newest_whole(
    folder: Path, like: State, config: dict[str, Any], data: dict[str, Any], ignore: tuple[str, ...]
) -> Resumed | None:
    """Read the newest checkpoint that can be read; None where there is none at all.

    Args:
      folder: workdir of the run.
      like: a state of the right shapes and types, or these alone.
      config: of the run that asks; the checkpoint's must be the same.
      data: `Splits.provenance()` of that run; likewise.
      ignore: dotted fields of the config that may differ.

    Raises:
      InputError: none can be read, or it is of another run; nothing was changed.
    """
    checkpoints = Checkpoints(folder, read_only=True)
    damaged: dict[int, str] = {}
    for step in reversed(checkpoints.steps()):
        try:
            saved = checkpoints.saved(step)
            checkpoints.validation_error(step)
            differing = differences(comparable(saved.config, folder), config, ignore)
            differing += [f"data.{d}" for d in differences(saved.provenance["data"], data)]
            if differing:
                raise InputError(
                    f"checkpoint {step} in {str(folder / 'checkpoints')!r} is of another run: "
                    + "; ".join(differing)
                )
            return Resumed(checkpoints.restore_state(step, like), saved.provenance, damaged)
        except UnreadableCheckpoint as error:
            damaged[step] = error.reason
    if not damaged:
        return None
    newest, reason = next(iter(damaged.items()))
    raise InputError(
        f"no checkpoint in {str(folder / 'checkpoints')!r} can be read, of "
        f"{', '.join(map(str, sorted(damaged)))} ({newest}: {reason}): copy one back, or move that "
        "folder away to begin anew"
    )


def read_weights(folder: Path, which: str, average: bool = False) -> tuple[int, dict[str, Any]]:
    """The step of a checkpoint, and its {"params", "batch_stats"} as NumPy arrays.

    Args:
      folder: workdir of the run.
      which: "latest", "best" (on validation) or a step.
      average: those of the average that `average_decay` keeps.

    Raises:
      InputError: there is no such checkpoint, or it is damaged, or its weights are not finite.
    """
    checkpoints = Checkpoints(folder, read_only=True)
    step = checkpoints.step_of(which)
    variables = checkpoints.restore_weights(step, average)
    checkpoints.close()
    refuse_non_finite(flatten(variables), f"step {step} of {str(folder)!r}")
    return step, variables


def set_aside(folder: Path, damaged: dict[int, str]) -> None:
    """Move damaged checkpoints out of the way of those that will be written again; none is lost."""
    for step in damaged:
        place = folder / DAMAGED / str(step)
        number = 1
        while place.exists():
            number += 1
            place = place.with_name(f"{step}-{number}")
        place.parent.mkdir(exist_ok=True)
        (folder / CHECKPOINTS / str(step)).rename(place)


def unreadable_scores(folder: Path) -> dict[int, str]:
    """step -> why, where the validation error is damaged: to keep the best, Orbax needs all."""
    checkpoints = Checkpoints(folder, read_only=True)
    damaged = {}
    for step in checkpoints.steps():
        try:
            checkpoints.validation_error(step)
        except UnreadableCheckpoint as error:
            damaged[step] = error.reason
    return damaged
