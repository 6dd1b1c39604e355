"""`resinc import` and `resinc export`: round trips, what eval makes of them, and every refusal."""

import json
import subprocess
import sys

import jax
import numpy as np
import pytest

pytest.importorskip("safetensors", reason="safetensors is optional")

from safetensors.numpy import load_file, save_file

from resinc.cli import main
from resinc.errors import InputError
from resinc.train.assemble import assemble
from resinc.train.loop import train
from resinc.train.replica.state import draw
from resinc.train.trained.transfer import export_weights, import_weights
from resinc.weights import files
from resinc.weights.layouts import LAYOUTS, guess
from resinc.weights.match import convert
from resinc.weights.variables import checksum, flatten
from tests.train.runs import config as digits_config
from tests.train.runs import final_state, flags
from tests.weights import imported
from tests.weights.imported import config_of


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained") / "run"
    assert train(digits_config(steps=6, eval_every_steps=0), folder).state == "done"
    return folder


@pytest.fixture
def exported(trained, tmp_path):
    export_weights(trained, "latest", "resinc", tmp_path / "a.safetensors")
    return tmp_path / "a.safetensors"


DIGITS = digits_config(steps=6, eval_every_steps=0)


@pytest.mark.parametrize("layout", ["resinc", "cifar-resnet"])
def test_export_then_import_is_the_identity(layout, trained, tmp_path):
    export_weights(trained, "latest", layout, tmp_path / "a.safetensors")
    moved = import_weights(tmp_path / "a.safetensors", DIGITS, "", tmp_path / "run")
    assert (moved.layout, moved.message) == (layout, "")
    before, after = final_state(trained), final_state(tmp_path / "run")
    jax.tree.map(
        np.testing.assert_array_equal,
        (before.params, before.batch_stats),
        (after.params, after.batch_stats),
    )
    assert int(after.step) == 0


def test_an_unrolled_run_takes_the_weights_of_a_scanned_one(tmp_path):
    config = digits_config(steps=6, model__scan=False, model__depth=14)
    deep = digits_config(steps=6, model__depth=14)
    shapes = flatten(draw(assemble(deep).network, (8, 8, 1), 0, lambda variables: variables))
    values = {path: np.asarray(leaf) for path, leaf in shapes.items()}
    save_file(values, tmp_path / "deep.safetensors")
    for name, choice in (("unrolled", config), ("scanned", deep)):
        import_weights(tmp_path / "deep.safetensors", choice, "", tmp_path / name)
        found = imported.weights(tmp_path / name)
        assert checksum(found) == checksum(values)


def test_metadata_says_what_the_file_is(exported, trained):
    about = files.read(exported).about
    assert (about["format"], about["layout"], about["step"]) == ("flax", "resinc", "6")
    assert json.loads(about["config"]) == json.loads((trained / "config.json").read_text())


def test_eval_accepts_an_imported_run(exported, trained, tmp_path, capsys):
    """The same weights, so the same numbers to the last digit; provenance says whence."""
    recipe = ["--config=configs/digits.py:depth=8", *flags(steps=6)]
    folder = tmp_path / "run"
    assert main(["import", str(exported), *recipe, f"--workdir={folder}"]) == 0
    assert "in layout resinc" in capsys.readouterr().out
    shown = []
    for workdir in (trained, folder):
        assert main(["eval", f"--workdir={workdir}"]) == 0
        shown.append(capsys.readouterr().out.split("validation")[1])
    assert shown[0].replace("step 6", "step 0") == shown[1]
    status = json.loads((folder / "status.json").read_text())
    assert (status["state"], status["step"]) == ("done", 0)
    origin = json.loads((folder / "provenance.json").read_text())["imported"]
    assert (origin["layout"], origin["file"]) == ("resinc", str(exported))
    assert origin["sha256"] == checksum(imported.weights(folder))


def test_export_command_writes_the_best_step(trained, tmp_path, capsys):
    out = tmp_path / "a.safetensors"
    assert main(["export", f"--workdir={trained}", "--step=best", f"--out={out}"]) == 0
    assert "in layout resinc" in capsys.readouterr().out
    assert "params/stage1/block01/conv1/kernel" in load_file(out)


