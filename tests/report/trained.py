"""Rows of labelled runs made up for the tests of comparisons: errors in %, no files."""

from resinc.report.rows import Point, Row
from resinc.runs.status import CellState

STEPS = 120


def run(
    kind, depth, seed, train=1.0, test=None, *, loss=None, state="done", rate=0.1, images=1258,
    **fields,
):  # fmt: skip
    """A run; its training loss follows the error unless given."""
    loss = 0.02 * train + 1e-3 if loss is None else loss
    evals = {
        "train": (Point(STEPS, train / 100, loss, images),),
        "test": (Point(STEPS, (train if test is None else test) / 100, loss, 360),),
    }
    labels = {"kind": kind, "depth": depth, **fields.pop("labels", {})}
    return Row(
        name=f"{kind}-{depth},seed={seed}" + ",pilot" * bool(labels.get("pilot")),
        state=CellState(state),
        step=STEPS,
        steps=STEPS,
        config={"seed": seed, "optimizer.lr": rate, "data.name": "digits"},
        evals=evals if state == "done" else {},
        labels=labels,
        **fields,
    )


def runs(kind, depth, *errors, **fields):
    """A run per seed."""
    return [run(kind, depth, seed, error, **fields) for seed, error in enumerate(errors)]


def pilots(kind, depth, rates=(0.01, 0.03, 0.1)):
    """The runs that chose the learning rate."""
    return [run(kind, depth, 100, 50.0, rate=rate, labels={"pilot": True}) for rate in rates]
