"""Text is UTF-8 whatever the locale: ruff's PLW1514 guards the calls whose type it can tell."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# Of these, `open` is another function.
OTHERS = {"tarfile", "Image", "os", "gzip", "zipfile"}


def without_encoding(source):
    """Lines of the calls that read or write text in the encoding of the locale."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or any(k.arg == "encoding" for k in node.keywords):
            continue
        function = node.func
        name = getattr(function, "attr", getattr(function, "id", ""))
        owner = getattr(getattr(function, "value", None), "id", "")
        words = [a.value for a in node.args if isinstance(a, ast.Constant)]
        binary = any(isinstance(w, str) and set(w) <= set("rwaxb+") and "b" in w for w in words)
        # A bare `write_text` is the function of runs/files.py, which always writes UTF-8.
        of_path = isinstance(function, ast.Attribute) and name in ("read_text", "write_text")
        if of_path or (name == "open" and owner not in OTHERS and not binary):
            yield node.lineno


def test_every_text_file_is_opened_as_utf_8():
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for folder in ("resinc", "configs", "experiments")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line in without_encoding(path.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("line", "lines"),
    [
        ("open(p)", [1]),
        ("p.open('a')", [1]),
        ("(a / b).read_text()", [1]),
        ("p.write_text(t)", [1]),
        ("write_text(p, t)", []),
        ("open(p, encoding='utf-8')", []),
        ("p.open('wb')", []),
        ("tarfile.open(p)", []),
    ],
)
def test_such_a_call_is_seen(line, lines):
    assert list(without_encoding(line)) == lines