def change(file, name, shape=None):
    """Drop an array, or give it another shape."""
    arrays = load_file(file)
    arrays.pop(name)
    if shape:
        arrays[name] = np.zeros(shape, np.float32)
    save_file(arrays, file)


def refused(file, folder, config=DIGITS, layout="", **options) -> str:
    """The sentence; nothing may have been written."""
    with pytest.raises(InputError) as refusal:
        import_weights(file, config, layout, folder, **options)
    assert not folder.exists()
    return str(refusal.value)


def test_missing_and_left_over_and_misshapen_arrays_are_named(exported, tmp_path):
    change(exported, "params/stem_conv/kernel", (3, 3, 3, 4))
    change(exported, "params/stage2/block01/norm1/scale")
    arrays = load_file(exported)
    save_file(arrays | {"params/other": np.ones(3, np.float32)}, exported)
    said = refused(exported, tmp_path / "run")
    assert "1 of another shape (params/stem_conv/kernel [3, 3, 1, 4] <- params/stem_conv" in said
    assert "[3, 3, 3, 4])" in said
    assert "1 missing (params/stage2/block01/norm1/scale [8] <- params/stage2" in said
    assert "1 left over (params/other)" in said


def test_only_the_first_few_are_named(exported, tmp_path):
    arrays = {f"params/other{i}": np.ones(1, np.float32) for i in range(9)}
    save_file(load_file(exported) | arrays, exported)
    said = refused(exported, tmp_path / "run")
    assert "9 left over (params/other0, params/other1, params/other2, ...)" in said


def test_a_head_of_other_classes_is_drawn_only_on_request(exported, trained, tmp_path):
    change(exported, "params/head/kernel", (16, 1000))
    change(exported, "params/head/bias", (1000,))
    assert "2 of another shape (params/head/bias [10]" in refused(exported, tmp_path / "run")
    moved = import_weights(exported, DIGITS, "", tmp_path / "run", new_head=True)
    assert (
        moved.message == "head/bias, head/kernel drawn from the seed: 1000 classes there, 10 here"
    )
    found, before = imported.weights(tmp_path / "run"), imported.weights(trained, 6)
    assert np.ptp(found["params/head/kernel"]) > 0
    assert not np.array_equal(found["params/head/kernel"], before["params/head/kernel"])
    assert all(np.array_equal(found[k], before[k]) for k in found if "head" not in k)


def test_a_file_without_a_head_needs_the_request_too(exported, tmp_path):
    change(exported, "params/head/kernel")
    change(exported, "params/head/bias")
    assert "2 missing (params/head/bias" in refused(exported, tmp_path / "run")
    moved = import_weights(exported, DIGITS, "", tmp_path / "run", new_head=True)
    assert "none there, 10 here" in moved.message


def test_a_new_head_excuses_no_other_difference(exported, tmp_path):
    change(exported, "params/head/kernel", (16, 1000))
    change(exported, "params/head/bias", (1000,))
    change(exported, "params/stem_conv/kernel", (3, 3, 3, 4))
    said = refused(exported, tmp_path / "run", new_head=True)
    assert "1 of another shape (params/stem_conv" in said
    change(exported, "params/head/kernel", (24, 1000))
    assert "params/head/kernel" in refused(exported, tmp_path / "run", new_head=True)


def test_a_file_that_is_none_is_one_sentence(tmp_path):
    (tmp_path / "a.safetensors").write_bytes(b"nothing of the kind")
    said = refused(tmp_path / "a.safetensors", tmp_path / "run")
    assert "a.safetensors' is no weight file: it is a text that begins with 'nothing" in said


def test_an_unknown_layout_lists_the_choices(exported, tmp_path):
    assert "keras-resnet50" in refused(exported, tmp_path / "run", layout="torchvision")
    save_file({"weird": np.ones(3, np.float32)}, exported)
    said = refused(exported, tmp_path / "run")
    assert "the names in the file (weird, ...) fit no layout" in said
    assert "torchvision-resnet, cifar-resnet" in said


