"""Mistakes as a new user makes them: one sentence, a status that is not 0, nothing lost."""

import subprocess
import sys

import pytest

from resinc.cli import main
from tests.train.runs import flags

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
    ["train", "measure", "eval", "import", "export", "sweep", "report", "data", "summary"],
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
    with pytest.raises(SystemExit) as end:
        main(["eval", "--workdir=x", "--stpe=1"])
    assert end.value.code == 2
    assert "--stpe=1" in capsys.readouterr().err
