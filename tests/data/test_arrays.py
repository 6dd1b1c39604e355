"""Plain arrays stand in for a prepared set: the same examples, checked when they are read."""

import dataclasses
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from resinc.data import DATASETS, Split, load
from resinc.data.sets import arrays
from resinc.data.sets.inventory import inventory
from resinc.data.sets.stored import set_directory
from resinc.data.splits import copy_as_arrays
from resinc.errors import InputError

SMALL = dataclasses.replace(
    DATASETS["cifar10"], train_size=30, test_size=10, validation_size=5, image_shape=(8, 8, 3)
)


@pytest.fixture
def spec(monkeypatch):
    monkeypatch.setitem(DATASETS, "cifar10", SMALL)
    return SMALL


def section(directory):
    return SimpleNamespace(name="cifar10", dir=str(directory), validation_size=-1, split_seed=0)


@pytest.fixture
def copied(spec, tmp_path):
    """A directory with arrays in place of what TFDS writes."""
    random = np.random.RandomState(0)
    pair = tuple(
        Split(random.randint(0, 256, (n, 8, 8, 3)).astype(np.uint8), np.arange(n, dtype="i4") % 10)
        for n in (30, 10)
    )
    path = set_directory(spec, tmp_path / "source") / arrays.FILE
    path.parent.mkdir(parents=True)
    arrays.save(path, pair)
    copy_as_arrays("cifar10", tmp_path / "source", tmp_path / "copy")
    return tmp_path / "copy"


def test_a_copy_has_the_examples_in_their_order(copied, tmp_path):
    there, here = load(section(tmp_path / "source")), load(section(copied))
    assert there.checksum == here.checksum
    assert there.train.digest() == here.train.digest()
    assert (len(here.train), len(here.validation), len(here.test)) == (25, 5, 10)


def test_the_inventory_knows_it(copied):
    (row,) = (row for row in inventory(copied) if row.name == "cifar10")
    assert (row.state, row.reason) == ("ready", "")


def test_damage_is_a_sentence_with_the_command_that_mends_it(copied, spec):
    path = set_directory(spec, copied) / arrays.FILE
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"is damaged .*resinc data arrays cifar10 --to DIR$"):
        load(section(copied))


def test_arrays_of_another_set_are_refused(copied, monkeypatch):
    monkeypatch.setitem(DATASETS, "cifar10", dataclasses.replace(SMALL, train_size=31))
    with pytest.raises(InputError, match="images are uint8"):
        load(section(copied))


def test_a_set_without_a_directory_has_no_copy():
    command = [sys.executable, "-m", "resinc", "data", "arrays", "digits", "--to", "x"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "resinc: digits needs no directory: it is made on the spot\n"
