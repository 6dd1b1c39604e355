"""One command trains on one's own folder of images; it resumes to the same bits and evaluates."""

import json
import os
import re
import signal
import threading

import jax
import numpy as np
import pytest

from resinc import cli
from resinc.config import load
from resinc.data.dataset import find
from resinc.data.image_files.streamed import Streamed
from resinc.data.on_device import normalize
from resinc.data.source import Batch
from resinc.errors import InputError
from resinc.runs.provenance import read_provenance
from resinc.runs.unusable import read_unusable
from resinc.train.assemble import assemble
from resinc.train.checkpoints.checkpoint import Checkpoints
from resinc.train.replica.state import init_state
from resinc.train.trained.load import load_trained
from tests.data.pictures import folder, html
from tests.train import several
from tests.train.runs import metrics

RECIPE = "configs/imagenet.py:network=resnet-20,images=10,batch=4"
SMALL = {"steps": 7, "eval_every_steps": 4, "log_every_steps": 2, "parallel.replicas": 2}
SMALL |= {"model.depth": 8, "model.width": 4, "data.image_size": 16, "data.threads": 2}


def flags(root, **changes):
    values = SMALL | {"data.dir": root} | {k.replace("__", "."): v for k, v in changes.items()}
    return [f"--config={RECIPE}", *(f"--config.{name}={value}" for name, value in values.items())]


def run(root, workdir, **changes):
    return cli.main(["train", *flags(root, **changes), f"--workdir={workdir}"])


def final_state(root, workdir):
    machine = assemble(load(flags(root)[0].removeprefix("--config="), flags(root)[1:]))
    checkpoints = Checkpoints(workdir, read_only=True)
    like = init_state(machine.network, machine.optimizer, (16, 16, 3), 0)
    return jax.device_get(checkpoints.restore_state(7, like))


