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
    splits = Splits(split(20, 0), split(0, 0), split(7, 20), DATASETS["digits"], 0, np.zeros(0), "")
    return Resident.of(splits, seed=3, batch_size=8)


def test_a_batch_does_not_depend_on_what_was_asked_for_before(source):
    in_order = [source.batch(step) for step in range(6)]
    for step in (5, 0, 3):
        np.testing.assert_array_equal(source.batch(step), in_order[step])
    assert sorted(np.concatenate(in_order)[:40]) == sorted([*range(20)] * 2)
    other = dataclasses.replace(source, seed=4)
    assert any((other.batch(step) != in_order[step]).any() for step in range(6))


def test_a_batch_holds_the_images_labels_and_numbers_of_its_examples(source):
    batch = source.gather(source.held, source.batch(2))
    assert batch.image.dtype == np.uint8
    np.testing.assert_array_equal(batch.image.ravel(), batch.id)
    np.testing.assert_array_equal(batch.label, batch.id % 10)


@pytest.mark.parametrize("batch_size", [1, 3, 7, 16])
def test_an_evaluation_holds_every_example_of_its_split_once_in_order(source, batch_size):
    batches = [*source.evaluation("test", batch_size)]
    assert all(len(ids) == len(mask) == batch_size for ids, mask in batches)
    counted = np.concatenate([ids[mask] for ids, mask in batches])
    np.testing.assert_array_equal(counted, np.arange(20, 27))


def test_parts_of_all_processes_are_the_batch_one_after_the_other(source):
    parts = [dataclasses.replace(source, share=Share(index, 4)) for index in range(4)]
    for step in range(4):
        rows = np.concatenate([part.batch(step) for part in parts])
        np.testing.assert_array_equal(rows, source.batch(step))
    evaluated = [[*one.evaluation("test", 8)] for one in (source, *parts)]
    for whole, *own in zip(*evaluated, strict=True):
        for all_of_it, rows in zip(whole, zip(*own, strict=True), strict=True):
            np.testing.assert_array_equal(np.concatenate(rows), all_of_it)


def test_a_split_without_examples_is_absent(source):
    assert source.parts == {"train": range(20), "test": range(20, 27)}
