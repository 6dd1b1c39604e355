"""The page of all results is made from report.json files alone, and links to what is beside it."""

import pytest

from resinc.cli import main
from resinc.errors import InputError
from resinc.report import archive, matrix_markdown, overview
from tests.report import invented

FACTS = [("Command", "resinc sweep x --set a='<b>'"), ("Device", "1 × cpu")]


def write(root, name, report):
    (root / name).mkdir(parents=True)
    text = archive.to_json(report, FACTS)
    (root / name / "report.json").write_text(text, encoding="utf-8")


@pytest.fixture
def results(tmp_path):
    write(tmp_path, "degradation-digits", invented.report(findings=invented.FINDINGS))
    write(tmp_path, "cost", invented.report(title="What it <costs>"))
    return tmp_path


def test_page_escapes_and_links_relative_to_itself(results, tmp_path):
    out = overview.write(results, tmp_path / "pages" / "all.html")
    text = out.read_text(encoding="utf-8")
    assert 'href="../degradation-digits/figure.pdf"' in text
    assert "a=&#x27;&lt;b&gt;&#x27;" in text
    assert "What it &lt;costs&gt;" in text
    assert 'href="cost/runs.csv"' in overview.write(results, results / "x.html").read_text()


def test_facts_stand_below_what_was_judged_with_their_answer(results):
    text = overview.write(results, results / "index.html").read_text(encoding="utf-8")
    judged, facts = text.split('id="facts"')
    assert 'id="result-degradation-digits"' in judged
    assert 'id="result-cost"' in facts
    assert "It was 3&nbsp;% against 4&nbsp;%." in facts
    assert "It was" not in judged  # There the rows of the matrix say it.


def test_command_writes_the_page_and_the_readme(results, capsys):
    readme = results / "README.md"
    readme.write_text(f"# x\n{matrix_markdown.BEGIN}\n{matrix_markdown.END}\n", encoding="utf-8")
    assert main(["overview", str(results), "--readme", str(readme)]) == 0
    assert str(results / "index.html") in capsys.readouterr().out
    assert 'id="degradation.plain"' in (results / "index.html").read_text(encoding="utf-8")
    assert "✓ supported" in readme.read_text(encoding="utf-8")


def test_the_first_heat_maps_lie_beside_the_page_as_a_picture(results):
    page = overview.write(results, results / "index.html")
    assert not (results / overview.MAP).exists()
    write(results, "map-digits", invented.report(panels=[invented.MAP]))
    overview.write(results, page)
    assert (results / overview.MAP).read_bytes().startswith(b"\x89PNG")


def test_same_results_give_the_same_bytes(results):
    first = overview.write(results, results / "a.html").read_bytes()
    assert overview.write(results, results / "b.html").read_bytes() == first


def test_what_cannot_be_written_is_one_sentence(results):
    (results / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        overview.write(results, results / "file" / "index.html")
