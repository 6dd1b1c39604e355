"""Wherever cells run, the table is the same."""

import csv

import pytest

from resinc.cli import main
from resinc.runs.provenance import read_provenance
from tests.train.several import surroundings

AXES = ("--axis=model.block=plain,residual", "--axis=model.depth=8,14", "--seeds=2")
SETTINGS = ("--config.steps=3", "--config.model.width=4", "--workers=2")
PLACES = {"local": [], "slurm": ["--time=30", "--cpus=2"], "gke": ["--image=i", "--volume=v"]}


@pytest.mark.slow
def test_a_sweep_gives_the_same_table_by_every_launcher_alone_and_packed(
    cluster, kubernetes, quick, tmp_path, monkeypatch
):
    """Real training over depth, block and seed, typed as the pages have it.

    The time apart, which two runs at one place do not share either. Programs are compiled here as
    all tests do; docs/runs.md says what differs in a pack whose program is optimized.
    """
    # Eight devices make one small step slow; what one launcher compiles, the others find.
    monkeypatch.setenv("XLA_FLAGS", surroundings(1)["XLA_FLAGS"])
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "cache"))
    tables = {}
    for place, options in PLACES.items():
        for pack in (1, 2):
            if (place, pack) != ("gke", 2):
                root, out = (
                    tmp_path / f"{place}{pack}" / "sweep",
                    tmp_path / f"{place}{pack}" / "of",
                )
                mount = [f"--mount={tmp_path}"] if place == "gke" else []
                typed = ["sweep", "--config=configs/digits.py", *AXES, *SETTINGS, f"--root={root}"]
                typed += [f"--launcher={place}", f"--pack={pack}", *options, *mount]
                assert main(typed) == 0
                typed = ["report", f"--root={root}", "--x=model.depth", "--colour=model.block"]
                assert main([*typed, f"--out={out}"]) == 0
                assert (out / "figure.png").exists()
                lines = list(csv.DictReader((out / "runs.csv").open()))
                for line in lines:
                    assert float(line.pop("seconds")) > 0
                tables[place, pack] = lines, (out / "table.md").read_text()
                starts = [read_provenance(folder)["starts"] for folder in root.glob("*seed=*")]
                assert [len(each) for each in starts] == [1] * 8
                called = {"local": "", "slurm": "SLURM", "gke": "Kubernetes"}[place]
                assert {start["job"].partition(" ")[0] for (start,) in starts} == {called}
                assert all((len(start.get("pack", "1")) == pack) for (start,) in starts)
    first, *others = tables.values()
    assert len(first[0]) == 8
    assert [row == first for row in others] == [True] * 4
