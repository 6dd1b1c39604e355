import os
import shutil

import pytest

from resinc.data.image_files.folder import FolderImages, split_folders
from resinc.data.image_files.images import BadImage
from resinc.errors import InputError
from tests.data.pictures import folder


@pytest.fixture
def root(tmp_path):
    return folder(tmp_path, {"b": 2, "a": 3, "c": 1}) / "train"


def test_labels_follow_from_the_sorted_names_of_the_folders(root):
    images = FolderImages(root)
    assert images.classes == ["a", "b", "c"]
    assert [images.read(i).label for i in range(len(images))] == [0, 0, 0, 1, 1, 2]
    assert images.name(4) == str(root / "b" / "001.jpg")
    assert images.read(4).image == (root / "b" / "001.jpg").read_bytes()


def test_hidden_files_and_what_is_no_image_are_left_out(root):
    for name in (".DS_Store", "._000.jpg", "README.txt", "Thumbs.db"):
        (root / "a" / name).write_text("no image")
    (root / "a" / "folder.jpg").mkdir()
    (root / ".cache").mkdir()
    (root / "notes.txt").write_text("no class")
    (root / "a" / "upper.JPEG").write_bytes(b"")
    images = FolderImages(root)
    assert len(images) == 7
    assert images.classes == ["a", "b", "c"]


def test_classes_of_another_split_number_its_labels(root, tmp_path):
    other = folder(tmp_path, {"c": 1, "a": 1}, split="val") / "val"
    images = FolderImages(other, FolderImages(root).classes)
    assert [images.read(i).label for i in range(2)] == [0, 2]
    assert images.name(1) == str(other / "c" / "000.jpg")


def test_class_that_training_does_not_know_is_refused(root, tmp_path):
    other = folder(tmp_path, {"a": 1, "dog": 1}, split="val") / "val"
    with pytest.raises(InputError, match="val/dog' has no counterpart among the 3 classes"):
        FolderImages(other, FolderImages(root).classes)


def test_empty_class_folder_is_named_or_allowed(root):
    (root / "bb").mkdir()
    (root / "bb" / "inside").mkdir()
    with pytest.raises(InputError, match="bb' holds no image"):
        FolderImages(root)
    images = FolderImages(root, allow_empty=True)
    assert images.classes == ["a", "b", "bb", "c"]
    assert images.read(5).label == 3


def test_images_without_class_folders_are_refused_by_the_name_of_one(tmp_path):
    (tmp_path / "ILSVRC2012_val_00000001.JPEG").write_bytes(b"")
    with pytest.raises(InputError, match=r"no class folders: .ILSVRC2012_val_0"):
        FolderImages(tmp_path)


def test_splits_are_found_by_their_usual_names(tmp_path):
    with pytest.raises(InputError, match="no folder 'train'"):
        split_folders(tmp_path)
    for name in ("train", "val", "test"):
        (tmp_path / name).mkdir()
    found = {split: path.name for split, path in split_folders(tmp_path).items()}
    assert found == {"train": "train", "validation": "val", "test": "test"}


def test_missing_root_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match="nowhere': No such file"):
        FolderImages(tmp_path / "nowhere")


def test_file_that_went_is_a_bad_image(root):
    images = FolderImages(root)
    (root / "a" / "000.jpg").unlink()
    with pytest.raises(BadImage, match="No such file"):
        images.read(0)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_file_without_the_right_to_read_is_a_bad_image(root):
    (root / "a" / "000.jpg").chmod(0)
    with pytest.raises(BadImage, match="Permission denied"):
        FolderImages(root).read(0)


def test_fingerprint_is_of_names_and_sizes_not_of_the_place(root, tmp_path):
    first = FolderImages(root).fingerprint()
    copy = tmp_path / "copy"
    shutil.copytree(root, copy)
    assert FolderImages(copy).fingerprint() == first
    file = copy / "a" / "000.jpg"
    file.write_bytes(file.read_bytes() + b"\0")
    resized = FolderImages(copy).fingerprint()
    file.unlink()
    assert len({first, resized, FolderImages(copy).fingerprint()}) == 3
