"""What falls due does so at the same steps, however many a call makes."""

import pytest

from resinc.train import due
from tests.train.runs import config

INTERVALS = {"steps": 23, "eval_every_steps": 10, "checkpoint_every_steps": 4}


@pytest.mark.parametrize("done", [0, 7, 22, 23])
@pytest.mark.parametrize("most", [1, 2, 3, 4, 50])
def test_calls_make_every_step_once_and_end_where_something_is_due(done, most):
    settings = config(**INTERVALS, steps_per_call=most)
    calls = [*due.calls(settings, done)]
    assert [step for steps in calls for step in steps] == [*range(done + 1, 24)]
    ends = {steps[-1] for steps in calls}
    assert {step for step in range(done + 1, 24) if due.saves(settings, step)} <= ends
    assert {len(steps) for steps in calls} <= {1, most}
    if most in (2, 3, 4) and not done:
        assert any(len(steps) == most for steps in calls)


@pytest.mark.parametrize(
    ("changes", "evaluated", "saved"),
    [
        ({}, [10, 20, 23], [4, 8, 10, 12, 16, 20, 23]),
        ({"eval_every_steps": 0}, [23], [4, 8, 12, 16, 20, 23]),
        ({"eval_every_steps": -1}, [], [4, 8, 12, 16, 20, 23]),
        ({"checkpoint_every_steps": 0}, [10, 20, 23], [10, 20, 23]),
    ],
)
def test_evaluations_and_checkpoints_fall_at_their_intervals_and_at_the_end(
    changes, evaluated, saved
):
    settings = config(**(INTERVALS | changes))
    steps = range(1, 24)
    assert [step for step in steps if due.evaluates(settings, step)] == evaluated
    assert [step for step in steps if due.saves(settings, step)] == saved
