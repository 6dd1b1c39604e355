"""The table of docs/imagenet.md is what its configs say."""

from pathlib import Path

import pytest

from resinc import config as config_file
from tests.networks.test_zoo import GOLDEN

PAGE = Path(__file__).parents[1] / "docs" / "imagenet.md"
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.read_text(encoding="utf-8").splitlines()
    if line.startswith("| `")
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_batch_steps_and_work_are_those_of_the_config(row):
    arguments = row[0].strip("`")
    config = config_file.load(f"configs/imagenet.py:{arguments}")
    given = dict(item.split("=") for item in arguments.split(","))
    _, _, multiply_adds, *_ = GOLDEN[given.get("network", "resnet-50-v1.5")]
    work = 6 * multiply_adds * config.steps * config.batch_size / 1e18
    assert row[1:4] == [f"{config.batch_size:,}", f"{config.steps:,}", f"{work:.2f}"]


def test_page_has_every_network_that_recipes_are_for():
    named = " ".join(row[0] for row in ROWS)
    for network in ("plain-18", "plain-34", "resnet-18", "resnet-34", "resnet-50", "resnet-101"):
        assert f"network={network}`" in named
    for other in ("resnet-152", "nin-imagenet", "googlenet", "inception-v3", "lars", "lamb"):
        assert other in named
    assert len(ROWS) == 20
