"""Only what a clean commit made becomes a reference result, and only by being published."""

import json

import pytest

from resinc import report as report_lib
from resinc.errors import InputError
from resinc.launch.cell import Cell
from resinc.report import matrix_markdown, read_sweep
from resinc.report.publish import publish
from tests import fabricated
from tests.report import invented


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    root = tmp_path_factory.mktemp("sweep")
    fabricated.run(root, Cell("configs/digits.py", {"depth": 8}, {"seed": 0}), 0.25)
    return root


def result(sweep, out, dirty=False, **about):
    """What `resinc report` writes of a run, made by the code of a commit."""
    path = sweep / "depth=8,seed=0" / "provenance.json"
    origin = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(origin | {"git_commit": "abc", "git_dirty": dirty}))
    report_lib.write(
        invented.report(), read_sweep(sweep).rows, out, {"command": "resinc sweep x"} | about
    )
    return out


def test_published_result_is_copied_whole_and_shown(sweep, tmp_path):
    out = result(sweep, tmp_path / "mine" / "degradation-digits")
    published = tmp_path / "kept"
    written = publish([tmp_path / "mine"], published)
    assert written == [published / "degradation-digits", published / "index.html"]
    for file in report_lib.FILES:
        assert (published / "degradation-digits" / file).read_bytes() == (out / file).read_bytes()
    page = (published / "index.html").read_text(encoding="utf-8")
    assert invented.report().title in page


def test_matrix_goes_into_a_readme_and_one_without_a_place_is_refused(sweep, tmp_path):
    out = result(sweep, tmp_path / "mine" / "degradation-digits")
    readme, published = tmp_path / "README.md", tmp_path / "kept"
    readme.write_text("no place")
    with pytest.raises(InputError, match="no place for the matrix"):
        publish([out], published, readme=readme)
    assert not published.exists()
    readme.write_text(f"{matrix_markdown.BEGIN}{matrix_markdown.END}")
    publish([out], published, readme=readme)
    assert "| hypothesis |" in readme.read_text(encoding="utf-8")


def test_uncommitted_code_says_so_on_its_page_and_may_not_be_published(sweep, tmp_path):
    clean = result(sweep, tmp_path / "mine" / "a-clean")
    dirty = result(sweep, tmp_path / "mine" / "b-dirty", dirty=True)
    for out, says_so in ((clean, False), (dirty, True)):
        for file in ("index.html", "table.md", "report.json"):
            text = (out / file).read_text(encoding="utf-8")
            assert ("made by code with uncommitted changes" in text) == says_so, (out, file)
    with pytest.raises(InputError, match=r"b-dirty.*with uncommitted changes"):
        publish([clean, dirty], tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


def test_without_command_or_result_nothing_is_published(sweep, tmp_path):
    out = result(sweep, tmp_path / "mine" / "degradation-digits", command="")
    with pytest.raises(InputError, match="which command made it"):
        publish([out], tmp_path / "kept")
    with pytest.raises(InputError, match="nothing to publish in"):
        publish([tmp_path / "elsewhere"], tmp_path / "kept")
