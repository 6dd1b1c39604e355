"""The depth experiment: its cells, and a report that says what the rows say."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from experiments import EXPERIMENTS, depth
from resinc import config as config_lib
from resinc import report
from resinc.errors import InputError
from resinc.report.statistics import Verdict
from resinc.runs.status import CellState
from tests import fabricated


def finals(plain, residual):
    """{depth: error} per block -> {(block, depth): error}."""
    found = {("plain", d): error for d, error in plain.items()}
    return found | {("residual", d): error for d, error in residual.items()}


def make_rows(root, errors, seeds=2, alter=None, **settings):
    """Rows of finished runs; `alter(block, depth, seed)` gives other arguments, or "skip"."""
    for cell in depth.sweep(depths=tuple({d for _, d in errors}), seeds=seeds, **settings):
        key = (cell.args["block"], cell.args["depth"])
        changed = alter(*key, cell.overrides["seed"]) if alter else {}
        if key in errors and changed != "skip":
            fabricated.run(root, cell, errors[key], **(changed or {}))
    return report.read_rows(root)


def test_sweep_starts_with_the_deepest_and_every_cell_loads():
    cells = list(depth.sweep())
    assert len(cells) == 24
    assert [cell.args["depth"] for cell in cells[:6]] == [56] * 6
    for dataset in depth.RECIPES:
        cell = next(depth.sweep(dataset=dataset, steps=250))
        config = config_lib.load(cell.recipe, cell.flags)
        assert config.data.name == dataset
        assert (config.steps, config.log_every_steps) == (250, 12)
        # CIFAR's recipe evaluates every 1,000 steps.
        assert config.eval_every_steps == (100 if dataset.startswith("cifar") else 50)


def test_the_deepest_may_be_residual_alone():
    cells = list(depth.sweep(depths=(8,), residual_depths=(1202,), seeds=1))
    assert [(c.args["depth"], c.args["block"]) for c in cells] == [
        (1202, "residual"),
        (8, "plain"),
        (8, "residual"),
    ]


def test_steps_of_zero_and_the_recipes_own_steps_are_one_sweep():
    assert list(depth.sweep(steps=0)) == list(depth.sweep(steps=120))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"dataset": "cifar"}, "did you mean 'cifar"),
        ({"depths": ()}, "depths is empty"),
        ({"seeds": 0}, "seeds 0"),
        ({"steps": -1}, "steps -1"),
    ],
)
def test_a_bad_setting_is_named(settings, said):
    with pytest.raises(InputError, match=said):
        list(depth.sweep(**settings))


@pytest.mark.parametrize(
    ("errors", "said"),
    [
        (
            finals({8: 0.0, 56: 0.8}, {8: 0.0, 56: 0.001}),
            ["plain networks get worse with depth (56 layers: ", "while residual networks do not"],
        ),
        (
            finals({8: 0.0, 56: 0.8}, {8: 0.0, 56: 0.15}),
            ["plain networks get worse", "and residual networks get worse too, but less"],
        ),
        (
            finals({8: 0.02, 56: 0.3}, {8: 0.0, 56: 0.6}),
            ["plain networks get worse", "residual networks get worse too (56"],
        ),
        (
            finals({8: 0.1, 56: 0.1}, {8: 0.2, 56: 0.05}),
            ["plain networks do not get worse", "while residual networks get better with depth"],
        ),
        (
            finals({8: 0.1}, {8: 0.1, 56: 0.6}),
            ["plain networks were run at one depth only (8 layers", "residual networks get worse"],
        ),
        (
            finals({8: 0.88, 56: 0.9}, {8: 0.1, 56: 0.1}),
            ["plain networks have hardly learned yet", "residual networks do not get worse"],
        ),
    ],
)
def test_the_answer_follows_the_numbers(tmp_path, errors, said):
    answer = depth.report(make_rows(tmp_path, errors)).answer
    for words in said:
        assert words in answer
    assert "2 seeds, 120 steps" in answer
    assert answer.endswith(".")
    assert "so far" not in answer


@pytest.mark.parametrize(
    ("plain", "residual", "verdict"),
    [
        (0.8, 0.0, Verdict.SUPPORTED),
        (0.0, 0.0, Verdict.REFUTED),
        (0.8, 0.3, Verdict.REFUTED),
        (0.8, None, Verdict.UNDECIDED),
    ],
)
def test_verdict_needs_both_families(tmp_path, plain, residual, verdict):
    errors = finals({8: 0.0, 56: plain}, {8: 0.0, 56: residual} if residual is not None else {})
    found = depth.report(make_rows(tmp_path, errors, seeds=3))
    assert (found.number, found.verdict) == (1, verdict)


def test_one_seed_decides_nothing(tmp_path):
    rows = make_rows(tmp_path, finals({8: 0.0, 56: 0.8}, {8: 0.0, 56: 0.0}), seeds=1)
    assert depth.report(rows).verdict == Verdict.UNDECIDED


def test_overlapping_seeds_decide_nothing(tmp_path):
    def alter(block, d, seed):
        return {"spread": 0.0} if d == 56 else {"spread": 0.2}

    errors = finals({8: 0.4, 56: 0.4}, {8: 0.1, 56: 0.1})
    rows = make_rows(tmp_path, errors, alter=alter, seeds=3)
    plain = [r.final("train").error for r in rows if r.config["model.block"] == "plain"]
    assert min(plain) < 0.4 < max(plain)
    assert "the seeds of plain networks overlap, which decides nothing" in depth.report(rows).answer


def test_partial_results_say_so_and_name_what_is_missing(tmp_path):
    def alter(block, d, seed):
        if (block, d) == ("plain", 56):
            return {"state": "diverged", "step": 73, "message": "non-finite at step 73"}
        if (block, d, seed) == ("residual", 20, 1):
            return {"state": "running", "step": 40}
        return {}

    rows = make_rows(tmp_path, finals({8: 0, 20: 0, 56: 0.8}, {8: 0, 20: 0, 56: 0}), alter=alter)
    found = depth.report(rows)
    assert "so far (9 of 12 runs done; 1 to 2 seeds, 120 steps)" in found.answer
    assert "plain networks get worse with depth (56 layers: 90.0 %" in found.answer
    assert found.answer.endswith("plain-56 diverged (2 of 2 seeds).")
    joined = " ".join(found.notes)
    assert "block=plain,depth=56,seed=1" in joined
    assert "unfinished: block=residual,depth=20,seed=1" in joined
    report.write(found, rows, tmp_path / "out")
    text = (tmp_path / "out" / "index.html").read_text()
    assert "9 of 12 runs done, 1 unfinished, 2 diverged." in text
    assert "non-finite at step 73" in text


def test_nothing_done_is_an_answer_too(tmp_path):
    rows = make_rows(
        tmp_path, finals({8: 0.1}, {8: 0.1}), alter=lambda *_: {"state": "running", "step": 0}
    )
    found = depth.report(rows)
    assert "nothing to compare yet: 0 of 4 runs done" in found.answer
    assert len(report.write(found, rows, tmp_path / "out")) == len(report.FILES)


def test_short_runs_and_single_seeds_are_named(tmp_path):
    errors = finals({20: 0.42, 56: 0.56}, {20: 0.38, 56: 0.37})
    rows = make_rows(tmp_path, errors, seeds=1, dataset="cifar10", steps=1500)
    found = depth.report(rows)
    assert "(1 seed, 1,500 of the recipe's 64,000 steps)" in found.answer
    assert any("one seed" in note for note in found.notes)
    assert found.table.header[-1] == "He et al. %"
    assert [line[-1] for line in found.table.lines] == ["–", "–", "8.75", "6.97"]


def test_different_steps_are_not_compared(tmp_path):
    make_rows(tmp_path, finals({8: 0.1}, {8: 0.1}))
    rows = make_rows(tmp_path, finals({20: 0.1}, {20: 0.1}), steps=40)
    assert "nothing is decided" in depth.report(rows).answer
    assert "40 and 120" in depth.report(rows).answer


def test_rows_of_other_experiments_are_refused(tmp_path):
    make_rows(tmp_path, finals({8: 0.1}, {8: 0.1}))
    rows = make_rows(tmp_path, finals({20: 0.1}, {20: 0.1}), dataset="cifar10", steps=40)
    with pytest.raises(InputError, match="cifar10 and digits"):
        depth.report(rows)
    with pytest.raises(InputError, match=r"model\.depth"):
        depth.report([report.Row("x", CellState.NEW)])


class Links(HTMLParser):
    """Everything that a browser might fetch."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found += [(tag, v) for k, v in attrs if k in ("src", "srcset", "href", "action")]


