import numpy as np
import pytest

from resinc.data.image_files.image_sets import open_splits
from resinc.errors import InputError
from tests.data.pictures import folder
from tests.data.prepared import LABELS, prepare


@pytest.fixture
def root(tmp_path):
    folder(tmp_path, {"a": 6, "b": 5})
    return folder(tmp_path, {"b": 2, "a": 1}, split="val")


def sizes(parts):
    return {split: len(part.indices) for split, part in parts.items()}


def test_only_images_besides_those_for_training_are_the_test_set(root):
    assert sizes(open_splits("imagenet2012", root)) == {"train": 11, "test": 3}


def test_set_with_both_keeps_both(root):
    folder(root, {"a": 4}, split="test")
    parts = open_splits("", root)
    assert sizes(parts) == {"train": 11, "validation": 3, "test": 4}
    assert list(parts) == ["train", "validation", "test"]
    with pytest.raises(InputError, match=r"validation_size 2: .* of its own"):
        open_splits("", root, validation_size=2)


def test_held_out_images_are_no_training_images(root):
    parts = open_splits("", root, validation_size=4, split_seed=1)
    train, validation = parts["train"].indices, parts["validation"].indices
    assert sorted([*train, *validation]) == list(range(11))
    assert len(validation) == 4
    assert not np.array_equal(validation, open_splits("", root, 4, 2)["validation"].indices)


@pytest.mark.parametrize("size", [-2, 11])
def test_impossible_validation_size_is_refused(root, size):
    with pytest.raises(InputError, match=f"validation_size {size} is neither -1 .* and 10"):
        open_splits("", root, validation_size=size)


def test_empty_class_folder_passes_with_skip_alone(root):
    (root / "train" / "aa").mkdir()
    with pytest.raises(InputError, match=r"aa' holds no image .* data\.on_error=skip"):
        open_splits("", root)
    parts = open_splits("", root, on_error="skip")
    assert parts["test"].images.classes == ["a", "aa", "b"]
    assert [parts["test"].images.read(i).label for i in range(3)] == [0, 2, 2]


def test_set_of_tfds_is_found_by_its_name(tmp_path, monkeypatch):
    prepare(tmp_path)
    assert sizes(open_splits("flowers", tmp_path)) == {k: len(v) for k, v in LABELS.items()}


def test_images_without_labels_are_not_evaluated(tmp_path):
    """ImageNet's test images have the label -1: its validation images are the test set."""
    unlabelled = {"train": [0, 1], "validation": [1, 1, 0], "test": [-1]}
    prepare(tmp_path, unlabelled)
    assert sizes(open_splits("flowers", tmp_path)) == {"train": 2, "test": 3}
