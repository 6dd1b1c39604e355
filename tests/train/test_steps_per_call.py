"""Many steps a call leave what single steps leave."""

import pytest

from resinc.train.loop import train
from tests.train.runs import assert_same_end, config


@pytest.fixture(scope="module")
def one_by_one(tmp_path_factory):
    folder = tmp_path_factory.mktemp("calls") / "1"
    assert train(config(steps=14), folder).state == "done"
    return folder


@pytest.mark.parametrize("most", [3, pytest.param(5, marks=pytest.mark.slow)])
def test_many_steps_a_call_give_the_bits_of_one(one_by_one, most):
    """Calls of 3 span windows of 4, and leave two single steps before each checkpoint."""
    folder = one_by_one.parent / f"{most}"
    assert train(config(steps=14, steps_per_call=most), folder).state == "done"
    assert_same_end(folder, one_by_one)
