"""Weights that are not finite are refused wherever weights are taken from a file or a folder."""

import numpy as np
import pytest

pytest.importorskip("safetensors", reason="safetensors is optional")

from safetensors.numpy import load_file, save_file

from resinc.cli import main
from resinc.errors import InputError
from resinc.train.checkpoints.checkpoint import Checkpoints
from resinc.train.loop import train
from resinc.train.trained.evaluate import evaluate_folder
from resinc.train.trained.transfer import export_weights, import_weights
from resinc.weights.finite import refuse_non_finite
from tests.train.runs import config, final_state, flags

SHORT = {"steps": 2, "eval_every_steps": 0}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained") / "run"
    assert train(config(**SHORT), folder).state == "done"
    return folder


@pytest.fixture(scope="module")
def broken(trained, tmp_path_factory):
    """The folder of a run whose only checkpoint has one infinite running variance."""
    folder = tmp_path_factory.mktemp("broken") / "run"
    state = final_state(trained)
    variance = np.array(state.batch_stats["stem_norm"]["var"])
    variance[1] = np.inf
    stats = state.batch_stats | {"stem_norm": state.batch_stats["stem_norm"] | {"var": variance}}
    folder.mkdir()
    for name in ("config.json", "provenance.json", "status.json"):
        (folder / name).write_text((trained / name).read_text())
    checkpoints = Checkpoints(folder)
    checkpoints.save(state._replace(batch_stats=stats), {"batch_size": 32}, {}, None)
    checkpoints.wait()
    checkpoints.close()
    return folder


@pytest.mark.parametrize("user", ["eval", "export", "init_from"])
def test_a_checkpoint_that_is_not_finite_is_refused(user, broken, tmp_path):
    users = {
        "eval": lambda: evaluate_folder(broken, "latest", ("validation",)),
        "export": lambda: export_weights(
            broken, "latest", "resinc", tmp_path / "out" / "a.safetensors"
        ),
        "init_from": lambda: train(config(**SHORT, init_from=str(broken)), tmp_path / "run"),
    }
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError) as refusal:
        users[user]()
    said = str(refusal.value)
    assert f"step 2 of {str(broken)!r} holds NaN or infinity, 1 in all, in 1 of" in said
    assert "the first is batch_stats/stem_norm/var, with 1 of 4" in said
    assert not list((tmp_path / "out").iterdir())
    assert not (tmp_path / "run" / "config.json").exists()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_file_that_is_not_finite_is_refused(value, trained, tmp_path, capsys):
    """By its name and by ours, and with it the whole import."""
    file, folder = tmp_path / "a.safetensors", tmp_path / "run"
    export_weights(trained, "latest", "cifar-resnet", file)
    arrays = load_file(file)
    arrays["layer1.0.conv1.weight"][:, 0] = value
    save_file(arrays, file)
    recipe = ["--config=configs/digits.py:depth=8", *flags(steps=2)]
    assert main(["import", str(file), *recipe, f"--workdir={folder}"]) == 2
    said = capsys.readouterr().err
    assert f"{str(file)!r} holds NaN or infinity, 36 in all, in 1 of" in said
    assert "layer1.0.conv1.weight, params/stage1/block01/conv1/kernel here, with 36 of 144" in said
    assert not folder.exists()


def test_double_precision_beyond_single_counts_as_infinite(trained, tmp_path):
    file = tmp_path / "a.safetensors"
    export_weights(trained, "latest", "resinc", file)
    arrays = load_file(file)
    arrays["params/head/bias"] = np.full(10, 1e300)
    save_file(arrays, file)
    with pytest.raises(InputError, match=r"NaN or infinity, 10 in all.*params/head/bias"):
        import_weights(file, config(**SHORT), "", tmp_path / "run")


def test_all_of_a_finite_table_passes():
    refuse_non_finite({"a": np.float32([3e38, -1e-45]), "b": np.arange(2)}, "it")


def test_a_negative_variance_is_refused_by_both_names():
    """Finite itself, it makes NaN of all behind it, which the loss on a CPU does not show."""
    arrays = {"bn1.running_var": np.float32([1, -1e-3]), "bn1.running_mean": np.float32([-1, 0])}
    here = {"bn1.running_var": "batch_stats/stem_norm/var"}
    sentence = "it holds negative variances, 1 in all.*running_var, batch_stats/stem_norm/var here"
    with pytest.raises(InputError, match=sentence):
        refuse_non_finite(arrays, "it", here)
    refuse_non_finite(
        {"batch_stats/a/mean": np.float32([-1]), "batch_stats/a/var": np.zeros(2)}, "it"
    )
