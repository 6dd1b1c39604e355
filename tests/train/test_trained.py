"""What is made of a checkpoint: features of its layers, a program that needs no resinc."""

import re

import numpy as np
import pytest
from jax import export

from resinc import data
from resinc.cli import main
from resinc.errors import InputError
from resinc.train.loop import train
from resinc.train.trained.features import write_features
from resinc.train.trained.load import load_trained
from tests.train.runs import config


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    train(config(steps=2, eval_every_steps=-1), folder)
    return folder


def logits(folder, images):
    """As the network computes them, images normalised by hand."""
    trained = load_trained(folder, "latest")
    network = trained.setup.network
    prepared = (images / np.float32(255) - trained.normalizer.mean) / trained.normalizer.scale
    return np.asarray(network.apply(trained.variables, prepared.astype(np.float32), train=False))


def test_exported_program_gives_the_same_logits_for_any_batch(folder, tmp_path):
    pytest.importorskip("flatbuffers", reason="flatbuffers is optional")
    file = tmp_path / "net.stablehlo"
    command = ["export", f"--workdir={folder}", "--layout=stablehlo", f"--out={file}"]
    assert main(command) == 0
    program = export.deserialize(bytearray(file.read_bytes()))
    images = data.load(config().data).test.image[:5]
    for count in (1, 5):
        given = images[:count]
        np.testing.assert_allclose(program.call(given), logits(folder, given), rtol=1e-4, atol=1e-5)
    assert {"cpu", "cuda", "tpu"} <= set(program.platforms)


def test_features_of_named_layers_are_what_the_network_computes(folder, tmp_path):
    file = tmp_path / "f.npz"
    command = ["features", f"--workdir={folder}", f"--out={file}", "--examples=130"]
    command += ["--layer=stage1/block01", "--layer=stage2/block01/conv1", "--layer=head"]
    assert main(command) == 0
    found = np.load(file)
    test = data.load(config().data).test
    np.testing.assert_array_equal(found["label"], test.label[:130])
    assert found["stage1/block01"].shape == (130, 8, 8, 4)
    assert found["stage2/block01/conv1"].shape == (130, 4, 4, 8)
    assert (found["stage1/block01"] >= 0).all()  # Behind the block's relu.
    np.testing.assert_allclose(
        found["head"], logits(folder, test.image[:130]), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize(
    ("layer", "split", "out", "said"),
    [
        ("stage1/blok01", "test", "f.npz", "did you mean 'stage1/block01'"),
        ("head", "test", "f.csv", "does not end in .npz"),
        ("head", "test", "none/f.npz", "cannot be written"),
    ],
)
def test_what_cannot_be_written_is_one_sentence(folder, tmp_path, layer, split, out, said):
    with pytest.raises(InputError, match=said):
        write_features(folder, "latest", [layer], split, 8, tmp_path / out)
    assert not list(tmp_path.iterdir())


def test_errors_by_class_add_up_to_the_evaluation(folder, capsys):
    assert main(["eval", f"--workdir={folder}", "--split=test", "--per-class"]) == 0
    said = capsys.readouterr().out
    error = float(re.search(r"error ([\d.]+) %", said)[1])
    rows = [line.split() for line in said.splitlines() if re.match(r" *\d ", line)]
    assert len(rows) == 10
    examples = [int(row[1]) for row in rows]
    mistakes = sum(n * float(row[2]) / 100 for n, row in zip(examples, rows, strict=True))
    assert 100 * mistakes / sum(examples) == pytest.approx(error, abs=0.02)
    assert "expected calibration error" in said
