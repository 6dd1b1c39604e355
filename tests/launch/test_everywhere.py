"""Wherever cells run, the table is the same."""

import csv

import pytest
import submitit  # noqa: F401  Its first import has absl close a stderr that is not Python's own.

from resinc.cli import main
from resinc.runs.provenance import read_provenance
from tests.train.several import environment

TYPED = (
    *("--config=configs/digits.py", "--axis=model.block=plain,residual", "--axis=model.depth=8,14"),
    *("--seeds=2", "--config.steps=3", "--config.model.width=4", "--workers=1"),
)
ASKED = {"local": (), "slurm": ("--time=30", "--cpus=2"), "gke": ("--image=i", "--volume=v")}
CALLED = {"local": "", "slurm": "SLURM", "gke": "Kubernetes"}


def table(folder, place, pack=1):
    """Of a sweep at that place: a line per run, the time apart, and the table of the report."""
    root, out = folder / f"{place}-{pack}" / "sweep", folder / f"{place}-{pack}" / "report"
    mount = [f"--mount={folder}"] if place == "gke" else []
    where = [f"--launcher={place}", *ASKED[place], *mount, f"--pack={pack}"]
    assert main(["sweep", *TYPED, f"--root={root}", *where]) == 0
    drawn = ["--x=model.depth", "--colour=model.block"]
    assert main(["report", f"--root={root}", *drawn, f"--out={out}"]) == 0
    assert (out / "figure.png").exists()
    for run in root.glob("*seed=*"):
        (start,) = read_provenance(run)["starts"]
        assert start["job"].partition(" ")[0] == CALLED[place]
        assert len(start.get("pack", "1")) == pack
    lines = list(csv.DictReader((out / "runs.csv").read_text().splitlines()))
    assert len(lines) == 8
    assert all(float(line.pop("seconds")) > 0 for line in lines)
    return lines, (out / "table.md").read_text()


@pytest.mark.slow
def test_a_sweep_gives_the_same_table_by_every_launcher_alone_and_packed(
    cluster, kubernetes, quick, tmp_path, monkeypatch
):
    """Real training over depth, block and seed, typed as the pages have it.

    Programs are compiled here as all tests do; docs/runs.md says what differs in a pack whose
    program is optimized.
    """
    # One device and, with one worker here, all cores: XLA's fusions and sums depend on them.
    for name, value in environment(1).items():
        monkeypatch.setenv(name, value)
    first = table(tmp_path, "local")
    for place, pack in (("local", 2), ("slurm", 1), ("slurm", 2), ("gke", 1)):
        assert table(tmp_path, place, pack) == first, (place, pack)
