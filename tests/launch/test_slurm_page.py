"""docs/slurm.md: someone who has only an account gets from clone to a figure by its commands."""

import os
import re
import shlex
import shutil
import site
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "slurm.md").read_text(encoding="utf-8")
FIRST, ON_GPUS = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
INSTALL = "python3 -m venv .venv && .venv/bin/pip install --editable '.[cluster,cuda]'"
# The packages that pip would fetch are those that run the tests; the code is the clone's.
INSTALLED = """
{python} -m venv --without-pip .venv
printf '%s\\n' "$PWD" {packages} > "$(echo .venv/lib/python3*/site-packages)/resinc.pth"
printf '#!%s\\nfrom resinc.cli import main\\nraise SystemExit(main())\\n' "$PWD/.venv/bin/python" \
    > .venv/bin/resinc
chmod +x .venv/bin/resinc
"""
# Options of the page, for less work. Each of its GPUs has a node, where none is needed to train.
LESS = {
    "depth=8,20": "depth=8 --axis steps=2",
    "depth=20,56": "depth=8 --axis steps=2",
    "--seeds=3": "--seeds=1",
    "configs/cifar.py": "configs/digits.py",
    "resinc data prepare cifar10": "resinc data list",
}


def replaced(text, old, new):
    assert old in text
    return text.replace(old, new)


def shortened(block):
    for old, new in LESS.items():
        block = block.replace(old, new)
    assert block.count("--axis steps=2 ") == block.count("--seeds=1 ") == 1
    return block


def test_what_is_installed_by_the_page_is_what_the_package_offers():
    with (ROOT / "pyproject.toml").open("rb") as file:
        offered = tomllib.load(file)["project"]["optional-dependencies"]
    for extras in re.findall(r"'\.\[(.*?)\]'", PAGE):
        assert {*extras.split(",")} <= {*offered}


@pytest.mark.slow
def test_an_account_is_enough_to_get_from_clone_to_a_figure(cluster, tmp_path, monkeypatch):
    if not shutil.which("git") or not (ROOT / ".git").exists():
        pytest.skip("there is nothing to clone")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    packages = " ".join(shlex.quote(folder) for folder in site.getsitepackages())
    install = INSTALLED.format(python=shlex.quote(sys.executable), packages=packages)
    first = replaced(
        shortened(FIRST), "git clone URL", f"git clone --quiet {shlex.quote(str(ROOT))}"
    )
    first = replaced(first, INSTALL, install)
    ran = subprocess.run(
        ["bash", "-ec", first + shortened(ON_GPUS)],
        cwd=tmp_path,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert not ran.returncode, ran.stdout + ran.stderr
    clone = tmp_path / "resinc"
    for name in ("first", "depth"):
        assert (clone / "runs" / "results" / name / "figure.png").stat().st_size
        assert (clone / "runs" / "results" / name / "index.html").exists()
        assert len([*clone.glob(f"runs/{name}/*/status.json")]) == 2
    assert "2 of 2 runs done" in ran.stdout
    changed = ["git", "-C", str(clone), "status", "--porcelain"]
    assert not subprocess.run(changed, capture_output=True, text=True, check=True).stdout
