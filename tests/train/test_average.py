"""The average of the weights: its formula, its way through a checkpoint, and who evaluates it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from resinc.cli import main
from resinc.train.loop import train
from resinc.train.replica import average
from resinc.train.trained.evaluate import evaluate_folder
from tests.train.runs import config, final_state, metrics

SETTINGS = {"average_decay": 0.5, "eval_every_steps": 2, "checkpoint_every_steps": 2}


def test_average_follows_its_formula_and_the_first_weights_are_forgotten():
    found = average.begin({"w": jnp.array(1.0)}, {"m": jnp.array(0.0)})
    by_hand = 1.0
    for n, weight in enumerate([3.0, 5.0, -2.0, 8.0], start=1):
        params, stats = {"w": jnp.array(weight)}, {"m": jnp.array(weight / 2)}
        found = average.follow(found, params, stats, jnp.int32(n - 1), decay=0.3)
        d = min(0.3, (1 + n) / (10 + n))  # 2/11, 3/12, 0.3, 0.3.
        by_hand = d * by_hand + (1 - d) * weight
        np.testing.assert_allclose(found.params["w"], by_hand, rtol=1e-6)
    assert average.follow((), params, stats, jnp.int32(0), decay=0.0) == ()


@pytest.mark.slow
def test_average_is_saved_evaluated_and_resumed_to_the_bit(tmp_path):
    train(config(steps=4, **SETTINGS), tmp_path / "whole")
    train(config(steps=4, **SETTINGS), tmp_path / "again")
    # Killed behind the checkpoint of step 2.
    for name in ("checkpoints/4", "status.json"):
        path = tmp_path / "again" / name
        path.rename(tmp_path / f"lost-{path.name}")
    train(config(steps=4, **SETTINGS), tmp_path / "again")
    states = [final_state(tmp_path / name) for name in ("whole", "again")]
    kept = (states[0].params, states[0].batch_stats)
    assert len(jax.tree.leaves(states[0].average)) == len(jax.tree.leaves(kept))
    for one, other in zip(*map(jax.tree.leaves, states), strict=True):
        np.testing.assert_array_equal(one, other)
    logged = {(line.get("split"), line["step"]): line for line in metrics(tmp_path / "whole")}
    assert ("validation_average", 2) in logged
    _, results = evaluate_folder(tmp_path / "whole", "latest", ("test",), average=True)
    assert results["test"].error == logged["test_average", 4]["error"]
    assert results["test"].loss != logged["test", 4]["loss"]


def test_a_run_without_one_says_so(tmp_path, capsys):
    train(config(steps=1, eval_every_steps=-1), tmp_path)
    assert final_state(tmp_path).average == ()
    assert main(["eval", f"--workdir={tmp_path}", "--average"]) == 2
    assert "has no average of the weights: average_decay was 0" in capsys.readouterr().err
