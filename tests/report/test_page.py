"""The page of one result: whole by itself, the same bytes every time, and plain about what is
missing."""

import re
from html.parser import HTMLParser

import pytest

from experiments import degradation
from resinc import report
from resinc.cli import main
from tests import fabricated

COMMAND = {"command": "resinc sweep experiments/degradation.py --set 'a=<b>'"}


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """Of a quick look: one network diverged, another is still running."""
    root = tmp_path_factory.mktemp("runs")
    for cell in degradation.sweep(depths=(8, 56), seeds=2):
        labels = (cell.labels["kind"], cell.labels["depth"])
        state = {}
        if labels == ("plain", 56):
            state = {"state": "diverged", "step": 73, "message": "non-finite at step 73"}
        if labels == ("residual", 8) and cell.overrides["seed"]:
            state = {"state": "running", "step": 40}
        fabricated.run(root, cell, fabricated.DIGITS[labels], **state)
    return report.read_rows(root)


class Links(HTMLParser):
    """Everything that a browser might fetch."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found += [(tag, v) for k, v in attrs if k in ("src", "srcset", "href", "action")]


def test_the_page_is_self_contained_and_the_same_rows_give_the_same_bytes(rows, tmp_path):
    found = degradation.report(rows)
    first = report.write(found, rows, tmp_path / "a", COMMAND)
    second = report.write(degradation.report(rows), rows, tmp_path / "b", COMMAND)
    assert [path.name for path in first] == list(report.FILES)
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name
    text = (tmp_path / "a" / "index.html").read_text(encoding="utf-8")
    links = Links()
    links.feed(text)
    files = {link for tag, link in links.found if tag == "a"}
    assert files <= set(report.FILES)
    assert all(link.startswith("data:") for tag, link in links.found if tag != "a")
    assert not re.search(r"url\(|@import|<script", text)
    assert "&lt;b&gt;" in text
    assert (tmp_path / "a" / "figure.pdf").read_bytes().startswith(b"%PDF")


def test_partial_results_say_so_and_name_what_is_missing(rows, tmp_path):
    report.write(degradation.report(rows), rows, tmp_path)
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "5 of 8 runs done, 1 unfinished, 2 diverged." in text
    assert "non-finite at step 73" in text


def test_of_many_runs_that_are_not_in_the_plan_a_few_are_named(tmp_path):
    """As in the folder that all experiments share."""
    first, *others = degradation.sweep(depths=(8,), seeds=3)
    for cell in (first, *others):
        fabricated.run(tmp_path, cell)
    fabricated.write(tmp_path / "sweep.json", {"cells": [{"name": first.name}]})
    out = tmp_path / "out"
    assert main(["report", "degradation", f"--root={tmp_path}", f"--out={out}"]) == 0
    text = (out / "table.md").read_text(encoding="utf-8")
    assert "block=plain,depth=8,seed=2; block=residual,depth=8,seed=0 and 2 more." in text
