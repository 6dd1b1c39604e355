import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from resinc.data import DATASETS, Split, load, splits
from resinc.errors import InputError


def section(name="digits", validation_size=-1, split_seed=0, directory=""):
    return SimpleNamespace(
        name=name, dir=str(directory), validation_size=validation_size, split_seed=split_seed
    )


def rows(split):
    return {
        (image.tobytes(), int(label)) for image, label in zip(split.image, split.label, strict=True)
    }


@pytest.mark.parametrize("name", [n for n, spec in DATASETS.items() if spec.embedded])
def test_embedded_set_has_the_shapes_its_spec_states(name):
    splits, spec = load(section(name)), DATASETS[name]
    sizes = len(splits.train), len(splits.validation), len(splits.test)
    assert sizes == (spec.train_size - spec.validation_size, spec.validation_size, spec.test_size)
    for split in (splits.train, splits.validation, splits.test):
        assert split.image.shape == (len(split), *spec.image_shape)
        assert split.image.dtype == np.uint8
        assert split.label.dtype == np.int32
        assert set(split.label.tolist()) == set(range(spec.num_classes))


def test_digits_are_those_of_scikit_learn():
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    splits = load(section())
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (1280, 157, 360)
    parts = [splits.train, splits.validation, splits.test]
    ours = sorted(
        (np.rint(image.ravel() * (16 / 255)).astype(int).tolist(), int(label))
        for part in parts
        for image, label in zip(part.image, part.label, strict=True)
    )
    assert ours == sorted(
        (row.astype(int).tolist(), int(label)) for row, label in zip(pixels, labels, strict=True)
    )
    assert max(part.image.max() for part in parts) == 255


def test_parts_do_not_overlap():
    splits = load(section("synthetic"))
    train, validation, test = rows(splits.train), rows(splits.validation), rows(splits.test)
    assert not train & validation
    assert not train & test
    assert not validation & test


def test_split_seed_moves_validation_but_never_test():
    a, b, again = load(section()), load(section(split_seed=1)), load(section())
    np.testing.assert_array_equal(a.test.image, b.test.image)
    assert not np.array_equal(a.held_out, b.held_out)
    assert rows(a.train) | rows(a.validation) == rows(b.train) | rows(b.validation)
    assert a.provenance() == again.provenance()
    assert a.provenance()["checksum"] == b.provenance()["checksum"]
    assert a.provenance()["validation_sha256"] != b.provenance()["validation_sha256"]


def test_split_is_the_one_of_earlier_versions():
    # Frozen: a change of these numbers changes every published run.
    assert load(section()).provenance() == {
        "name": "digits",
        "checksum": "b3b94b9a02885d2666200e428a8a50e62678c33ae48a0656e1b695f3282062f3",
        "split_seed": 0,
        "train_size": 1280,
        "validation_size": 157,
        "test_size": 360,
        "validation_sha256": "e1fc5de4c8b7af052a37c0801a7f461de0226a1db975cbfd062a3a96b357873b",
    }


def test_validation_may_be_empty():
    splits = load(section(validation_size=0))
    assert len(splits.train) == 1437
    assert splits.validation.image.shape == (0, 8, 8, 1)


@pytest.mark.parametrize("size", [-2, 1437, 10**9])
def test_bad_validation_size_is_one_sentence(size):
    with pytest.raises(InputError, match=rf"validation_size {size} .*157.*1436"):
        load(section(validation_size=size))


def test_bad_split_seed_is_one_sentence():
    with pytest.raises(InputError, match="split_seed -1"):
        load(section(split_seed=-1))


def test_unknown_set_lists_the_choices():
    with pytest.raises(InputError, match=r"did you mean 'cifar10'.*fashion_mnist"):
        load(section("cifar_10"))


def test_synthetic_classes_can_be_told_apart():
    splits = load(section("synthetic"))
    train = splits.train.image.reshape(len(splits.train), -1).astype(float)
    centres = np.stack([train[splits.train.label == k].mean(axis=0) for k in range(10)])
    test = splits.test.image.reshape(len(splits.test), -1).astype(float)
    distance = ((test[:, None] - centres[None]) ** 2).sum(axis=2)
    assert (distance.argmin(axis=1) == splits.test.label).mean() > 0.95


def test_listing_and_digits_import_no_heavy_package():
    code = """
import sys
from types import SimpleNamespace
from resinc.data import load
from resinc.data.sets.inventory import inventory
inventory("nowhere")
load(SimpleNamespace(name="digits", dir="", validation_size=-1, split_seed=0))
heavy = {"jax", "tensorflow", "tensorflow_datasets", "sklearn", "PIL"} & set(sys.modules)
sys.exit(f"imported {heavy}" if heavy else 0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_stored_order_does_not_matter():
    """Sets prepared by TFDS and by us differ in their order only: same split, same checksum."""
    random = np.random.RandomState(0)
    images = random.randint(0, 2, (50, 3, 3, 1)).astype(np.uint8)
    labels = random.randint(0, 10, 50).astype(np.int32)
    shuffle = random.permutation(50)
    one = splits._in_canonical_order(Split(images, labels))
    other = splits._in_canonical_order(Split(images[shuffle], labels[shuffle]))
    np.testing.assert_array_equal(one.image, other.image)
    np.testing.assert_array_equal(one.label, other.label)
    assert not np.array_equal(one.image, images)
