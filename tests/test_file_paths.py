"""Paths as careless hands type them, the same way in every command, field and variable."""

import errno
import os
from pathlib import Path

import pytest

from resinc import config as config_lib
from resinc.cli import main
from resinc.data.sets.stored import data_directory
from resinc.errors import InputError
from resinc.file_paths import read_path, show, written

ROOT = Path(__file__).parents[1]
COMMANDS = {
    "train": ["train", "--config=configs/digits.py", "--workdir"],
    "measure": ["measure", "--config=configs/chain.py", "--workdir"],
    "eval": ["eval", "--workdir"],
    "import": ["import", "x.pth", "--config=configs/digits.py", "--workdir"],
    "import file": ["import", "--config=configs/digits.py", "--workdir=x"],
    "export": ["export", "--workdir=x", "--out"],
    "sweep": ["sweep", "experiments/degradation.py", "--root"],
    "report": ["report", "experiments/degradation.py", "--root=x", "--out"],
    "overview": ["overview"],
    "data list": ["data", "list", "--dir"],
    "data prepare": ["data", "prepare", "cifar10", "--dir"],
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("", "path '' is empty"),
        (" ", "path ' ' is empty"),
        ("~nobody-has-this-name/x", "there is no home folder for '~nobody-has-this-name'"),
        (os.fsdecode(b"x\xff"), r"path 'x\udcff' is not UTF-8"),
        ("x" * 300, "File name too long"),
    ],
)
def test_a_path_that_cannot_be_one_is_refused_by_every_command(
    command, typed, sentence, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    *rest, last = COMMANDS[command]
    named = (
        [f"{last}={typed}"] if last in ("--workdir", "--out", "--root", "--dir") else [last, typed]
    )
    assert main([*rest, *named]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_the_tilde_is_the_home_folder_whoever_reads_the_path(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read_path("~/x") == tmp_path / "x"
    assert data_directory("~/sets") == tmp_path / "sets"
    monkeypatch.setenv("TFDS_DATA_DIR", "~/other")
    assert data_directory("") == tmp_path / "other"
    (tmp_path / "own.py").write_text(
        "from configs import base\nget_config = base.get_config\n", encoding="utf-8"
    )
    assert config_lib.load("~/own.py").model.depth == 20


def test_without_a_home_folder_the_default_is_a_sentence(monkeypatch):
    """HOME unset and no entry in the list of users, as in many containers."""
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    with pytest.raises(InputError, match=r"no home folder for '~' .*write the folder out"):
        data_directory("")


def test_a_current_folder_that_was_removed_is_a_sentence(tmp_path, monkeypatch, capsys):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    told = "the current folder no longer exists: change to one that does"
    with pytest.raises(InputError, match=f"^{told}$"):
        read_path("x")
    # The library that reads the digits asks for it, although all paths are absolute.
    recipe = ROOT / "configs" / "digits.py"
    for workdir in (tmp_path / "run", "run"):
        assert main(["train", f"--config={recipe}", f"--workdir={workdir}"]) == 2
        assert capsys.readouterr().err == f"resinc: {told}\n"
    assert not (tmp_path / "run").exists()


def test_a_colon_in_the_path_of_a_recipe_does_not_cut_it(tmp_path):
    folder = tmp_path / "12:30"
    folder.mkdir()
    recipe = folder / "a:b.py"
    recipe.write_text(
        "from configs import base\n"
        "def get_config(arg=None):\n"
        "    config = base.get_config()\n"
        "    config.model.depth = base.parse_arg(arg, depth=32).depth\n"
        "    return config\n",
        encoding="utf-8",
    )
    assert config_lib.load(str(recipe)).model.depth == 32
    assert config_lib.load(f"{recipe}:depth=56").model.depth == 56


@pytest.mark.parametrize("name", ["[old]", "[/]", "a:x:b", "{b}", "two words", "ligne–une"])
def test_a_path_is_printed_whole(name, tmp_path, capsys, monkeypatch):
    folder = tmp_path / name
    assert main(["data", "list", "--dir", str(folder)]) == 0
    assert f"TFDS directory: {str(folder)!r}" in capsys.readouterr().out


def test_a_path_is_one_line_in_a_sentence():
    assert show(Path("a\nb")) == r"'a\nb'"
    assert show("runs/x") == "'runs/x'"


def test_a_file_that_cannot_be_written_is_a_sentence_and_the_old_one_stays(tmp_path):
    out = tmp_path / "w.safetensors"
    out.write_bytes(b"old")

    def fill_the_disk():
        with written(out) as part:
            part.write_bytes(b"ne")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(InputError, match=r"w\.safetensors' cannot be written: No space left"):
        fill_the_disk()
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [(out.name, b"old")]
    with written(out) as part:
        part.write_bytes(b"new")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [(out.name, b"new")]