def test_a_folder_with_anything_in_it_is_refused(exported, trained, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes").write_text("")
    with pytest.raises(InputError, match="is not empty"):
        import_weights(exported, DIGITS, "", tmp_path / "run")
    with pytest.raises(InputError, match="is not empty"):
        import_weights(exported, DIGITS, "", trained)


@pytest.mark.parametrize(
    ("layout", "network", "changes", "sentence"),
    [
        # Nothing in names or shapes tells where a bottleneck has its stride.
        ("torchvision-resnet", "resnet-50", {}, "model.variant 'v1.5', not ''"),
        ("keras-resnet50", "resnet-50-v1.5", {}, "model.variant '' or 'v1', not 'v1.5'"),
        ("cifar-resnet", "resnet-20", {"branch_scale": 0.5}, "model.branch_scale 1.0, not 0.5"),
        ("torchvision-resnet", "resnet-20", {}, "model.name 'imagenet', not 'cifar'"),
        ("keras-inception_v3", "inception-v3", {}, "model.variant 'keras', not 'torchvision'"),
    ],
)
def test_weights_that_would_compute_something_else_are_refused(
    layout, network, changes, sentence, exported, tmp_path, monkeypatch
):
    imported.add_dataset(monkeypatch, 96)
    config = config_of(network, **changes)
    assert sentence in refused(exported, tmp_path / "run", config, layout)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"layout_name": "keras-resnet50"}, "can be imported only"),
        ({"layout_name": "torchvision-resnet"}, "model.name 'imagenet', not 'cifar'"),
        ({"layout_name": "torch"}, "unknown layout 'torch'"),
        ({"which": "7"}, "no checkpoint '7'"),
        ({"out": "a.pth"}, "does not end in .safetensors"),
        ({"out": "no/a.safetensors"}, "no folder"),
        ({"folder": "nowhere"}, "it has no config.json"),
    ],
)
def test_an_export_that_cannot_be_is_one_sentence(arguments, sentence, trained, tmp_path):
    call = {"folder": trained, "which": "latest", "layout_name": "resinc", "out": "a.safetensors"}
    call |= arguments
    call["out"] = tmp_path / call["out"]
    call["folder"] = tmp_path / call["folder"]
    with pytest.raises(InputError, match=sentence):
        export_weights(**call)
    assert list(tmp_path.iterdir()) == []


def test_a_plain_network_has_no_layout_but_ours(tmp_path):
    """A name that the layout lacks is said, not dropped."""
    with pytest.raises(InputError, match="'params/stem_gain' has no name in the layout of CIFAR"):
        convert(LAYOUTS["cifar-resnet"], {"params/stem_gain": np.ones(1)})


def test_every_layout_is_told_from_the_others():
    """By the names of its own marks."""
    examples = {
        "resinc": ["params/head/kernel"],
        "torchvision-resnet": ["conv1.weight", "layer4.0.conv1.weight", "layer1.0.bn1.weight"],
        "cifar-resnet": ["conv1.weight", "layer3.0.conv1.weight", "layer1.0.bn1.weight"],
        "torchvision-googlenet": ["inception3a.branch1.conv.weight", "conv1.conv.weight"],
        "torchvision-inception_v3": [
            "Mixed_5b.branch1x1.conv.weight",
            "Conv2d_1a_3x3.conv.weight",
        ],
        "torchvision-alexnet": ["features.0.weight", "features.10.weight", "classifier.6.weight"],
        "keras-resnet50": ["conv1_conv/kernel", "conv2_block1_1_conv/kernel", "conv1_bn/gamma"],
        "keras-inception_v3": ["conv2d/kernel", "batch_normalization_3/beta"],
        "keras-inception_resnet_v2": [
            "conv2d_4/kernel",
            "batch_normalization/beta",
            "conv_7b/kernel",
            "block35_1_conv/kernel",
        ],
    }
    assert examples.keys() == LAYOUTS.keys()
    for name, names in examples.items():
        assert guess(dict.fromkeys(names, np.ones(1))) == name
    with pytest.raises(InputError, match="fit no layout"):  # A VGG.
        guess(dict.fromkeys([*examples["torchvision-alexnet"], "features.2.weight"], np.ones(1)))


def test_reading_safetensors_needs_neither_torch_nor_keras(exported):
    code = f"""
import sys
from pathlib import Path
from resinc.weights import files
files.read(Path({str(exported)!r}))
loaded = {{"torch", "keras", "h5py"}} & set(sys.modules)
sys.exit(f"loaded {{loaded}}" if loaded else 0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
