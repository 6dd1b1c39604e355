"""A batch follows from seed and step alone, and an evaluation holds every example once."""

import dataclasses

import numpy as np
import pytest

from resinc.data.share import Share
from resinc.data.source import Resident
from resinc.data.spec import DATASETS, Split, Splits


def split(size: int, first: int) -> Split:
    image = np.arange(first, first + size, dtype=np.uint8).reshape(size, 1, 1, 1)
    return Split(image, np.arange(first, first + size, dtype=np.int32) % 10)


@pytest.fixture
def source() -> Resident:
    return Resident.of(divided([]), seed=3, batch_size=8)


def divided(held_out: list[int]) -> Splits:
    """27 examples, each of its own colour, the last 7 for the test."""
    train, test = split(20, 0), split(7, 20)
    kept = np.delete(np.arange(20), np.array(held_out, int))
    return Splits(
        Split(train.image[kept], train.label[kept]),
        Split(train.image[held_out], train.label[held_out]),
        test,
        DATASETS["digits"],
        0,
        np.array(held_out, int),
        "",
    )


def test_a_batch_does_not_depend_on_what_was_asked_for_before(source):
    in_order = [source.batch(step).id for step in range(6)]
    for step in (5, 0, 3):
        np.testing.assert_array_equal(source.batch(step).id, in_order[step])
    assert sorted(np.concatenate(in_order)[:40]) == sorted([*range(20)] * 2)
    other = dataclasses.replace(source, seed=4)
    assert any((other.batch(step).id != in_order[step]).any() for step in range(6))


def test_a_batch_holds_the_images_labels_and_numbers_of_its_examples(source):
    batch = source.gather(source.held, source.batch(2))
    assert batch.image.dtype == np.uint8
    np.testing.assert_array_equal(batch.image.ravel(), batch.id)
    np.testing.assert_array_equal(batch.label, batch.id % 10)


@pytest.mark.parametrize("batch_size", [1, 3, 7, 16])
def test_an_evaluation_holds_every_example_of_its_split_once_in_order(source, batch_size):
    batches = [*source.evaluation("test", batch_size)]
    assert all(len(moved.id) == len(mask) == batch_size for moved, mask in batches)
    counted = np.concatenate([moved.id[mask] for moved, mask in batches])
    np.testing.assert_array_equal(counted, np.arange(20, 27))


def test_parts_of_all_processes_are_the_batch_one_after_the_other(source):
    parts = [dataclasses.replace(source, share=Share(index, 4)) for index in range(4)]
    for step in range(4):
        ids = np.concatenate([part.batch(step).id for part in parts])
        np.testing.assert_array_equal(ids, source.batch(step).id)
    evaluated = [
        [(moved.id, mask) for moved, mask in one.evaluation("test", 8)] for one in (source, *parts)
    ]
    for whole, *own in zip(*evaluated, strict=True):
        for all_of_it, rows in zip(whole, zip(*own, strict=True), strict=True):
            np.testing.assert_array_equal(np.concatenate(rows), all_of_it)


def test_a_split_without_examples_is_absent(source):
    assert source.parts == {"train": range(20), "test": range(20, 27)}


def test_other_examples_held_out_are_another_way_through_what_is_held():
    first, second = divided([2, 3, 11]), divided([0, 3, 19])
    here, there = (Resident.of(each, seed=3, batch_size=8) for each in (first, second))
    for source, splits in ((here, first), (there, second)):
        for name in ("train", "validation", "test"):
            ((moved, _),) = source.evaluation(name, len(source.parts[name]))
            batch, part = source.gather(here.held, moved), getattr(splits, name)
            np.testing.assert_array_equal(batch.image, part.image)
            np.testing.assert_array_equal(batch.label, part.label)
            np.testing.assert_array_equal(batch.id, source.parts[name])
