"""A loss that is a number says nothing of the state that it leaves behind."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from resinc.train.loop import train
from resinc.train.replica import finite
from resinc.train.replica.finite import PARTS, name_parts, nonfinite_parts
from tests.train.runs import config, final_state

SOUND = {
    "loss": jnp.float32(2.3),
    "gradient": {"a": jnp.ones((300, 7)), "b": jnp.full((), 1e18)},
    "parameters": {"a": jnp.ones((300, 7)), "b": jnp.full((), 3e38)},
    "running statistics": {},
}


def plant(part, value):
    return SOUND | {part: {"a": jnp.ones((300, 7)).at[299, 6].set(value), "b": jnp.ones(())}}


def test_sound_step_is_not_bad():
    assert int(jax.jit(nonfinite_parts)(*SOUND.values())) == 0


@pytest.mark.parametrize("small", [finite._SMALL, 5])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("part", PARTS)
def test_one_non_finite_number_is_found_and_its_place_named(part, value, small, monkeypatch):
    monkeypatch.setattr(finite, "_SMALL", small)  # Of 5: arrays that count as large, too.
    bits = jax.jit(lambda *parts: nonfinite_parts(*parts))(*plant(part, value).values())
    assert name_parts(int(bits)) == part


def test_small_arrays_are_looked_through_in_one_loop():
    """Each loop is compiled by itself: with one an array they were most of a step's."""
    parts = [[jnp.ones(n) for n in (3, 4, 5, 2**17 + 1)]] * len(PARTS)
    assert str(jax.make_jaxpr(nonfinite_parts)(*parts)).count("is_finite") == 2 * len(PARTS)


def test_gradient_whose_square_overflows_is_bad():
    """Adam's second moment is then infinite for good, and its parameters stay as they are."""
    bits = jax.jit(nonfinite_parts)(*plant("gradient", 2e19).values())
    assert name_parts(int(bits)) == "gradient"


@pytest.mark.parametrize(
    ("bits", "words"), [(1, "loss"), (6, "gradient and parameters"), (15, "loss, gradient")]
)
def test_parts_are_named_in_words(bits, words):
    assert name_parts(bits).startswith(words)


@pytest.mark.crash("NaN or infinity at a step")
def test_run_whose_loss_stays_finite_is_diverged_and_not_saved(tmp_path):
    """The loss of the only step is that of the first weights; the weights it leaves are not."""
    changes = {"optimizer__lr": 3e38, "optimizer__weight_decay": 10.0, "schedule__warmup": 0.0}
    outcome = train(config(steps=1, optimizer__name="sgd", **changes), tmp_path)
    assert (outcome.state, outcome.step) == ("diverged", 1)
    assert outcome.message == "non-finite at step 1: parameters"
    assert not [path for path in (tmp_path / "checkpoints").iterdir() if path.name.isdigit()]


@pytest.mark.crash("NaN or infinity at a step")
def test_last_sound_checkpoint_stays(tmp_path):
    """The rate is sound until step 6 and overflows then; saved at 5, due again at 10."""
    changes = {
        "steps": 12,
        "optimizer__name": "sgd",
        "optimizer__lr": 0.01,
        "schedule__boundaries": (0.5,),
        "schedule__factor": 1e38,
    }
    outcome = train(config(**changes), tmp_path)
    assert outcome.state == "diverged"
    assert outcome.step in (7, 8)
    assert [p.name for p in (tmp_path / "checkpoints").iterdir() if p.name.isdigit()] == ["5"]
    assert final_state(tmp_path).step == 5  # Its checksum is right.
