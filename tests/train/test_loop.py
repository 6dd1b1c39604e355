import json
import os
from pathlib import Path

import jax
import numpy as np
import pytest

from resinc import data
from resinc.errors import InputError
from resinc.networks.paths import flatten
from resinc.runs.correct import read_correct
from resinc.runs.lock import held
from resinc.runs.provenance import read_provenance
from resinc.train.assemble import assemble
from resinc.train.loop import train
from resinc.train.replica.state import init_state
from resinc.train.trained.evaluate import evaluate_folder
from tests.train.runs import config, final_state, metrics


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("loop") / "run"
    assert train(config(), folder).state == "done"
    return folder


def test_metrics_hold_windows_and_exact_evaluations(finished):
    lines = metrics(finished)
    assert [line["step"] for line in lines if line["kind"] == "train"] == [*range(4, 30, 4), 30]
    evaluations = [
        (line["step"], line["split"], line["count"]) for line in lines if "split" in line
    ]
    assert evaluations == [
        *(
            (step, split, n)
            for step in (10, 20)
            for split, n in (("validation", 157), ("test", 360))
        ),
        *((30, split, n) for split, n in (("train", 1280), ("validation", 157), ("test", 360))),
    ]
    assert all(0 <= line["error"] <= 1 and line["loss"] > 0 for line in lines)


def test_training_lowers_the_error(finished):
    errors = [line["error"] for line in metrics(finished) if line["kind"] == "train"]
    assert errors[-1] < errors[0] - 0.1


def test_which_test_examples_were_right_is_stored_and_adds_up_to_the_error(finished):
    (test,) = [line for line in metrics(finished)[-3:] if line["split"] == "test"]
    stored = read_correct(finished)["test"]
    assert len(stored.right) == test["count"] == 360
    assert (~stored.right).mean() == pytest.approx(test["error"])
    assert stored.examples == data.load(config().data).test.digest()


def test_log_lines_do_not_depend_on_the_window_of_others(finished, tmp_path):
    """Each step is in one window: the mean of two windows is the one twice as long."""
    train(config(log_every_steps=2), tmp_path)
    fine = {line["step"]: line["loss"] for line in metrics(tmp_path) if line["kind"] == "train"}
    coarse = {line["step"]: line["loss"] for line in metrics(finished) if line["kind"] == "train"}
    for step in range(4, 29, 4):
        np.testing.assert_allclose((fine[step - 2] + fine[step]) / 2, coarse[step], rtol=1e-5)


def test_newest_and_best_checkpoints_are_kept(finished):
    kept = {int(path.name) for path in (finished / "checkpoints").iterdir() if path.name.isdigit()}
    errors = {
        line["step"]: line["error"]
        for line in metrics(finished)
        if line.get("split") == "validation"
    }
    best = {step for step, error in errors.items() if error == min(errors.values())}
    assert {25, 30} <= kept
    assert best & kept
    assert len(kept) <= 3


def test_config_and_provenance_are_written(finished):
    assert json.loads((finished / "config.json").read_text())["model"]["width"] == 4
    origin = read_provenance(finished)
    assert origin["versions"]["jax"] == jax.__version__
    assert (origin["data"]["train_size"], origin["data"]["validation_size"]) == (1280, 157)
    assert len(origin["data"]["checksum"]) == 64
    if Path("/proc/cpuinfo").exists() and origin["platform"] == "cpu":
        # Which CPU: JAX says no more than "cpu", and each kind rounds its own way.
        assert origin["device_kind"].lower() not in ("", "cpu")
    assert list((finished / "tensorboard").glob("events.out.tfevents.*"))


def test_finished_run_returns_at_once(finished):
    before = (finished / "metrics.jsonl").stat().st_mtime_ns
    outcome = train(config(), finished)
    assert (outcome.state, outcome.step) == ("done", 30)
    assert (finished / "metrics.jsonl").stat().st_mtime_ns == before


def test_eval_repeats_what_the_run_wrote(finished):
    step, results = evaluate_folder(finished, "latest", ("test",))
    line = metrics(finished)[-1]
    assert (step, results["test"].error, results["test"].seen) == (30, line["error"], 360)


def test_eval_of_a_missing_checkpoint_lists_those_there(finished):
    with pytest.raises(InputError, match=r"no checkpoint '7' .*25, 30"):
        evaluate_folder(finished, "7", ("test",))


def test_other_config_is_refused_and_nothing_lost(finished):
    before = final_state(finished)
    with pytest.raises(InputError, match=r"model\.depth: 8 there, 14 now"):
        train(config(model__depth=14), finished)
    jax.tree.map(np.testing.assert_array_equal, final_state(finished), before)


def test_checkpoint_of_other_model_is_refused(finished, tmp_path):
    """Even where config.json was lost or replaced."""
    (tmp_path / "checkpoints").symlink_to(finished / "checkpoints")
    with pytest.raises(InputError, match=r'checkpoint 30 .* model\.block: "residual" there'):
        train(config(model__block="plain"), tmp_path)


def test_folder_in_use_is_refused(tmp_path):
    with (
        held(tmp_path),
        pytest.raises(InputError, match=f"in use by process {os.getpid()} on "),
    ):
        train(config(), tmp_path)


