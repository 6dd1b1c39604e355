"""Mistakes as a new user makes them: one sentence, a status that is not 0, nothing lost."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from resinc.cli import main
from resinc.launch.local import visible_devices
from tests.train.runs import flags

ROOT = Path(__file__).parent.parent
DIGITS = "--config=configs/digits.py:depth=8"


def test_help_imports_nothing_heavy():
    """So it answers in a tenth of a second; JAX alone takes one."""
    code = """
import sys
from resinc.cli import main
try:
    main(["train", "--help"])
except SystemExit as end:
    assert end.code == 0
heavy = {"jax", "flax", "orbax", "numpy", "tensorflow_datasets", "matplotlib"} & set(sys.modules)
sys.exit(f"imported {heavy}" if heavy else 0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "configs/cifar.py:depth=56,block=residual" in done.stdout


@pytest.mark.parametrize(
    "command",
    ["train", "measure", "eval", "import", "export", "sweep", "report", "data", "summary", "pack"],
)
def test_every_command_has_help(command, capsys):
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    assert end.value.code == 0
    assert "usage: resinc " + command in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--config=configs/digits.py:depth=9"], "depth 9 is not 6n+2 with n >= 1"),
        (["--config=configs/digits.py:dept=8"], "did you mean 'depth'"),
        (["--config=configs/chain.py"], "'configs/chain.py' names no network"),
        (["--config=configs/digit.py"], "did you mean 'digits.py'"),
        ([DIGITS, "--config.optimizer.rl=0.1"], "did you mean 'optimizer.lr'"),
        ([DIGITS, "--config.steps=many"], "'steps' takes an integer such as 120, not 'many'"),
        ([DIGITS, "--config.batch_size=100"], "batch size 100 is not divisible by 8 devices"),
        ([DIGITS, "--config.data.name=digit"], "did you mean 'digits'"),
        (
            ["--config=configs/cifar.py", "--config.data.dir=/nowhere"],
            "prepare it with: resinc data prepare cifar10",
        ),
    ],
)
def test_a_mistake_is_one_sentence_and_status_2(arguments, sentence, tmp_path, capsys):
    status = main(["train", *arguments, f"--workdir={tmp_path / 'run'}"])
    said = capsys.readouterr().err
    assert status == 2
    assert sentence in said
    assert said.startswith("resinc: ")
    assert said.count("\n") == 1
    assert not (tmp_path / "run" / "config.json").exists()


def test_an_unwritable_workdir_is_one_sentence(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["train", DIGITS, f"--workdir={tmp_path / 'file' / 'run'}"]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_train_eval_and_another_model_in_the_same_folder(tmp_path, capsys):
    shorter = flags(steps=8, eval_every_steps=0)
    command = ["train", DIGITS, *shorter, f"--workdir={tmp_path}"]
    assert main(command) == 0
    assert "done at step 8" in capsys.readouterr().out
    assert main(["eval", f"--workdir={tmp_path}", "--split=test"]) == 0
    assert "(360 examples)" in capsys.readouterr().out
    assert main(["train", DIGITS + ",block=plain", *shorter, f"--workdir={tmp_path}"]) == 2
    assert 'model.block: "residual" there, "plain" now' in capsys.readouterr().err
    assert main(command) == 0


def test_a_diverging_run_has_its_own_status(tmp_path, capsys):
    changes = flags(optimizer__lr=1e30, optimizer__name="sgd")
    assert main(["train", DIGITS, *changes, f"--workdir={tmp_path}"]) == 3
    assert "non-finite at step" in capsys.readouterr().err


@pytest.mark.parametrize("by", ["layer", "block", "stage"])
def test_summary_prints_the_totals_of_the_paper(by, capsys):
    assert main(["summary", "--config=configs/cifar.py:depth=20", f"--by={by}"]) == 0
    shown = capsys.readouterr().out
    assert "269,722" in shown
    assert "40,551,040" in shown


def test_data_list_shows_every_set(capsys, tmp_path):
    assert main(["data", "list", "--dir", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    for name in ("digits", "cifar10", "cifar100", "mnist", "fashion_mnist", "synthetic"):
        assert name in shown
    assert "embedded" in shown
    assert "missing" in shown


def test_an_unknown_argument_is_named(capsys):
    assert main(["eval", "--workdir=x", "--stpe=1"]) == 2
    assert capsys.readouterr().err == "resinc: unknown argument '--stpe=1'; see `resinc --help`\n"


SWEEP = ["sweep", "experiments/degradation.py", "--root=x"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "the following arguments are required: COMMAND; see `resinc --help`"),
        (["eval"], "the following arguments are required: --workdir; see `resinc eval --help`"),
        ([*SWEEP, "--devices=0,,1"], "'0,,1' leaves a device out between its commas"),
        ([*SWEEP, "--devices=0,"], "'0,' leaves a device out between its commas"),
        ([*SWEEP, "--devices="], "'' leaves a device out"),
        ([*SWEEP, "--workers=-1"], "'-1' is not a whole number of at least 0"),
        ([*SWEEP, "--workers=two"], "'two' is not a whole number of at least 0"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_sentence_too(arguments, sentence, capsys):
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("command", "platform"),
    [
        (["train", DIGITS, "--workdir=x"], "cuda"),
        (["train", DIGITS, "--workdir=x"], "kuda"),
        (["measure", "--config=configs/chain.py", "--workdir=x"], "kuda"),
        (["summary", "resnet-20"], "kuda"),
        (["sweep", "experiments/degradation.py", "--root=x", "--set=depths=8"], "cuda"),
    ],
)
def test_a_platform_that_is_not_there_is_one_sentence(command, platform, tmp_path):
    if platform == "cuda" and visible_devices():
        pytest.skip("CUDA is here")
    done = typed(command, tmp_path, JAX_PLATFORMS=platform)
    assert done.returncode == 2
    assert done.stderr.startswith(f"resinc: JAX_PLATFORMS='{platform}' gives no device: ")
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def typed(arguments, folder, **environment):
    """`resinc` in a process of its own, in `folder`."""
    return subprocess.run(
        [sys.executable, "-m", "resinc", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
        check=False,
    )


def test_a_locale_without_utf_8_costs_letters_and_no_traceback(tmp_path):
    """LC_ALL=C without Python's UTF-8 mode: "×" and "–" cannot be printed."""
    done = typed(["data", "list"], tmp_path, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert (done.returncode, done.stderr) == (0, "")
    code = "from resinc.cli import main; import resinc.cli.commands as c; c.run_data_list = "
    code += "lambda a, r: print('\\u00b1 \\u00d7 \\u2013') or 0; print(main(['data', 'list']))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    assert done.stdout.split() == [b"?", b"?", b"?", b"0"], done.stderr


def test_an_output_that_was_closed_before_is_no_traceback(monkeypatch, tmp_path):
    """`resinc ... >&-`: Python then has no sys.stdout."""
    monkeypatch.setattr(sys, "stdout", None)
    assert main(["data", "list", "--dir", str(tmp_path)]) == 0
    assert main(["summary", "resnet-20", "--by=stage"]) == 0
