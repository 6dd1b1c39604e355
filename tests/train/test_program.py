"""The compiled functions of a config, whatever its batches come from."""

import functools

import jax
import numpy as np
import pytest

from resinc import data
from resinc.data.on_device import normalize
from resinc.data.source import Resident
from resinc.train.assemble import assemble
from resinc.train.compiled.program import Program
from resinc.train.evaluate import evaluate
from resinc.train.replica.state import init_state
from tests.train.runs import config


class Streamed:
    """The same batches, gathered by the host: whole images move, nothing is held."""

    held, left_out = (), frozenset()

    def __init__(self, resident: Resident):
        self._resident, self.parts = resident, resident.parts

    def batch(self, step):
        return self._images(self._resident.batch(step))

    def evaluation(self, split, batch_size):
        for moved, mask in self._resident.evaluation(split, batch_size):
            yield self._images(moved), mask

    def _images(self, moved):
        return Resident.gather(self._resident.held, moved)

    @staticmethod
    def gather(held, moved):
        assert held == ()
        return moved


@functools.cache
def splits():
    return data.load(config().data)


def begun(kind=lambda source: source, **changes):
    """(program, source, state before the first step)."""
    machine = assemble(config(**changes))
    settings = machine.config
    source = kind(Resident.of(splits(), settings.seed, settings.batch_size))
    normalizer = normalize.configured(splits().train.image, settings.data)
    program = Program(machine, source, normalizer)
    state = init_state(machine.network, machine.optimizer, (8, 8, 1), settings.seed)
    return program, source, program.place(state)


@pytest.mark.parametrize("replicas", [pytest.param(1, marks=pytest.mark.slow), 4])
def test_batches_that_move_whole_give_the_bits_of_those_that_lie_on_the_device(replicas):
    ends = []
    for kind in (lambda source: source, Streamed):
        program, source, state = begun(kind, parallel__replicas=replicas)
        for step in range(2):
            state, report = program.train(state, [source.batch(step)])
        results = evaluate(program, source, state, ("validation", "test"), 100)
        assert [result.seen for result in results.values()] == [157, 360]
        ends.append(jax.device_get((state, report, results)))
    jax.tree.map(np.testing.assert_array_equal, *ends)


def test_an_example_left_out_or_counted_twice_is_found():
    class Careless(Streamed):
        def _images(self, moved):
            id, first = moved.id, self.parts["test"].start
            return super()._images(moved._replace(id=np.where(id == first, id + 1, id)))

    program, source, state = begun(Careless)
    assert evaluate(program, source, state, ("validation",), 100)["validation"].seen == 157
    with pytest.raises(AssertionError, match="counted 360 examples of 360, or one of them twice"):
        evaluate(program, source, state, ("test",), 100)
