"""bfloat16 is for activations alone, and float32 products are float32 on every device."""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import pytest

from resinc import data
from resinc.data.on_device import normalize
from resinc.data.source import Resident
from resinc.train.assemble import assemble
from resinc.train.compiled.program import Program
from resinc.train.replica.state import init_state
from tests.train.runs import config


def traced(**changes):
    """(jaxpr of a training step, shapes of state and report after it, those of an evaluation)."""
    machine = assemble(config(**changes))
    splits = data.load(machine.config.data)
    source = Resident.of(splits, 0, machine.config.batch_size)
    normalizer = normalize.configured(splits.train.image, machine.config.data)
    program = Program(machine, source, normalizer)
    state = jax.eval_shape(lambda: init_state(machine.network, machine.optimizer, (8, 8, 1), 0))
    ids = program.replicas.split(source.batch(0))
    step, after = jax.make_jaxpr(program.step, return_shape=True)(
        state, program.own, program.held, ids
    )
    batch, mask = next(source.evaluation("test", 32))
    sums = jax.eval_shape(lambda state: program.sums(state, batch, mask), state)
    return step.jaxpr, after, sums


def products(jaxpr) -> Iterator[jax.extend.core.JaxprEqn]:
    """Matrix products and convolutions, wherever they stand."""
    for equation in jaxpr.eqns:
        if equation.primitive.name in ("dot_general", "conv_general_dilated"):
            yield equation
        for value in equation.params.values():
            for inner in value if isinstance(value, tuple | list) else (value,):
                body = getattr(inner, "jaxpr", inner)
                if hasattr(body, "eqns"):
                    yield from products(body)


@pytest.mark.parametrize("precision", ["highest", "default"])
def test_every_product_of_a_step_and_its_gradient_has_the_precision_asked_for(precision):
    step, _, _ = traced(model__matmul_precision=precision)
    wanted = {"highest": jax.lax.Precision.HIGHEST, "default": jax.lax.Precision.DEFAULT}
    there = {equation.params["precision"] for equation in products(step)}
    assert there == {(wanted[precision], wanted[precision])}


def test_bfloat16_convolves_and_everything_that_is_kept_or_reported_is_float32():
    step, (state, report), sums = traced(model__dtype="bfloat16")
    convolved = {
        var.aval.dtype
        for equation in products(step)
        if equation.primitive.name == "conv_general_dilated"
        for var in equation.invars
    }
    assert convolved == {jnp.dtype(jnp.bfloat16)}
    whole = {jnp.dtype(jnp.float32), jnp.dtype(jnp.int32), jnp.dtype(jnp.uint32)}
    assert {leaf.dtype for leaf in jax.tree.leaves((state, report, sums))} <= whole
    assert state.params["stem_conv"]["kernel"].dtype == jnp.float32
    assert (report.loss.dtype, sums.loss.dtype) == (jnp.float32, jnp.float32)
