import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from resinc.data.image_files.images import BadImage
from resinc.data.image_files.records import RecordImages, find_version, split_names
from resinc.errors import InputError
from tests.data.prepared import LABELS, prepare


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return prepare(tmp_path_factory.mktemp("tfds"))


@pytest.fixture
def home(directory, tmp_path):
    """A copy, to be damaged."""
    return Path(shutil.copytree(find_version(directory, "flowers"), tmp_path / "1.2.10"))


def test_examples_are_the_stored_files_and_labels(directory):
    images = RecordImages(find_version(directory, "flowers"), "train")
    assert images.classes == ["rose", "tulip"]
    assert len(images) == len(LABELS["train"])
    read = [images.read(index) for index in range(len(images))]
    assert sorted(example.label for example in read) == sorted(LABELS["train"])
    assert all(example.image.startswith(b"\xff\xd8") for example in read)
    assert len({example.image for example in read}) == len(images)
    np.testing.assert_array_equal(read[3].image, images.read(3).image)
    assert "tensorflow" not in sys.modules


def test_name_says_where_an_example_is(directory):
    home = find_version(directory, "flowers")
    assert RecordImages(home, "test").name(1) == f"example 1 of split 'test' in {home}"


def test_newest_version_is_taken_and_the_folder_itself_is_understood(directory):
    home = find_version(directory, "flowers")
    assert home == directory / "flowers" / "1.2.10"
    assert find_version(home, "flowers") == home
    assert find_version(home.parent, "flowers") == home
    older = home.with_name("1.2.9")
    older.mkdir()
    shutil.copy(home / "dataset_info.json", older)
    assert find_version(directory, "flowers") == home
    shutil.rmtree(older)


def test_missing_set_names_the_command(tmp_path):
    with pytest.raises(InputError, match="tfds build food101 --file_format=array_record"):
        find_version(tmp_path, "food101")


def test_splits_without_examples_are_none(home):
    assert split_names(home) == ["train", "test"]
    info = json.loads((home / "dataset_info.json").read_text())
    info["splits"][1]["shardLengths"] = ["0"]
    (home / "dataset_info.json").write_text(json.dumps(info))
    assert split_names(home) == ["train"]


def test_unknown_split_lists_the_others(home):
    with pytest.raises(InputError, match="no split 'val': it has train, test"):
        RecordImages(home, "val")


def test_missing_shard_is_named(home):
    shard = next(home.glob("flowers-train.array_record-*"))
    shard.unlink()
    with pytest.raises(InputError, match=f"shard {shard.name!r} is missing"):
        RecordImages(home, "train")


def test_stored_as_tfrecord_names_the_conversion(home):
    info = json.loads((home / "dataset_info.json").read_text())
    (home / "dataset_info.json").write_text(json.dumps(info | {"fileFormat": "tfrecord"}))
    with pytest.raises(InputError, match=r"stored as tfrecord.*tfds convert_format"):
        RecordImages(home, "train")


@pytest.mark.parametrize("text", ["", "[]", '{"splits": [{}, 1]}'])
def test_damaged_description_is_one_sentence(home, text):
    (home / "dataset_info.json").write_text(text)
    with pytest.raises(InputError, match="is not what TFDS writes"):
        RecordImages(home, "train")


def test_label_that_is_no_class_is_a_bad_image(directory):
    """As those of ImageNet's test images, which TFDS stores as -1."""
    images = RecordImages(find_version(directory, "flowers"), "train")
    tulip = next(index for index in range(len(images)) if images.read(index).label == 1)
    images.classes = ["rose"]
    with pytest.raises(BadImage, match="its label 1 is none of the 1 classes"):
        images.read(tulip)


def test_fingerprint_differs_with_split_and_content(directory, home):
    there = find_version(directory, "flowers")
    train = RecordImages(there, "train").fingerprint()
    assert train == RecordImages(home, "train").fingerprint()
    assert train != RecordImages(there, "test").fingerprint()
    info = (home / "dataset_info.json").read_text()
    (home / "dataset_info.json").write_text(info.replace("A few", "Some"))
    assert train != RecordImages(home, "train").fingerprint()
