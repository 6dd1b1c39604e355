"""The claims page is made from report.json files alone, and holds every result."""

import html
import json
import re

import pytest

from resinc import report as report_lib
from resinc.errors import InputError
from resinc.report import archive, claims, figure, plotly
from resinc.report.figure import INK
from resinc.report.statistics import Verdict
from tests.report import invented

FACTS = [("Command", "resinc sweep x --set a='<b>'"), ("Device", "1 × cpu")]


def write(root, name, report):
    (root / name).mkdir(parents=True)
    (root / name / "report.json").write_text(archive.to_json(report, FACTS))


@pytest.fixture
def results(tmp_path):
    write(tmp_path, "depth-cifar10", invented.report(1, Verdict.UNDECIDED, title="on CIFAR-10"))
    write(tmp_path, "depth-digits", invented.report(1, title="on digits"))
    write(tmp_path, "gates-digits", invented.report(3, Verdict.REFUTED))
    write(tmp_path, "extra-digits", invented.report(3, Verdict.UNDECIDED, part=1))
    write(tmp_path, "scratch", invented.report(0, claim="", title="Something else"))
    return tmp_path


def test_what_was_written_is_what_is_read():
    report = invented.report()
    text = archive.to_json(report, FACTS)
    name, again, facts = archive.from_json("depth", text)
    assert (name, facts) == ("depth", FACTS)
    assert archive.to_json(again, facts) == text
    assert [panel.title for panel in again.panels] == [panel.title for panel in report.panels]
    assert again.panels[1].lines[0].dots == [[8, 2e-6], [56, 0.2]]
    assert again.verdict == Verdict.SUPPORTED


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


def test_heat_map_crosses_what_diverged_and_leaves_open_what_has_not_run():
    (ax, _) = figure.draw([invented.MAP], tall=False).axes
    (mesh,) = ax.collections
    assert mesh.get_array().mask.tolist() == [[False, False], [False, True], [False, False]]
    assert mesh.get_clim() == invented.GRID.scale
    assert {tuple(line.get_xydata()[0]) for line in ax.lines} == {(1.5, 2.5), (1.5, 1.5)}


def test_results_of_the_first_round_have_no_findings():
    fields = json.loads(archive.to_json(invented.report(), FACTS))
    del fields["findings"]
    assert archive.from_json("depth", json.dumps(fields)).report.findings == ()


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


def test_claims_stand_in_order_and_digits_first(results):
    names = [result.name for result in archive.read_results(results)]
    assert names == ["depth-digits", "depth-cifar10", "gates-digits", "extra-digits", "scratch"]
    text = claims.write(results, results / "index.html").read_text()
    assert "2 claims, 3 verdicts: 1 supported, 1 refuted, 1 not decided" in text
    anchors = re.findall(r'<details id="([^"]+)"', text)
    assert anchors == ["claim-1", "claim-3", "claim-3b", "more"]
    assert re.findall(r"<h2>(on .+?) <", text) == ["on digits", "on CIFAR-10"]
    # A closed claim names its other results, with their verdicts.
    closed = re.search(r"<summary>.*?</summary>", text, re.DOTALL)[0]
    words = re.findall(r"on CIFAR-10|(?<=</span> )[a-z ]+(?=</strong>)", closed)
    assert words == ["supported", "on CIFAR-10", "not decided"]


def test_page_escapes_and_links_relative_to_itself(results, tmp_path):
    text = claims.write(results, tmp_path / "pages" / "claims.html").read_text()
    assert 'href="../depth-digits/figure.png"' in text
    assert "a=&#x27;&lt;b&gt;&#x27;" in text
    assert "Claim number 1 holds &lt;/script&gt;." in text
    assert text.count("</script>") == 3
    figures = re.search(r'type="application/json">(.*?)</script>', text, re.DOTALL)[1]
    assert json.loads(figures)["depth-digits-0"]["data"][1]["name"] == "56 layers"


def test_same_results_give_the_same_bytes(results):
    first = claims.write(results, results / "a.html").read_bytes()
    assert claims.write(results, results / "b.html").read_bytes() == first


def test_what_cannot_be_read_is_one_sentence(results, tmp_path):
    (results / "depth-digits" / "report.json").write_text("{}")
    with pytest.raises(InputError, match=r"depth-digits/report\.json"):
        archive.read_results(results)
    with pytest.raises(InputError, match="no result in"):
        archive.read_results(tmp_path / "nothing")


def test_traces_carry_what_the_panel_says():
    curves, rates, named = (
        plotly.figure(p, INK) for p in (invented.CURVES, invented.RATES, invented.NAMED)
    )
    thin, bold, published, training = curves["data"]
    assert (thin["showlegend"], thin["legendgroup"]) == (False, bold["legendgroup"])
    assert bold["error_y"]["array"] == [2.0, 1.5]
    assert (published["line"]["dash"], published["line"]["color"]) == ("dash", plotly.INK)
    assert (training["x"], training["showlegend"]) == ([None], True)
    assert curves["layout"]["yaxis"]["range"] == [-1.0, 95.0]

    assert rates["layout"]["xaxis"]["type"] == rates["layout"]["yaxis"]["type"] == "log"
    assert rates["layout"]["yaxis"]["range"] == [-7.0, 0.0]
    assert rates["data"][0]["marker"]["symbol"] == "circle-open"
    assert rates["data"][1]["legendgroup"] == rates["data"][0]["legendgroup"]

    assert named["data"][0]["error_x"]["array"] == [0.5, 0.2]
    assert named["layout"]["yaxis"]["ticktext"] == list(invented.NAMED.names)
    assert named["layout"]["yaxis"]["range"] == [1.5, -0.5]
