"""A command that computes at length keeps its memory, in huge pages where Linux gives them."""

import os
import subprocess
import sys

import pytest

from resinc import malloc
from resinc.cli import main
from resinc.malloc import restart_with_malloc_settings, with_malloc_settings

KEEP = f"glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold={2**62}"
ALL = f"{KEEP}:glibc.malloc.hugetlb=1"


@pytest.fixture
def policy(tmp_path):
    path = tmp_path / "enabled"
    path.write_text("always [madvise] never\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({}, ALL),
        ({"GLIBC_TUNABLES": ""}, ALL),
        ({"GLIBC_TUNABLES": "glibc.malloc.check=0"}, f"glibc.malloc.check=0:{ALL}"),
        ({"GLIBC_TUNABLES": "glibc.malloc.hugetlb=0"}, f"glibc.malloc.hugetlb=0:{KEEP}"),
        ({"GLIBC_TUNABLES": ALL}, ALL),
    ],
    ids=["nothing", "empty", "another tunable", "the user's own choice", "all"],
)
def test_settings_that_are_missing_are_added(policy, given, wanted):
    assert with_malloc_settings(given | {"A": "b"}, policy) == {"A": "b", "GLIBC_TUNABLES": wanted}


@pytest.mark.parametrize("text", ["[always] madvise never\n", "always madvise [never]\n"])
def test_huge_pages_are_asked_for_where_that_helps(policy, text):
    policy.write_text(text, encoding="utf-8")
    assert with_malloc_settings({}, policy) == {"GLIBC_TUNABLES": KEEP}


def test_another_kernel_is_told_nothing(tmp_path):
    assert with_malloc_settings({"A": "b"}, tmp_path / "none") == {"A": "b"}


def test_a_command_begins_again_once_as_it_was_called(policy):
    program = (
        "import os, sys; from pathlib import Path\n"
        "from resinc.malloc import restart_with_malloc_settings\n"
        "print(os.getpid(), flush=True)\n"
        "restart_with_malloc_settings(Path(sys.argv[1]))\n"
        "print(os.environ['GLIBC_TUNABLES'], *sys.argv[1:], sys.flags.dev_mode)\n"
    )
    environment = {k: v for k, v in os.environ.items() if k != "GLIBC_TUNABLES"}
    command = [sys.executable, "-X", "dev", "-c", program, str(policy), "a b", ""]
    done = subprocess.run(
        command, env=environment, capture_output=True, encoding="utf-8", timeout=60
    )
    first, second, said = done.stdout.splitlines()
    assert first == second, done.stderr
    assert said == f"{ALL} {policy} a b  True"


def test_an_interpreter_that_cannot_be_started_again_goes_on(policy, monkeypatch):
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    monkeypatch.setattr(sys, "executable", str(policy))
    restart_with_malloc_settings(policy)
    assert "GLIBC_TUNABLES" not in os.environ


@pytest.mark.skipif(
    "[madvise]" not in (malloc.POLICY.read_text() if malloc.POLICY.exists() else ""),
    reason="Linux gives huge pages unasked here, or to nobody",
)
def test_a_hundred_megabytes_are_few_pages_and_kept():
    program = (
        "import resource\n"
        "faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "before = faults()\n"
        "bytearray(100_000_000)\n"
        "first = faults()\n"
        "bytearray(100_000_000)\n"
        "print(first - before, faults() - first)\n"
    )
    environment = with_malloc_settings(dict(os.environ))
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60
    )
    first, second = map(int, done.stdout.split())
    assert first < 2_000  # Pages of 4 KB would be 24,414.
    assert second < 20  # Anew, pages of 2 MB would be 47.


def test_only_the_commands_own_process_is_begun_again(monkeypatch, tmp_path):
    """A notebook that calls `main`, or a test, is not the command's."""
    begun = []
    monkeypatch.setattr("resinc.cli.parser.restart_with_malloc_settings", lambda: begun.append(1))
    monkeypatch.setattr(sys, "argv", ["resinc", "eval", f"--workdir={tmp_path}"])
    assert main(sys.argv[1:]) == 2
    assert not begun
    assert main() == 2
    assert begun
    monkeypatch.setattr(sys, "argv", ["resinc", "status", str(tmp_path)])
    main()
    assert len(begun) == 1
