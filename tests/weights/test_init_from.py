"""`config.init_from`: a run starts from another's weights, and is otherwise its own."""

import dataclasses
import json
import shutil

import jax
import numpy as np
import pytest

from resinc.data import DATASETS
from resinc.errors import InputError
from resinc.train.assemble import assemble
from resinc.train.loop import train
from resinc.train.start import initial
from resinc.weights.variables import checksum
from tests.train.runs import config, final_state, metrics
from tests.weights import imported

SHORT = {"steps": 6, "log_every_steps": 1, "eval_every_steps": 0, "checkpoint_every_steps": 3}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("source") / "run"
    train(config(steps=30, eval_every_steps=10, checkpoints_to_keep=9), folder)
    return folder


def run(folder, **changes):
    assert train(config(**(SHORT | changes)), folder).state == "done"
    return folder


def losses(folder):
    return [line["loss"] for line in metrics(folder) if line["kind"] == "train"]


def test_a_run_starts_from_the_weights_of_another(source, tmp_path):
    afresh = run(tmp_path / "afresh")
    tuned = run(tmp_path / "tuned", init_from=str(source))
    assert losses(tuned)[0] < losses(afresh)[0] - 0.3
    shapes = [jax.tree.map(np.shape, final_state(folder)) for folder in (afresh, tuned)]
    assert shapes[0] == shapes[1]
    origin = json.loads((tuned / "provenance.json").read_text())["init_from"]
    assert (origin["folder"], origin["step"]) == (str(source), 30)
    assert origin["sha256"] == checksum(imported.weights(source, 30))
    assert "init_from" not in json.loads((afresh / "provenance.json").read_text())


def test_the_checkpoint_may_be_named(source, tmp_path):
    """At a rate below any rounding the weights stay, so the end shows the start."""
    for which in ("15", "best"):
        still = run(tmp_path / which, init_from=f"{source}@{which}", optimizer__lr=1e-30)
        step = json.loads((still / "provenance.json").read_text())["init_from"]["step"]
        assert which == "best" or step == 15
        before, after = imported.weights(source, step), imported.weights(still, 6)
        for path in (path for path in before if path.startswith("params")):
            np.testing.assert_allclose(after[path], before[path], rtol=0, atol=1e-25)
        assert int(final_state(still).step) == 6


def test_optimizer_state_and_step_are_not_taken_over(source):
    machine = assemble(config(**SHORT, init_from=str(source)))
    state, _ = initial.start_state(machine, initial.from_run(machine))
    assert any(np.any(leaf) for leaf in jax.tree.leaves(final_state(source).opt_state))
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(state.opt_state))
    assert (int(state.step), int(state.window.bad_step)) == (0, -1)


def test_a_head_of_other_classes_is_drawn_and_said(source, monkeypatch):
    """A data set of five classes, by a head of ten: all else is kept."""
    five = dataclasses.replace(DATASETS["digits"], num_classes=5)
    monkeypatch.setitem(DATASETS, "digits", five)
    machine = assemble(config(**SHORT, init_from=str(source)))
    found = initial.from_run(machine)
    assert found.message == (
        f"starts from step 30 of {source}; head/bias, head/kernel drawn from the seed: "
        "10 classes there, 5 here"
    )
    state, _ = initial.start_state(machine, found)
    assert state.params["head"]["kernel"].shape == (16, 5)
    fresh = initial.draw(machine.network, (8, 8, 1), machine.config.seed, lambda v: v["params"])
    np.testing.assert_array_equal(state.params["head"]["kernel"], fresh["head"]["kernel"])
    before = imported.weights(source, 30)
    kernel = before["params/stem_conv/kernel"]
    np.testing.assert_array_equal(state.params["stem_conv"]["kernel"], kernel)
    assert not np.array_equal(kernel, fresh["stem_conv"]["kernel"])


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"model__width": 8}, "of another shape"),
        ({"model__depth": 14}, "missing"),
        ({"model__shortcut": "B"}, "missing"),
        ({"data__name": "synthetic", "model__depth": 8}, "stem_conv/kernel"),
    ],
)
def test_any_other_difference_is_refused_before_anything_is_written(
    changes, sentence, source, tmp_path
):
    with pytest.raises(InputError, match=sentence):
        train(config(**(SHORT | changes), init_from=str(source)), tmp_path / "run")
    assert {path.name for path in (tmp_path / "run").iterdir()} <= {"lock"}


@pytest.mark.parametrize(
    ("which", "sentence"),
    [("", "no run in"), ("@7", "no checkpoint '7'")],
)
def test_a_source_that_is_not_there_is_one_sentence(which, sentence, source, tmp_path):
    name = str(source) + which if which else str(tmp_path / "nowhere")
    with pytest.raises(InputError, match=sentence):
        train(config(**SHORT, init_from=name), tmp_path / "run")


