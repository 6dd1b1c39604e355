"""A report is read as it was written, and what it found stands in every file of it."""

import html
import json

import pytest

from resinc import report as report_lib
from resinc.errors import InputError
from resinc.report import archive
from tests.report import invented

FACTS = [("Command", "resinc sweep x --set a='<b>'"), ("Device", "1 × cpu")]


def test_what_was_written_is_what_is_read():
    report = invented.report()
    text = archive.to_json(report, FACTS)
    name, again, facts = archive.from_json("depth", text)
    assert (name, facts) == ("depth", FACTS)
    assert archive.to_json(again, facts) == text
    assert [panel.title for panel in again.panels] == [panel.title for panel in report.panels]
    assert again.panels[1].lines[0].dots == [[8, 2e-6], [56, 0.2]]


def test_findings_are_read_as_they_were_written():
    report = invented.report(findings=invented.FINDINGS, table=None)
    text = archive.to_json(report, FACTS)
    again = archive.from_json("depth", text)
    assert again.report.findings == invented.FINDINGS
    assert again.report.findings[1].reversed.p == 1 / 3
    assert (again.report.table, archive.to_json(again.report, FACTS)) == (None, text)


def test_heat_map_is_read_as_it_was_written():
    text = archive.to_json(invented.report(panels=[invented.MAP]), FACTS)
    (panel,) = archive.from_json("map", text).report.panels
    assert archive.to_json(invented.report(panels=[panel]), FACTS) == text
    assert panel.grid.values == invented.GRID.values
    assert [tuple(place) for place in panel.grid.crossed] == invented.GRID.crossed
    assert not panel.empty
    assert panel._replace(grid=panel.grid._replace(values=[[None]])).empty


def test_panels_and_rows_without_runs_are_named_and_left_out_unless_all_are(tmp_path):
    empty = [report_lib.Panel(title, "step", "error") for title in ("early", "late")]
    points = report_lib.Line("", "#000000", [0.5], [1])
    rows = report_lib.Panel("at the end", "error", "", [points], names=["a", "b", "c"])
    for panels, shown, named in (
        ([empty[0], invented.MAP, empty[1]], [invented.MAP.title], "early; late"),
        ([rows, empty[1]], ["at the end"], "at the end ('a', 'c'); late"),
        (empty, ["early", "late"], ""),
    ):
        report_lib.write(invented.report(panels=panels), [], tmp_path)
        found = archive.from_json("x", (tmp_path / archive.FILE).read_text(encoding="utf-8")).report
        assert [panel.title for panel in found.panels] == shown
        page = (tmp_path / "index.html").read_text(encoding="utf-8")
        assert ("no run for it is done" in page) == bool(named)
        assert named in html.unescape(page)


def test_result_shows_what_was_found_and_by_which_rule(tmp_path):
    report_lib.write(invented.report(findings=invented.FINDINGS, table=None), [], tmp_path)
    texts = [html.unescape((tmp_path / file).read_text()) for file in ("table.md", "index.html")]
    for finding in invented.FINDINGS:
        for text in texts:
            assert finding.sentence in text
            assert finding.rule in text
            assert finding.told in text
            assert finding.outcome in text


def test_numbers_are_rounded_where_no_eye_can_see(tmp_path):
    line = report_lib.Line("a", "#000000", (1 / 3,), (2e-7 / 3,))
    panel = report_lib.Panel("t", "x", "y", [line])
    text = archive.to_json(invented.report(panels=[panel]), ())
    assert json.loads(text)["panels"][0]["lines"][0]["x"] == [0.333333]
    assert json.loads(text)["panels"][0]["lines"][0]["y"] == [6.66667e-08]


def test_results_of_the_digits_come_first_and_damaged_ones_are_named(tmp_path):
    for name in ("a-cifar10", "b-digits"):
        (tmp_path / name).mkdir()
        text = archive.to_json(invented.report(), FACTS)
        (tmp_path / name / "report.json").write_text(text, encoding="utf-8")
    assert [result.name for result in archive.read_results(tmp_path)] == ["b-digits", "a-cifar10"]
    (tmp_path / "a-cifar10" / "report.json").write_text("{}")
    with pytest.raises(InputError, match=r"a-cifar10/report\.json"):
        archive.read_results(tmp_path)
    with pytest.raises(InputError, match="no result in"):
        archive.read_results(tmp_path / "nothing")
