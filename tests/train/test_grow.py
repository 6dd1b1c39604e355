"""A trained network deepened by identity blocks computes what it did."""

import jax.numpy as jnp
import numpy as np
import pytest

from resinc import data
from resinc.errors import InputError
from resinc.train.assemble import assemble
from resinc.train.start.grow import arriving
from resinc.train.start.initial import from_run, start_state
from tests.train.runs import config, drawn_run


def logits(machine, state, images, train=False):
    variables = {"params": state.params, "batch_stats": state.batch_stats}
    found = machine.network.apply(variables, images, train=train, mutable=["batch_stats"])
    return np.asarray(found[0])


@pytest.mark.parametrize(("block", "scan"), [("plain", True), ("residual", False)])
def test_deepened_network_computes_what_the_shallow_one_does(block, scan, tmp_path):
    shallow = config(model__block=block)
    trained = drawn_run(shallow, tmp_path / "shallow")
    deep = config(
        model__block=block,
        model__depth=20,
        model__scan=scan,
        init_from=str(tmp_path / "shallow"),
        init_extra="identity",
    )
    machine = assemble(deep)
    grown, _ = start_state(machine, from_run(machine))
    images = jnp.asarray(data.load(deep.data).test.image[:64], jnp.float32) / 255
    before = logits(assemble(shallow), trained, images)
    np.testing.assert_allclose(logits(machine, grown, images), before, rtol=1e-3, atol=1e-3)
    # Trained, the blocks are no more than that: parameters are there to move.
    assert len(np.unique(np.asarray(grown.params["stage1"]["block01"]["conv1"]["kernel"]))) > 9


def test_without_being_asked_further_blocks_are_refused(tmp_path):
    drawn_run(config(), tmp_path / "shallow")
    for extra, words in (("", "missing"), ("zero", "init_extra 'zero'")):
        deeper = config(model__depth=14, init_from=str(tmp_path / "shallow"), init_extra=extra)
        with pytest.raises(InputError, match=words):
            from_run(assemble(deeper))
    drawn_run(config(model__block="inception", model__width=8), tmp_path / "inception")
    machine = assemble(
        config(
            model__block="inception",
            model__width=8,
            model__depth=14,
            init_from=str(tmp_path / "inception"),
            init_extra="identity",
        )
    )
    with pytest.raises(InputError, match="not 'inception'"):
        from_run(machine)


def test_moments_of_a_rectified_normal_variable():
    bias, scale = np.array([0.5, -1.0, 3.0]), np.array([1.0, -0.5, 0.1])
    there = {"params/stage1/block01/norm2/bias": bias, "params/stage1/block01/norm2/scale": scale}
    drawn = np.random.RandomState(0).normal(bias, np.abs(scale), (400_000, 3)).clip(0)
    mean, variance = arriving(there, "stage1")
    np.testing.assert_allclose(mean, drawn.mean(0), atol=5e-3)
    np.testing.assert_allclose(variance, drawn.var(0), atol=5e-3)
