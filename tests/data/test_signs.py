"""SIGNS in both of the forms in which it is passed around."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from resinc.data import DATASETS
from resinc.data.sets import prepare, stored
from resinc.data.sets.archives import read_archive
from resinc.errors import InputError

SPEC = replace(DATASETS["signs"], image_shape=(8, 8, 3), train_size=9, test_size=6)


def content():
    """{split: (images, labels)}; the last three for training are a val folder of their own."""
    random = np.random.RandomState(0)
    return {
        split: (random.randint(0, 256, (n, 8, 8, 3), np.uint8), np.arange(n) % 6)
        for split, n in (("train", 9), ("test", 6))
    }


def as_folders(path, sets):
    names = ["train_signs"] * 6 + ["val_signs"] * 3
    for split, folders in (("train", names), ("test", ["test_signs"] * 6)):
        for i, (folder, image, label) in enumerate(zip(folders, *sets[split], strict=True)):
            (path / folder).mkdir(exist_ok=True)
            Image.fromarray(image).save(path / folder / f"{label}_IMG_{i:02d}.png")
    for hidden in (".DS_Store", "._3_IMG_00.png", ".6_x.jpg"):  # What macOS leaves there.
        (path / "train_signs" / hidden).write_bytes(b"not an image")


def as_h5(path, sets):
    h5py = pytest.importorskip("h5py", reason="h5py is optional")
    for split, (images, labels) in sets.items():
        with h5py.File(path / f"{split}_signs.h5", "w") as file:
            file[f"{split}_set_x"], file[f"{split}_set_y"] = images, labels


def pairs(split):
    return sorted((image.tobytes(), int(label)) for image, label in zip(*split, strict=True))


@pytest.mark.parametrize("write", [as_folders, as_h5])
def test_either_form_comes_back_as_it_was(write, tmp_path):
    sets = content()
    (tmp_path / "files").mkdir()
    write(tmp_path / "files", sets)
    prepare.prepare_spec(SPEC, tmp_path, tmp_path / "files", Console(quiet=True))
    for name, found in zip(("train", "test"), stored.read(SPEC, tmp_path), strict=True):
        assert pairs((found.image, found.label)) == pairs(sets[name])


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda path: (path / "val_signs" / "6_x.png").write_bytes(b""), "cannot read signs"),
        (lambda path: Image.new("L", (8, 8)).save(path / "test_signs" / "1_x.png"), "8x8 L inst"),
        (lambda path: Image.new("RGB", (9, 8)).save(path / "test_signs" / "1_x.png"), "8x9 RGB"),
        (lambda path: Image.new("RGB", (8, 8)).save(path / "test_signs" / "x.png"), "its class"),
        (lambda path: Image.new("RGB", (8, 8)).save(path / "test_signs" / "1_x.png"), "(7, 8, 8"),
        (lambda path: (path / "test_signs").rename(path / "tests"), "neither train_signs.h5"),
    ],
)
def test_what_is_wrong_is_one_sentence(spoil, said, tmp_path):
    as_folders(tmp_path, content())
    spoil(tmp_path)
    with pytest.raises(InputError) as caught:
        read_archive(SPEC, tmp_path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_set_without_a_download_says_what_to_bring(tmp_path):
    with pytest.raises(InputError, match=r"no public download.*--from"):
        prepare.prepare("signs", tmp_path)
    assert not list(tmp_path.iterdir())