def test_the_page_is_self_contained_and_the_same_rows_give_the_same_bytes(tmp_path):
    rows = make_rows(tmp_path / "runs", finals({8: 0, 56: 0.8}, {8: 0, 56: 0}), seeds=1)
    about = {"command": "resinc sweep experiments/depth.py --set 'a=<b>'"}
    first = report.write(depth.report(rows), rows, tmp_path / "a", about)
    second = report.write(depth.report(rows), rows, tmp_path / "b", about)
    assert [path.name for path in first] == list(report.FILES)
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name
    text = (tmp_path / "a" / "index.html").read_text()
    links = Links()
    links.feed(text)
    files = {link for tag, link in links.found if tag == "a"}
    assert files <= set(report.FILES)
    assert all(link.startswith("data:") for tag, link in links.found if tag != "a")
    assert not re.search(r"url\(|@import|<script", text)
    assert "&lt;b&gt;" in text
    assert (tmp_path / "a" / "figure.pdf").read_bytes().startswith(b"%PDF")


def test_reporting_imports_no_jax():
    code = (
        "import sys, resinc.report, resinc.launch.sweep, experiments;"
        "unwanted = ('jax', 'flax', 'tensorflow', 'matplotlib.pyplot');"
        "loaded = [name for name in unwanted if name in sys.modules];"
        "assert not loaded, loaded"
    )
    root = Path(__file__).parent.parent.parent
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root, timeout=60)


def test_the_table_of_experiments_holds_modules_with_both_functions():
    for module in EXPERIMENTS.values():
        assert callable(module.sweep)
        assert callable(module.report)
