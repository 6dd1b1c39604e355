"""Several real processes read a set as one does: every id exactly once an epoch, in one order."""

import itertools
import json
import subprocess
import sys

import numpy as np
import pytest

from tests.data.pictures import folder
from tests.data.prepared import LABELS, prepare
from tests.data.reading import BATCH, delivered
from tests.train.several import ends, free_port

STEPS = 10
# Training images and others. A batch straddles epochs of the first, spans those of the second.
SIZES = {"folders": (26, 7), "flowers": tuple(map(len, LABELS.values()))}


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    """Class folders, and a set that TFDS prepared as array_record."""
    root = tmp_path_factory.mktemp("sets")
    folder(root / "folders", {"a": 11, "b": 8, "c": 7})
    folder(root / "folders", {"a": 4, "b": 2, "c": 1}, split="val")
    return {"folders": str(root / "folders"), "flowers": str(prepare(root / "tfds"))}


@pytest.fixture(scope="module")
def alone(sets):
    return delivered(sets, 0, STEPS)


def together(sets, count, first, last, place):
    """What so many new processes are given, put together row by row."""
    given = {"sets": sets, "first": first, "last": last, "num_processes": count}
    given["coordinator"] = f"127.0.0.1:{free_port()}"
    outs = [place / f"{first}-{number}-of-{count}.npz" for number in range(count)]
    started = [
        subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.data.reading"),
                json.dumps(given | {"process_id": number, "out": str(out)}),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )
        for number, out in enumerate(outs)
    ]
    statuses, outputs = ends(started)
    assert statuses == [0] * count, outputs
    parts = [dict(np.load(out)) for out in outs]
    assert all(len(part["folders/train/id"][0]) == BATCH // count for part in parts)
    return {name: np.concatenate([part[name] for part in parts], axis=1) for name in parts[0]}


def assert_each_once(read):
    """Of each epoch that was read whole, and of each evaluation."""
    for name, sizes in SIZES.items():
        order = read[f"{name}/train/id"].ravel()
        epochs = order[: len(order) // sizes[0] * sizes[0]].reshape(-1, sizes[0])
        assert len(epochs) == STEPS * BATCH // sizes[0] >= 3
        np.testing.assert_array_equal(np.sort(epochs, axis=1) - np.arange(sizes[0]), 0)
        assert len(np.unique(epochs, axis=0)) == len(epochs), "each epoch has an order of its own"
        counted = read[f"{name}/evaluated"][read[f"{name}/evaluation"]]
        assert sorted(counted.tolist()) == list(range(sum(sizes)))


@pytest.mark.slow
@pytest.mark.parametrize(
    "counts",
    [
        pytest.param((2, 2), id="2"),
        pytest.param((4, 4), id="4"),
        pytest.param((4, 1, 2), id="4 then 1 then 2"),
    ],
)
def test_processes_that_also_go_on_amid_an_epoch_read_each_id_once_in_the_order_of_one(
    counts, sets, alone, tmp_path
):
    assert_each_once(alone)
    bounds = [STEPS * part // len(counts) for part in range(len(counts) + 1)]
    assert all(bound * BATCH % size for bound in bounds[1:-1] for size, _ in SIZES.values())
    legs = [
        together(sets, count, first, last, tmp_path)
        for count, (first, last) in zip(counts, itertools.pairwise(bounds), strict=True)
    ]
    read = {
        name: np.concatenate([leg[name] for leg in legs]) if "/train/" in name else legs[-1][name]
        for name in alone
    }
    assert_each_once(read)
    for name, whole in alone.items():
        np.testing.assert_array_equal(read[name], whole, err_msg=name)
