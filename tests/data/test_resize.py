"""A set stored anew with small images is the same set."""

import numpy as np
import pytest

from resinc import cli
from resinc.data.image_files.bilinear import Box
from resinc.data.image_files.decode import Picture
from resinc.data.image_files.image_sets import open_splits
from resinc.data.image_files.resize import smaller
from tests.data.pictures import encode, folder, html, smooth


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    root = tmp_path_factory.mktemp("images")
    folder(root, {"cat": 6, "dog": 4}, size=(60, 90))
    return folder(root, {"cat": 2, "dog": 1}, split="val", size=(20, 90))


def store(origin, directory, *options):
    command = ["data", "prepare", "pets", "--from", str(origin), "--dir", str(directory)]
    return cli.main([*command, *options])


def test_set_stored_with_small_images_has_the_same_examples_in_the_same_order(origin, tmp_path):
    assert store(origin, tmp_path, "--shorter-side=30") == 0
    before, after = open_splits("", origin), open_splits("pets", tmp_path)
    assert after.keys() == before.keys() == {"train", "test"}
    for split, part in before.items():
        other = after[split].images
        assert (len(other), other.classes) == (len(part.images), ["cat", "dog"])
        for index in range(len(other)):
            there, here = part.images.read(index), other.read(index)
            assert here.label == there.label
            picture = Picture(here.image)
            small = (picture.height, picture.width)
            assert small == {"train": (30, 45), "test": (20, 90)}[split]
            if split == "test":
                assert here.image == there.image


def test_smaller_image_looks_as_the_large_one_resized():
    encoded = encode(smooth(240, 320))
    (image,) = Picture(smaller(encoded, 120)).resized([Box(0, 0, 120, 160)], (120, 160))
    (expected,) = Picture(encoded).resized([Box(0, 0, 240, 320)], (120, 160))
    difference = np.abs(np.asarray(image, int) - np.asarray(expected, int))
    assert difference.mean() < 1.5


def test_damaged_image_stops_by_name_or_is_left_out(tmp_path, capsys):
    origin = folder(folder(tmp_path / "images", {"cat": 3}), {"cat": 1}, split="val")
    bad = origin / "train" / "cat" / "001.jpg"
    bad.write_bytes(html())
    assert store(origin, tmp_path / "sets", "--shorter-side=30") == 2
    assert f"image {str(bad)!r} cannot be used" in capsys.readouterr().err
    assert store(origin, tmp_path / "sets", "--shorter-side=30", "--on-error=skip") == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "1 images left out, the first" in said
    assert len(open_splits("pets", tmp_path / "sets")["train"].images) == 2
    assert store(origin, tmp_path / "sets", "--shorter-side=30") == 2
    assert "is there already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("cifar10", ["--from=x", "--shorter-side=30"], "cifar10 is held in memory"),
        ("my pets", ["--from=x", "--shorter-side=30"], "'my pets' is no name for a set"),
        ("pets", ["--shorter-side=30"], "needs --from FOLDER"),
        ("pets", ["--from=x", "--shorter-side=0"], "--shorter-side 0 is not between 1 and 8192"),
    ],
)
def test_mistake_is_one_sentence(tmp_path, capsys, name, options, words):
    assert cli.main(["data", "prepare", name, f"--dir={tmp_path}", *options]) == 2
    assert words in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
