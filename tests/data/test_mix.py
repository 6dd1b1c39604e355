"""Mixup and cutmix: what an example becomes follows from its pair, its id and the step's key."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from resinc.data.on_device.mix import Mixed, check_mix, expected, mix
from resinc.errors import InputError

KEY = jax.random.key(3, impl="threefry2x32")
IDS = np.array([7, 2, 9, 4, 0, 11], np.int32)
LABELS = np.array([1, 2, 3, 4, 5, 6], np.int32)
IMAGES = np.random.RandomState(0).rand(6, 8, 8, 2).astype(np.float32)
SWAPPED = [1, 0, 3, 2, 5, 4]


def mixed(take=slice(None), key=KEY, **kinds):
    given = (jnp.asarray(part[take]) for part in (IMAGES, LABELS, IDS))
    return mix(*given, key, **kinds)


def test_mixup_is_the_weighted_mean_of_a_pair():
    images, labels = mixed(mixup=1.0)
    share = np.asarray(labels.share)
    assert len(set(share.tolist())) == 6
    assert (share > 0).all()
    assert (share < 1).all()
    weight = share[:, None, None, None]
    np.testing.assert_allclose(images, weight * IMAGES + (1 - weight) * IMAGES[SWAPPED], rtol=1e-5)
    np.testing.assert_array_equal(labels.own, LABELS)
    np.testing.assert_array_equal(labels.other, LABELS[SWAPPED])


def test_cutmix_takes_a_box_and_counts_its_pixels():
    images, labels = mixed(cutmix=1.0)
    images = np.asarray(images)
    from_other = (images == IMAGES[SWAPPED]).all(-1)
    np.testing.assert_array_equal(from_other, ~(images == IMAGES).all(-1))
    np.testing.assert_allclose(labels.share, 1 - from_other.mean((1, 2)), rtol=1e-6)
    assert 0 < from_other.sum() < from_other.size
    for inside in from_other:
        rows, columns = inside.any(1), inside.any(0)
        np.testing.assert_array_equal(inside, rows[:, None] & columns[None])
        for side in (rows, columns):
            assert (np.diff(side.astype(int)) == 1).sum() <= 1  # In one piece.


@pytest.mark.parametrize("kind", ["mixup", "cutmix"])
def test_what_an_example_becomes_depends_on_neither_place_nor_replica(kind):
    whole, labels = mixed(**{kind: 0.4})
    half, of_half = mixed(slice(2, 4), **{kind: 0.4})
    np.testing.assert_array_equal(half, whole[2:4])
    np.testing.assert_array_equal(of_half.share, labels.share[2:4])
    other, _ = mixed(key=jax.random.fold_in(KEY, 1), **{kind: 0.4})
    assert (np.asarray(other) != np.asarray(whole)).any()


def test_the_share_is_drawn_from_its_beta_distribution():
    ids = jnp.arange(4000, dtype=jnp.int32)
    images = jnp.zeros((4000, 1, 1, 1))
    share = np.asarray(mix(images, ids, ids, KEY, mixup=0.5)[1].share)
    assert abs(share.mean() - 0.5) < 0.02
    assert abs(share.var() - 1 / 8) < 0.01  # 1 / (4 (2 a + 1)).


def test_the_loss_of_mixed_labels_is_that_of_both_by_their_share():
    score = lambda labels: {"loss": labels.astype(jnp.float32) ** 2}  # noqa: E731
    labels = Mixed(jnp.array([1, 2]), jnp.array([3, 4]), jnp.array([1.0, 0.25]))
    np.testing.assert_allclose(expected(score, labels)["loss"], [1.0, 0.25 * 4 + 0.75 * 16])
    np.testing.assert_allclose(expected(score, labels.own)["loss"], [1.0, 4.0])


def test_nothing_asked_for_changes_nothing():
    images, labels = mixed()
    np.testing.assert_array_equal(images, IMAGES)
    np.testing.assert_array_equal(labels, LABELS)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ((0.2, 1.0, 8), r"data.mixup 0.2 and data.cutmix 1.0 exclude each other"),
        ((0.2, 0.0, 5), r"5 examples per replica are an odd number"),
    ],
)
def test_what_cannot_be_mixed_is_one_sentence(settings, said):
    with pytest.raises(InputError, match=said):
        check_mix(*settings)
    check_mix(0.0, 0.0, 5)
