import numpy as np
import pytest

from resinc.data.order import _kept_large, batch_indices, eval_batches, example_at


def stream(seed, size, batch_size, steps):
    return np.concatenate([batch_indices(seed, size, batch_size, s) for s in range(steps)])


@pytest.mark.parametrize(("size", "batch_size"), [(10, 5), (10, 4), (10, 7), (7, 24), (1, 3)])
def test_every_epoch_holds_every_example_once(size, batch_size):
    epochs = 6
    samples = stream(3, size, batch_size, -(-epochs * size // batch_size))[: epochs * size]
    for epoch in samples.reshape(epochs, size):
        assert sorted(epoch) == list(range(size))


def test_step_needs_no_earlier_step():
    late = batch_indices(0, 100, 32, 57)
    np.testing.assert_array_equal(late, stream(0, 100, 32, 60)[57 * 32 : 58 * 32])


def test_order_does_not_depend_on_batch_size():
    np.testing.assert_array_equal(stream(1, 50, 8, 30), stream(1, 50, 24, 10))


def test_epochs_and_seeds_differ():
    first, second = stream(0, 100, 100, 2).reshape(2, 100)
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, batch_indices(1, 100, 100, 0))
    assert not np.array_equal(second, batch_indices(1, 100, 100, 0))
    assert not np.array_equal(first, batch_indices(2**32, 100, 100, 0))


def test_order_is_the_one_of_earlier_versions():
    # Frozen: a change of these numbers changes every published run.
    assert batch_indices(0, 10, 12, 1).tolist() == [4, 0, 1, 8, 2, 9, 5, 3, 1, 5, 0, 2]


def test_batch_is_int32_and_the_callers_own():
    batch = batch_indices(0, 10, 10, 0)
    assert batch.dtype == np.int32
    kept = batch.copy()
    batch[:] = 0
    np.testing.assert_array_equal(batch_indices(0, 10, 10, 0), kept)


@pytest.mark.parametrize(("size", "batch_size", "step"), [(0, 1, 0), (1, 0, 0), (1, 1, -1)])
def test_impossible_batch_is_refused(size, batch_size, step):
    with pytest.raises(ValueError, match="no batch"):
        batch_indices(0, size, batch_size, step)


@pytest.mark.parametrize(("size", "batch_size"), [(10, 5), (10, 4), (3, 8), (0, 4)])
def test_evaluation_counts_every_example_once(size, batch_size):
    batches = list(eval_batches(size, batch_size))
    assert all(i.shape == m.shape == (batch_size,) for i, m in batches)
    assert all(i.dtype == np.int32 and m.dtype == bool for i, m in batches)
    counted = [i for indices, mask in batches for i in indices[mask].tolist()]
    assert counted == list(range(size))
    assert all(((i >= 0) & (i < size)).all() for i, _ in batches)


def test_example_at_a_position_is_that_of_its_batch():
    found = [example_at(3, 7, position) for position in range(24)]
    assert found == batch_indices(3, 7, 24, 0).tolist()


def test_order_of_a_large_set_is_kept_for_two_epochs():
    size = 2**20
    for epoch in range(5):
        example_at(0, size, epoch * size)
    assert _kept_large.cache_info().currsize == 2
