import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from resinc.data import DATASETS, load
from resinc.data.sets.inventory import inventory
from resinc.data.sets.stored import condition, data_directory, read
from resinc.errors import InputError


def prepared_cifar10():
    """A directory that holds the real CIFAR-10, or a skip."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "data" / "tfds"
    for directory in (os.environ.get("TFDS_DATA_DIR"), beside, "~/tensorflow_datasets"):
        found = directory and Path(directory).expanduser()
        if found and condition(DATASETS["cifar10"], found).state == "ready":
            return found
    return pytest.skip("CIFAR-10 is not prepared here: resinc data prepare cifar10")


def test_directory_is_the_configs_else_the_environments_else_home(monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", "/from/environment")
    assert data_directory("/from/config") == Path("/from/config")
    assert data_directory("") == Path("/from/environment")
    monkeypatch.delenv("TFDS_DATA_DIR")
    assert data_directory("") == Path.home() / "tensorflow_datasets"
    assert data_directory("~/sets") == Path.home() / "sets"


@pytest.mark.parametrize("name", [name for name, spec in DATASETS.items() if not spec.embedded])
def test_missing_set_is_one_sentence_with_the_mending_command(name, tmp_path):
    section = SimpleNamespace(name=name, dir=str(tmp_path), validation_size=-1, split_seed=0)
    with pytest.raises(InputError) as caught:
        load(section)
    message = str(caught.value)
    assert f"resinc data prepare {name} --dir {tmp_path}" in message
    assert "\n" not in message


def test_inventory_has_a_row_per_set_and_its_state(tmp_path):
    broken = tmp_path / "mnist" / "3.0.1"
    broken.mkdir(parents=True)
    rows = {row.name: row for row in inventory(tmp_path)}
    assert rows.keys() == DATASETS.keys()
    assert rows["digits"].state == rows["synthetic"].state == "embedded"
    assert rows["cifar10"].state == "missing"
    assert (rows["mnist"].state, rows["mnist"].where) == ("damaged", str(broken))
    cifar10 = rows["cifar10"]
    sizes = cifar10.train, cifar10.validation, cifar10.test
    assert (cifar10.shape, cifar10.classes, sizes) == ("32x32x3", 10, (45_000, 5_000, 10_000))


def test_stock_versions_are_those_of_the_installed_tfds():
    tfds = pytest.importorskip("tensorflow_datasets")
    for spec in DATASETS.values():
        if spec.remotes:
            builder = tfds.builder_cls(spec.name)
            assert str(builder.VERSION) == spec.version
            infos = builder.url_infos
            for remote in spec.remotes:
                assert infos[remote.url].checksum == remote.sha256
                assert int(infos[remote.url].size) == remote.size


def test_real_cifar10_test_images_read_as_tfds_reads_them(monkeypatch):
    """The test split alone, for speed: the training split takes the same path."""
    from resinc.data.sets import stored

    directory = prepared_cifar10()
    import tensorflow_datasets as tfds

    spec = DATASETS["cifar10"]
    split = stored._read_split(spec, directory, "test", spec.test_size, lambda count: None)
    assert np.bincount(split.label).tolist() == [1000] * 10
    # The published means of the test images are 0.4942, 0.4851, 0.4504.
    means = split.image.reshape(-1, 3).mean(axis=0) / 255
    np.testing.assert_allclose(means, [0.4942, 0.4851, 0.4504], atol=2e-4)
    stock = tfds.data_source("cifar10", split="test", data_dir=str(directory), download=False)
    for i in (0, 1, 2047, 2048, 9999):
        np.testing.assert_array_equal(split.image[i], stock[i]["image"])
        assert split.label[i] == stock[i]["label"]


def test_reading_counts_every_example_for_the_progress_bar(tmp_path):
    from rich.console import Console

    from resinc.data.sets.prepare import prepare_spec
    from tests.data import originals

    spec = originals.tiny("mnist")
    archive = tmp_path / "archive"
    archive.mkdir()
    originals.idx_folder(archive, spec, originals.content(spec))
    prepare_spec(spec, tmp_path, archive, Console(stderr=True))
    seen = []
    read(spec, tmp_path, seen.append)
    assert sum(seen) == spec.train_size + spec.test_size
