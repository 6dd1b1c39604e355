"""The errors of a trained network, from a checkpoint of its run."""

from pathlib import Path

from resinc.errors import InputError
from resinc.train.compiled.program import Program
from resinc.train.evaluate import Result, evaluate
from resinc.train.replica.average import Weights
from resinc.train.trained.load import load_trained


def evaluate_folder(
    folder: Path,
    which: str,
    names: tuple[str, ...] = (),
    average: bool = False,
    crops: int = 1,
) -> tuple[int, dict[str, Result]]:
    """Evaluate a checkpoint of a run.

    Args:
      folder: workdir of the run.
      which: "latest", "best" (on validation) or a step.
      names: of splits: train, validation, test; none: validation, where there is one, and test.
      average: of the average of the weights.
      crops: of each image, 1 or 10, whose answers are averaged.

    Returns:
      The checkpoint's step, and a result per split.

    Raises:
      InputError: as `load_trained`; it has no such split, or there are no such crops.
    """
    trained = load_trained(folder, which, average)
    config = trained.setup.config
    if crops > 1 and config.objective != "classify":
        raise InputError(f"{crops} crops: objective {config.objective!r} has no answer to average")
    with trained.source(*names, crops=crops) as source:
        names = names or tuple(name for name in ("validation", "test") if name in source.parts)
        program = Program(trained.setup, source, trained.normalizer)
        weights = program.place(Weights(**trained.variables))
        # The batch that the device sees is as large as without crops.
        size = -(-config.eval_batch_size // crops)
        return trained.step, evaluate(program, source, weights, names, size)