def test_a_resumed_run_no_longer_needs_its_source(source, tmp_path):
    """It goes on from its own checkpoint to the same bits, and still knows where it began."""
    copy = tmp_path / "source"
    shutil.copytree(source, copy)
    whole = run(tmp_path / "whole", init_from=str(copy))
    cut = tmp_path / "cut"
    shutil.copytree(whole, cut)
    shutil.rmtree(cut / "checkpoints" / "6")
    status = json.loads((cut / "status.json").read_text()) | {"state": "running", "step": 3}
    (cut / "status.json").write_text(json.dumps(status))
    shutil.rmtree(copy)
    run(cut, init_from=str(copy))
    jax.tree.map(np.testing.assert_array_equal, final_state(cut), final_state(whole))
    origins = [json.loads((f / "provenance.json").read_text())["init_from"] for f in (cut, whole)]
    assert origins[0] == origins[1]
    assert losses(cut) == losses(whole)


def cut_off(whole, folder):
    """The run as if it had been killed after step 3."""
    shutil.copytree(whole, folder)
    shutil.rmtree(folder / "checkpoints" / "6")
    status = json.loads((folder / "status.json").read_text()) | {"state": "running", "step": 3}
    (folder / "status.json").write_text(json.dumps(status))
    return folder


@pytest.fixture(scope="module")
def pair(source, tmp_path_factory):
    """A sweep of two runs, the second from the first, killed after step 3 of 6."""
    root = tmp_path_factory.mktemp("pair") / "sweep"
    shutil.copytree(source, root / "first")
    whole = run(root / "whole", init_from=str(root / "first"))
    cut_off(whole, root / "second")
    return root


def test_what_a_run_starts_from_is_stored_relative_to_it(pair, source, tmp_path, monkeypatch):
    assert json.loads((pair / "second" / "config.json").read_text())["init_from"] == "../first"
    monkeypatch.chdir(source.parent)
    run(tmp_path / "best", init_from="run@best", steps=1)
    stored = json.loads((tmp_path / "best" / "config.json").read_text())["init_from"]
    assert stored.startswith("../")
    assert stored.endswith("/run@best")


@pytest.mark.parametrize("way", ["moved", "linked", "relative"])
def test_a_sweep_that_was_moved_goes_on(way, pair, tmp_path, monkeypatch):
    root = tmp_path / "sweep"
    if way == "linked":
        shutil.copytree(pair, tmp_path / "real")
        root.symlink_to(tmp_path / "real")
    else:
        shutil.copytree(pair, root)
    monkeypatch.chdir(root)
    run(root / "second", init_from="first" if way == "relative" else str(root / "first"))
    jax.tree.map(
        np.testing.assert_array_equal, final_state(root / "second"), final_state(pair / "whole")
    )


def test_a_run_of_an_older_version_that_was_moved_goes_on(pair, tmp_path):
    """It stored where its source lay that day, absolute, and no checksum of it."""
    root = tmp_path / "sweep"
    shutil.copytree(pair, root)
    for name, change in (
        ("config.json", lambda old: old | {"init_from": "/somewhere/else/first"}),
        ("provenance.json", lambda old: old | {"init_from": {"folder": "/x", "step": 30}}),
    ):
        path = root / "second" / name
        path.write_text(json.dumps(change(json.loads(path.read_text()))))
    run(root / "second", init_from=str(root / "first"))


def test_a_source_of_another_name_is_the_same_by_its_weights(pair, tmp_path):
    root = tmp_path / "sweep"
    shutil.copytree(pair, root)
    (root / "first").rename(root / "base")
    run(root / "second", init_from=str(root / "base"))
    assert json.loads((root / "second" / "config.json").read_text())["init_from"] == "../base"


def test_a_source_that_holds_other_weights_now_is_refused(pair, tmp_path):
    root = tmp_path / "sweep"
    shutil.copytree(pair, root)
    shutil.rmtree(root / "first" / "checkpoints" / "30")
    shutil.copytree(root / "first" / "checkpoints" / "10", root / "first" / "checkpoints" / "30")
    with pytest.raises(InputError, match=r"holds other weights than those that .* started from"):
        run(root / "second", init_from=str(root / "first"))


def test_a_folder_whose_name_ends_like_a_checkpoint_is_itself(source, tmp_path):
    shutil.copytree(source, tmp_path / "run@15")
    tuned = run(tmp_path / "tuned", init_from=str(tmp_path / "run@15"), steps=1)
    assert json.loads((tuned / "provenance.json").read_text())["init_from"]["step"] == 30
    tuned = run(tmp_path / "again", init_from=str(tmp_path / "run@15") + "@15", steps=1)
    assert json.loads((tuned / "provenance.json").read_text())["init_from"]["step"] == 15