def test_unwritable_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file/run' cannot be written: Not a directory"):
        train(config(), tmp_path / "file" / "run")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("steps", 0, "steps 0 is not an integer that is at least 1"),
        ("eval_every_steps", -2, "eval_every_steps -2 is not"),
        ("checkpoints_to_keep", 0, "checkpoints_to_keep 0"),
        ("model__depth", 9, "depth 9 is not 6n"),
        ("data__name", "digit", "did you mean 'digits'"),
        ("data__augment", "flip", "choices are crop, crop_flip, none"),
        ("data__normalize", "mean", "unknown data.normalize"),
    ],
)
def test_bad_field_is_refused_before_anything_is_written(field, value, message, tmp_path):
    with pytest.raises(InputError, match=message):
        train(config(**{field: value}), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_diverging_run_stops_with_the_step_named(tmp_path):
    outcome = train(config(optimizer__lr=1e30, optimizer__name="sgd"), tmp_path)
    assert outcome.state == "diverged"
    assert f"step {outcome.step}" in outcome.message
    assert 1 <= outcome.step <= 30
    assert "NaN" not in (tmp_path / "metrics.jsonl").read_text()
    saved = [path for path in (tmp_path / "checkpoints").iterdir() if path.name.isdigit()]
    assert all(int(path.name) < outcome.step for path in saved)
    assert train(config(optimizer__lr=1e30, optimizer__name="sgd"), tmp_path) == outcome


def test_a_run_that_only_logs_ends_without_an_evaluation(tmp_path):
    assert train(config(steps=2, eval_every_steps=-1, log_gradients=True), tmp_path).state == "done"
    assert {line["kind"] for line in metrics(tmp_path)} == {"train"}
    assert (tmp_path / "gradients.jsonl").exists()
    assert final_state(tmp_path).step == 2


def test_without_validation_the_run_keeps_its_last(tmp_path):
    assert train(config(steps=10, data__validation_size=0), tmp_path).state == "done"
    assert {line["split"] for line in metrics(tmp_path) if "split" in line} == {"train", "test"}


@pytest.mark.parametrize("devices", [1, 8])
def test_evaluation_is_exact_on_any_device_count(finished, devices, tmp_path, monkeypatch):
    """157 and 360 divide by neither 8 devices nor the batch of 100; nor the training batch by 5."""
    (tmp_path / "checkpoints").symlink_to(finished / "checkpoints")
    saved = json.loads((finished / "config.json").read_text())
    saved["parallel"]["replicas"], saved["batch_size"], saved["eval_batch_size"] = 5, 32, 100
    (tmp_path / "config.json").write_text(json.dumps(saved))
    monkeypatch.setattr(jax, "device_count", lambda: devices)
    _, results = evaluate_folder(tmp_path, "latest", ("validation", "test"))
    assert [result.seen for result in results.values()] == [157, 360]
    assert results["test"].error == metrics(finished)[-1]["error"]


@pytest.mark.slow
def test_order_and_crops_do_not_depend_on_the_device_count(tmp_path):
    """With BatchNorm over the global batch, eight devices log what one does."""
    changes = {"steps": 4, "log_every_steps": 1, "eval_every_steps": 0, "data__crop_pad": 2}
    losses = []
    for replicas in (1, 8):
        folder = tmp_path / str(replicas)
        train(config(model__sync_batch_norm=True, parallel__replicas=replicas, **changes), folder)
        losses.append([line["loss"] for line in metrics(folder)])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-3)


def test_crops_enter_the_loss(finished, tmp_path):
    """Else the comparison above would prove nothing about them."""
    train(config(steps=4, eval_every_steps=0, data__augment="none"), tmp_path)
    assert metrics(tmp_path)[0]["loss"] != metrics(finished)[0]["loss"]


@pytest.mark.slow
def test_gradient_norms_are_logged_per_array(tmp_path):
    """The first step and every window's end; no loss is changed by looking."""
    settings = {"steps": 8, "optimizer__weight_decay": 0.0}
    assert train(config(log_gradients=True, **settings), tmp_path / "seen").state == "done"
    assert train(config(**settings), tmp_path / "unseen").state == "done"
    lines = [
        json.loads(s) for s in (tmp_path / "seen" / "gradients.jsonl").read_text().split("\n")[:-1]
    ]
    assert [line["step"] for line in lines] == [1, 4, 8]
    names = list(lines[0]["norms"])
    assert names[0] == "stem_conv/kernel"
    assert "stage3/block01/conv2/kernel" in names
    assert all(norm > 0 for line in lines for name, norm in line["norms"].items())
    # Without decay and momentum yet, the first update is the rate times the gradient.
    machine = assemble(config(**settings))
    params = init_state(machine.network, machine.optimizer, (8, 8, 1), 0).params
    for name, weights in flatten(jax.device_get(params)):
        assert name.endswith("/kernel") == (name in lines[0]["updates"])
        if name.endswith("/kernel"):
            expected = 0.02 * lines[0]["norms"][name] / np.linalg.norm(weights)
            assert lines[0]["updates"][name] == pytest.approx(expected, rel=1e-4)
    # Two programs: XLA may round at other places.
    seen, unseen = (
        [line["loss"] for line in metrics(tmp_path / name)] for name in ("seen", "unseen")
    )
    np.testing.assert_allclose(seen, unseen, rtol=1e-5)
    assert not (tmp_path / "unseen" / "gradients.jsonl").exists()