@pytest.fixture(autouse=True)
def no_thread_is_left():
    yield
    assert not [t for t in threading.enumerate() if t.name.startswith("resinc-decode")]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Two classes of one colour each; 10 images to train on, 5 to test."""
    place = tmp_path_factory.mktemp("images")
    folder(place, {"cat": 6, "dog": 4})
    return folder(place, {"cat": 3, "dog": 2}, split="val")


@pytest.fixture(scope="module")
def done(root, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("runs") / "whole"
    assert run(root, workdir) == 0
    return workdir


def stop_at_fifth_batch(monkeypatch):
    batch = Streamed.batch

    def stop(self, step):
        if step == 4:
            os.kill(os.getpid(), signal.SIGTERM)
        return batch(self, step)

    monkeypatch.setattr(Streamed, "batch", stop)


@pytest.mark.slow
def test_run_stopped_in_the_middle_of_an_epoch_ends_with_the_same_bits(
    root, done, tmp_path, monkeypatch
):
    with monkeypatch.context() as patch:
        stop_at_fifth_batch(patch)
        assert run(root, tmp_path) == 128 + signal.SIGTERM
    # How images are read is not what is trained.
    assert run(root, tmp_path, data__read_ahead=1, data__threads=1, data__on_error="skip") == 0
    states = final_state(root, done), final_state(root, tmp_path)
    for one, other in zip(*map(jax.tree.leaves, states), strict=True):
        np.testing.assert_array_equal(one, other)
    assert (tmp_path / "metrics.jsonl").read_bytes() == (done / "metrics.jsonl").read_bytes()
    assert (tmp_path / "correct.json").read_bytes() == (done / "correct.json").read_bytes()


def test_every_test_image_is_evaluated_once_and_the_images_are_identified(root, done, capsys):
    capsys.readouterr()
    assert cli.main(["eval", f"--workdir={done}"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert "(5 examples)" in line
    last = [entry for entry in metrics(done) if entry.get("split") == "test"][-1]
    assert f"{100 * last['error']:.2f} %" in line
    assert last["count"] == 5
    assert read_provenance(done)["classes"] == 2
    origin = json.loads((done / "provenance.json").read_text())["data"]
    assert origin["train"]["size"] == 10
    assert len(origin["test"]["fingerprint"]) == 64


def test_errors_by_class_and_features_come_from_the_files(done, tmp_path, capsys):
    assert cli.main(["eval", f"--workdir={done}", "--per-class"]) == 0
    rows = re.findall(r"^ *[01] +(\d+) ", capsys.readouterr().out, re.MULTILINE)
    assert rows == ["3", "2"]
    out = tmp_path / "f.npz"
    command = ["features", f"--workdir={done}", "--layer=head", f"--out={out}", "--examples=4"]
    assert cli.main(command) == 0
    assert np.load(out)["label"].tolist() == [0, 0, 0, 1]


def test_images_that_cannot_be_used_stop_the_run_or_are_counted_over_its_starts(
    tmp_path, capsys, monkeypatch
):
    root = folder(folder(tmp_path / "images", {"cat": 6, "dog": 4}), {"cat": 1}, split="val")
    bad = root / "train" / "cat" / "002.jpg"
    bad.write_bytes(html())
    assert run(root, tmp_path / "run") == 2
    assert f"image {str(bad)!r} cannot be used: it is an HTML page" in capsys.readouterr().err
    with monkeypatch.context() as patch:
        stop_at_fifth_batch(patch)
        assert run(root, tmp_path / "run", data__on_error="skip") == 128 + signal.SIGTERM
    assert run(root, tmp_path / "run", data__on_error="skip") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "10 images of 2 classes to train on, 1 to test: 2.8 epochs" in said
    assert "1 image could not be used, another stood in for each" in said
    assert list(read_unusable(tmp_path / "run")) == [str(bad)]
    # The training error is of the nine images that were trained on.
    counts = {entry["split"]: entry["count"] for entry in metrics(tmp_path / "run")[-2:]}
    assert counts == {"train": 9, "test": 1}


@pytest.mark.slow
def test_processes_count_together_the_images_that_any_of_them_could_not_use(tmp_path):
    root = folder(folder(tmp_path / "images", {"cat": 6, "dog": 4}), {"cat": 1}, split="val")
    bad = [root / "train" / "cat" / "002.jpg", root / "train" / "dog" / "001.jpg"]
    for file in bad:
        file.write_bytes(html())
    skipping = {"data__on_error": "skip", "log_every_steps": 1}
    two = flags(root, **skipping, parallel__replicas=0)
    statuses, outputs = several.ends(several.start(tmp_path / "two", 2, run=two))
    assert statuses == [0, 0], outputs
    assert "2 images could not be used" in " ".join(outputs[0].split())
    assert run(root, tmp_path / "one", **skipping) == 0
    assert sorted(read_unusable(tmp_path / "two")) == sorted(map(str, bad))
    assert read_unusable(tmp_path / "one") == read_unusable(tmp_path / "two")
    assert {e["split"]: e["count"] for e in metrics(tmp_path / "two")[-2:]}["train"] == 8
    for file in ("metrics.jsonl", "correct.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"data.normalize": "channel"}, "is measured on training images in memory"),
        ({"data.image_size": 0}, "data.image_size 0: the images of 'imagenet2012' are files"),
        ({"data.shorter_side": 8}, "crop of 16 pixels does not fit into a shorter side of 8"),
        ({"data.on_error": "ignore"}, "unknown data.on_error 'ignore'"),
        ({"data.dir": "/nowhere"}, "no version of imagenet2012 lies in"),
        ({"data.name": "cifar1O", "data.dir": "/nowhere"}, "did you mean 'cifar10'"),
        ({"data.name": "cifar10"}, "data.image_size 16 is for sets of image files"),
        ({"data.validation_size": 10}, "at least one must stay"),
    ],
)
def test_what_does_not_suit_image_files_is_one_sentence(root, tmp_path, capsys, changes, words):
    assert run(root, tmp_path / "run", **changes) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_probes_without_test_images_are_refused(root, tmp_path):
    (tmp_path / "train").symlink_to(root / "train")
    config = load(RECIPE, flags(tmp_path, probes="('lesions',)")[1:])
    with pytest.raises(InputError, match="measure on test images too"):
        assemble(config)


def test_probes_are_taken_evenly_from_the_files_as_an_evaluation_sees_them(root):
    dataset = find(load(RECIPE, flags(root)[1:]).data)
    some = dataset.some("test", 2)
    assert some.image.shape == (2, 16, 16, 3)
    assert some.label.tolist() == [0, 0]
    source = dataset.source(0, 4)
    ((batch, mask),) = source.evaluation("test", 5)
    source.close()
    assert isinstance(batch, Batch)
    assert mask.all()
    np.testing.assert_array_equal(some.image, batch.image[[0, 2]])


def test_ten_crops_answer_as_the_mean_of_ten_images(root, done, capsys):
    trained = load_trained(done, "latest")
    with trained.source("test", crops=10) as source:
        ((batch, _),) = source.evaluation("test", 5)
    assert batch.image.shape == (5, 10, 16, 16, 3)
    prepared = normalize.prepare(batch.image.reshape(50, 16, 16, 3), trained.normalizer)
    logits = trained.setup.network.apply(trained.variables, prepared, train=False)
    answer = np.log(jax.nn.softmax(logits.reshape(5, 10, 2)).mean(axis=1))
    loss = -answer[np.arange(5), batch.label].mean()
    assert cli.main(["eval", f"--workdir={done}", "--crops=10"]) == 0
    said = capsys.readouterr().out
    assert float(re.search(r"loss ([\d.]+)", said)[1]) == pytest.approx(loss, abs=2e-4)
    assert "(5 examples)" in said
    assert cli.main(["eval", f"--workdir={done}", "--crops=10", "--per-class"]) == 2


def test_top_5_is_reported_of_more_than_ten_classes(tmp_path, capsys):
    classes = {f"class{number:02d}": 1 for number in range(12)}
    root = folder(folder(tmp_path / "images", classes), classes, split="val")
    assert run(root, tmp_path / "run", steps=1) == 0
    lines = {line["split"]: line for line in metrics(tmp_path / "run") if line["kind"] == "eval"}
    assert lines["test"]["error"] >= lines["test"]["top5_error"] > 0
    assert f"top-5 {100 * lines['test']['top5_error']:.2f} %" in capsys.readouterr().out
