"""runs/ alone names, reads and writes the files of a run's folder."""

import ast
from pathlib import Path

from resinc.runs import folder

ROOT = Path(__file__).parent.parent.parent
NAMES = {value for name, value in vars(folder).items() if name.isupper() and "." in value}
# What it reads and writes is of no run.
OF_NO_RUN = {"experiments/gpu/pieces.py", "resinc/launch/status_page.py"}
SYNC = {"sync_folder", "sync_tree"}  # They change nothing.


def violations(root):
    for path in sorted(
        file for top in ("resinc", "experiments") for file in (root / top).rglob("*.py")
    ):
        if path.parent == root / "resinc" / "runs":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and node.value in NAMES:
                yield f"{path.relative_to(root)}:{node.lineno} spells {node.value}"
            if isinstance(node, ast.ImportFrom) and node.module == "resinc.runs.files":
                names = {alias.name for alias in node.names}
                if str(path.relative_to(root)) not in OF_NO_RUN and names - SYNC:
                    yield f"{path.relative_to(root)}:{node.lineno} reads or writes by itself"


def test_the_files_of_a_run_are_named_and_written_in_one_place():
    assert {"config.json", "status.json", "metrics.jsonl", "log.txt"} <= NAMES
    assert list(violations(ROOT)) == []


def test_a_planted_name_is_found(tmp_path):
    (tmp_path / "resinc/train").mkdir(parents=True)
    (tmp_path / "resinc/train/a.py").write_text(
        'from resinc.runs.files import write_json\nwrite_json(folder / "status.json", {})\n'
    )
    assert list(violations(tmp_path)) == [
        "resinc/train/a.py:1 reads or writes by itself",
        "resinc/train/a.py:2 spells status.json",
    ]
