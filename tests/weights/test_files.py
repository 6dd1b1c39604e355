"""Reading weight files: told from their content, searched, unwrapped; what is none is named."""

import argparse
import io
import json
import os
import pickle
import struct
import sys
import tarfile
import zipfile
from collections import OrderedDict
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

pytest.importorskip("safetensors", reason="safetensors is optional")

from safetensors.numpy import save_file

from resinc.errors import InputError
from resinc.weights import files
from resinc.weights.layout import keras_head
from resinc.weights.layouts import LAYOUTS
from resinc.weights.match import match
from resinc.weights.names import plain_names

PNG = b"\x89PNG\r\n\x1a\n"


def refused(path: Path, key: str = "") -> str:
    """The sentence: one line that names the file."""
    with pytest.raises(InputError) as refusal:
        files.read(path, key)
    said = str(refusal.value)
    assert str(path) in said
    assert "\n" not in said
    return said


def zipped(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, b"")
    return out.getvalue()


def tarred(name: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(tarfile.TarInfo(name))
    return out.getvalue()


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1088641\n"
INDEX = json.dumps({"weight_map": {"a": "m-1.safetensors", "b": "m-2.safetensors"}}).encode()
CASES = {
    "empty": (b"", "is empty"),
    "lfs": (LFS, "a git-lfs pointer to the file, not the file: run `git lfs pull`"),
    "html": (b"<!DOCTYPE html>\n<html>", "a web page"),
    "old html": (b"\n  <html><body>404", "a web page"),
    "xml": (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "a web page"),
    "json": (b'{"error": "not found"}', "a text in JSON"),
    "index": (INDEX, "the index of weights that lie in 2 other files (m-1.safetensors, ...)"),
    "text": (b"Not Found", "a text that begins with 'Not Found'"),
    "zeros": (bytes(5000), "filled with zeros"),
    "gzip": (b"\x1f\x8b\x08" + bytes(9), "gzip-compressed: unpack it"),
    "tar": (tarred("resnet20.th"), "a tar archive that holds 'resnet20.th'"),
    "zip": (zipped("resnet20.th"), "a zip archive of resnet20.th: unpack it"),
    "npz": (zipped("conv1.npy", "fc.npy"), "a NumPy archive (.npz) of conv1.npy, fc.npy"),
    "npy": (b"\x93NUMPY\x01\0", "one NumPy array"),
    "pickle": (pickle.dumps({"conv1": [1.0]}), "a Python pickle that torch.save has not written"),
    "image": (PNG, "a PNG image"),
    "other": (b"\x08\x07\x12\xff", "of an unknown kind, beginning with b'\\x08\\x07\\x12\\xff'"),
    "zip cut": (zipped("archive/data.pkl")[:40], "is cut off or damaged: it begins as a zip"),
    "safetensors cut": (struct.pack("<Q", 800) + b'{"a":', "safetensors file that is cut off"),
    "script": (zipped("a/data.pkl", "a/code/a.py", "a/constants.pkl"), "a TorchScript archive"),
    "program": (zipped("a/archive_format", "a/models/model.json"), "an archive of torch.export"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_no_weight_file_is_named_as_what_it_is(case, tmp_path):
    """Whatever its suffix says."""
    content, sentence = CASES[case]
    for name in ("a.pth", "B.SAFETENSORS", "c"):
        (tmp_path / name).write_bytes(content)
        assert sentence in refused(tmp_path / name)


def test_safetensors_without_its_last_bytes_are_cut_off(tmp_path):
    save_file({"a": np.ones((9, 9), np.float32)}, tmp_path / "a")
    (tmp_path / "a").write_bytes((tmp_path / "a").read_bytes()[:-40])
    assert "a safetensors file that is cut off" in refused(tmp_path / "a")


def test_a_folder_says_what_to_name_instead(tmp_path):
    assert "is a folder, no weight file" in refused(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"")
    (tmp_path / "notes.md").write_bytes(b"")
    assert refused(tmp_path).endswith("no weight file: it holds model.safetensors")
    (tmp_path / "config.json").write_bytes(b"")
    (tmp_path / "checkpoints").mkdir()
    assert "it is a run, which needs no import" in refused(tmp_path)
    assert "no weight file" in refused(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["a.safetensors", "A.SAFETENSORS", "a.pth", "b4f1c2"])
def test_the_content_tells_the_kind_not_the_suffix(name, tmp_path):
    save_file({"a": np.ones((2, 2), np.float32)}, tmp_path / name, metadata={"format": "pt"})
    content = files.read(tmp_path / name)
    assert (content.about, content.notes) == ({"format": "pt"}, ())
    np.testing.assert_array_equal(content.arrays["a"], np.ones((2, 2)))


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_small_floats_are_converted_and_said(dtype, tmp_path):
    arrays = {"a": np.full((2, 2), 0.5, dtype), "b": np.ones(3, np.float32), "c": np.ones(2, dtype)}
    save_file(arrays, tmp_path / "a")
    content = files.read(tmp_path / "a")
    assert content.notes == (f"arrays converted to float32: 2 of {np.dtype(dtype).name}",)
    assert content.arrays["a"].dtype == np.float32
    np.testing.assert_array_equal(content.arrays["a"], 0.5)


@pytest.mark.parametrize(
    ("magic", "package"),
    [
        (zipped("archive/data.pkl"), "torch"),
        (struct.pack("<Q", 2) + b"{}", "safetensors"),
        (b"\x89HDF\r\n\x1a\n", "h5py"),
    ],
)
def test_a_package_that_is_not_installed_is_named(magic, package, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setitem(sys.modules, f"{package}.numpy", None)
    (tmp_path / "a").write_bytes(magic)
    assert f"pip install {package}" in refused(tmp_path / "a")


WRAPPED = [
    "module.conv1.weight",
    "model.conv1.weight",
    "_orig_mod.module.conv1.weight",
    "module._orig_mod.model.module.conv1.weight",
    "backbone.conv1.weight",
    "model.encoder.backbone.conv1.weight",
    "features.module.conv1.weight",
    "net.model._fsdp_wrapped_module.conv1.weight",
]


@pytest.mark.parametrize("name", WRAPPED)
def test_what_wraps_a_network_is_taken_off_in_any_order(name):
    assert plain_names([name, "fc.bias"], "it") == {name: "conv1.weight", "fc.bias": "fc.bias"}


def test_names_of_a_layout_stay():
    alexnet = {"features.module.0.weight": "features.0.weight", "features.10.bias": ""}
    assert plain_names(alexnet, "it") == alexnet | {"features.10.bias": "features.10.bias"}
    ours = "params/stage1/block01/conv1/kernel"
    assert plain_names([ours, "encoder.weight"], "it") == {
        ours: ours,
        "encoder.weight": "encoder.weight",
    }


def test_names_that_become_one_are_refused(tmp_path):
    names = ("fc.weight", "backbone.module.fc.weight")
    save_file({name: np.ones((2, 2), np.float32) for name in names}, tmp_path / "a")
    said = refused(tmp_path / "a")
    assert "'fc.weight' without what wraps the network, so that one would overwrite" in said
    assert "'backbone.module.fc.weight'" in said


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="PyTorch is optional")


def state(torch, value: float = 1.0):
    return OrderedDict({"conv1.weight": torch.full((2, 2), value), "fc.bias": torch.zeros(2)})


def optimizer(torch):
    momentum = {0: {"momentum_buffer": torch.full((2, 2), 9.0)}}
    return {"state": momentum, "param_groups": [{"lr": 0.1, "params": [0]}]}


PLACES = [
    lambda sd: sd,
    lambda sd: {"state_dict": sd},
    lambda sd: {"model_state": sd},
    lambda sd: {"model_ema": sd},
    lambda sd: {"anything": {"inside": sd}},
    lambda sd: {"models": [sd]},
]


@pytest.mark.parametrize("place", range(len(PLACES)))
@pytest.mark.parametrize("name", ["a.tar", "a.ckpt", "a.pyth", "a.bin", "a.pth.tar", "A.PTH"])
def test_the_only_state_dict_is_found(place, name, torch, tmp_path):
    content = PLACES[place](state(torch))
    if place:
        content |= {"optimizer": optimizer(torch), "epoch": 3, "best": torch.tensor(91.25)}
    torch.save(content, tmp_path / name)
    found = files.read(tmp_path / name)
    assert found.arrays.keys() == {"conv1.weight", "fc.bias"}
    np.testing.assert_array_equal(found.arrays["conv1.weight"], np.ones((2, 2)))
    assert found.notes == ()


def test_of_several_the_trained_one_is_taken_and_said(torch, tmp_path):
    several = {"model_ema": state(torch, 2), "model": state(torch, 1), "epoch": 3}
    torch.save(several, tmp_path / "a")
    found = files.read(tmp_path / "a")
    assert found.arrays["conv1.weight"][0, 0] == 1
    assert found.notes == (
        "taken from 'model' in the file, which also holds 'model_ema' (2 tensors); --key chooses",
    )
    assert files.read(tmp_path / "a", "model_ema").arrays["conv1.weight"][0, 0] == 2
    assert "has no state dict at --key=ema: 'model_ema' (2 tensors), 'm" in refused(
        tmp_path / "a", "ema"
    )


def test_of_several_equals_none_is_taken(torch, tmp_path):
    torch.save({"generator": state(torch), "critic": state(torch)}, tmp_path / "a")
    assert "several state dicts, 'generator' (2 tensors), 'critic'" in refused(tmp_path / "a")
    torch.save({"state_dict": state(torch), "model": state(torch, 2)}, tmp_path / "a")
    assert "--key=NAME chooses one" in refused(tmp_path / "a")


def test_plain_data_beside_the_weights_do_no_harm(torch, tmp_path):
    beside = {
        "best": np.float64(91.25),
        "step": np.int64(3),
        "history": np.arange(3.0),
        "args": argparse.Namespace(lr=0.1, out=Path("runs/a"), mean=np.float32(1)),
    }
    torch.save({"state_dict": state(torch)} | beside, tmp_path / "a")
    assert files.read(tmp_path / "a").arrays.keys() == {"conv1.weight", "fc.bias"}


class Touch:
    """A pickle that would write a file if it were run."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_nothing_in_a_file_is_run(torch, tmp_path):
    touched = tmp_path / "touched"
    torch.save({"state_dict": state(torch), "hook": Touch(touched)}, tmp_path / "a")
    said = refused(tmp_path / "a")
    assert "holds a Python object" in said
    assert "weights_only stays on" in said
    assert not touched.exists()


def test_a_whole_module_is_named(torch, tmp_path):
    torch.save(torch.nn.Linear(2, 2), tmp_path / "a")
    assert "torch.nn.modules.linear.Linear, that only its own code can read" in refused(
        tmp_path / "a"
    )


@pytest.mark.parametrize("new", [True, False])
def test_a_file_of_torch_that_is_cut_off_is_named(new, torch, tmp_path):
    torch.save(state(torch), tmp_path / "a", _use_new_zipfile_serialization=new)
    whole = (tmp_path / "a").read_bytes()
    for size in (len(whole) - 9, len(whole) - 1):  # Within the last array, or its archive.
        (tmp_path / "a").write_bytes(whole[:size])
        assert "is cut off or damaged" in refused(tmp_path / "a")


def test_the_form_of_before_pytorch_1_6_is_read(torch, tmp_path):
    torch.save(state(torch), tmp_path / "a", _use_new_zipfile_serialization=False)
    assert files.read(tmp_path / "a").arrays.keys() == {"conv1.weight", "fc.bias"}


def test_a_file_without_a_state_dict_is_named(torch, tmp_path):
    torch.save({"epoch": 3, "weights": [1, 2], "best": torch.tensor(1.0)}, tmp_path / "a")
    assert "holds no state dict" in refused(tmp_path / "a")
    torch.save({"optimizer": optimizer(torch)}, tmp_path / "a")
    assert "holds no state dict" in refused(tmp_path / "a")


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_of_torch_is_converted_and_said(dtype, torch, tmp_path):
    half = {name: value.to(getattr(torch, dtype)) for name, value in state(torch, 0.5).items()}
    torch.save(half, tmp_path / "a")
    found = files.read(tmp_path / "a")
    assert found.notes == (f"arrays converted to float32: 2 of {dtype}",)
    np.testing.assert_array_equal(found.arrays["conv1.weight"], np.float32(0.5))


def test_tensors_that_are_no_plain_arrays_are_named(torch, tmp_path):
    torch.save({"a.weight": torch.eye(2).to_sparse(), "b": torch.ones(2, 2)}, tmp_path / "a")
    assert "'a.weight' is a tensor of layout torch.sparse_coo" in refused(tmp_path / "a")


def test_hdf5_of_others_says_what_it_holds(tmp_path):
    h5py = pytest.importorskip("h5py", reason="h5py is optional")
    with h5py.File(tmp_path / "a", "w") as file:
        file["train_set_x"] = np.zeros((50, 50))
    assert "not from Keras: it has neither layer_names nor layers, but train_set_x" in refused(
        tmp_path / "a"
    )
    (tmp_path / "a").write_bytes((tmp_path / "a").read_bytes()[:-4000])
    assert "is cut off" in refused(tmp_path / "a")


def keras_published(h5py, path: Path, layers: dict[str, dict[str, np.ndarray]]) -> None:
    """As legacy .h5: layer -> name of a weight -> array."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = list(layers)
        for layer, weights in layers.items():
            group = file.create_group(layer)
            group.attrs["weight_names"] = list(weights)
            for name, array in weights.items():
                group[name] = array


def test_a_network_inside_a_network_of_keras_is_read_by_its_own_names(tmp_path):
    """As Keras writes it: a base is one layer, which lists the weights of all of its own."""
    h5py = pytest.importorskip("h5py", reason="h5py is optional")
    one, two = np.ones((1, 1, 2, 2)), np.full((2, 2), 2.0)
    base = {"conv1_conv/kernel": one, "conv1_conv/bias": one[0, 0, 0], "conv1_bn/gamma": one[0]}
    head = {"sequential/dense/kernel": two, "sequential/dense/bias": two[0]}
    keras_published(h5py, tmp_path / "a", {"resnet50": base, "dense": head})
    names = {"conv1_conv/kernel", "conv1_conv/bias", "conv1_bn/gamma", "dense/kernel", "dense/bias"}
    assert files.read(tmp_path / "a").arrays.keys() == names
    keras_published(h5py, tmp_path / "a", {"resnet50": base, "conv1_conv": {"kernel:0": one}})
    assert "has two layers called 'conv1_conv'" in refused(tmp_path / "a")


def test_a_nested_network_of_keras_3_is_read_by_its_own_names(tmp_path):
    h5py = pytest.importorskip("h5py", reason="h5py is optional")
    with h5py.File(tmp_path / "a", "w") as file:
        for place, name, arrays in (
            ("layers/functional/layers/conv2d", "conv1_conv", [np.ones((1, 1, 2, 2))]),
            ("layers/dense", "top", [np.ones((2, 2)), np.ones(2)]),
        ):
            group = file.create_group(f"{place}/vars")
            group.attrs["name"] = name
            for i, array in enumerate(arrays):
                group[str(i)] = array
    assert files.read(tmp_path / "a").arrays.keys() == {
        "conv1_conv/kernel",
        "top/kernel",
        "top/bias",
    }


def no_layer(file):
    file.attrs["layer_names"] = ["conv"]


def no_weight(file):
    no_layer(file)
    file.create_group("conv").attrs["weight_names"] = ["conv/kernel:0"]


def group_for_a_weight(file):
    no_weight(file)
    file.create_group("conv/conv/kernel:0")


def no_variable(file):
    variables = file.create_group("layers/conv2d/vars")
    variables.attrs["name"] = "conv"
    variables["7"] = np.ones((1, 1, 2, 2))


def array_for_layers(file):
    file["layers"] = np.ones(3)


@pytest.mark.parametrize(
    "write", [no_layer, no_weight, group_for_a_weight, no_variable, array_for_layers]
)
def test_hdf5_that_lacks_what_it_names_is_a_sentence(write, tmp_path):
    h5py = pytest.importorskip("h5py", reason="h5py is optional")
    with h5py.File(tmp_path / "a", "w") as file:
        write(file)
    assert "is damaged, or no weights of Keras" in refused(tmp_path / "a")


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("name", ["model.weights.h5", "archive/data.pkl"])
def test_an_archive_in_which_bytes_changed_is_refused(name, compression, tmp_path):
    """PyTorch does not look: it would read other weights."""
    with zipfile.ZipFile(tmp_path / "a", "w", compression) as archive:
        archive.writestr(name, bytes(range(256)) * 20)
    content = bytearray((tmp_path / "a").read_bytes())
    for i in range(60, 90):
        content[i] ^= 0xFF
    (tmp_path / "a").write_bytes(content)
    assert "is damaged: " in refused(tmp_path / "a")


def test_a_weight_of_torch_in_which_a_bit_changed_is_refused(torch, tmp_path):
    torch.save({"a.weight": torch.full((64, 64), 3.0)}, tmp_path / "a")
    content = bytearray((tmp_path / "a").read_bytes())
    content[content.find(torch.full((64,), 3.0).numpy().tobytes()) + 2] ^= 1
    (tmp_path / "a").write_bytes(content)
    assert "is damaged: the checksum of 'a/data/0' in it differs" in refused(tmp_path / "a")


def test_a_type_that_numpy_has_not_is_named(tmp_path):
    header = json.dumps({"a": {"dtype": "F8_E5M2", "shape": [2, 2], "data_offsets": [0, 4]}})
    (tmp_path / "a").write_bytes(struct.pack("<Q", len(header)) + header.encode() + bytes(4))
    assert "float8_e5m2" in refused(tmp_path / "a")
    assert "save them as float32" in refused(tmp_path / "a")


def test_a_folder_in_the_place_of_an_exported_file_is_a_sentence(tmp_path):
    (tmp_path / "a.safetensors").mkdir()
    with pytest.raises(InputError, match="is a folder: name a file to write"):
        files.write(tmp_path / "a.safetensors", {}, {})
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="a folder that takes no files")
def test_an_exported_file_that_cannot_be_written_is_a_sentence():
    """The error that safetensors would raise is none of the system's."""
    with pytest.raises(InputError, match=r"'/proc/w\.safetensors' cannot be written: "):
        files.write(Path("/proc/w.safetensors"), {"a": np.ones(3, np.float32)}, {})


def test_the_only_dense_layer_of_a_keras_file_is_the_head():
    arrays = {"dense_3/kernel": np.ones((2, 7)), "dense_3/bias": np.ones(7), "a/kernel": np.ones(3)}
    assert keras_head(arrays) == {
        "dense_3/kernel": "predictions/kernel",
        "dense_3/bias": "predictions/bias",
    }
    assert keras_head(arrays | {"dense_4/kernel": np.ones((7, 7))}) == {}


def test_messages_name_a_renumbered_layer_of_keras_as_the_file_does():
    layout = LAYOUTS["keras-inception_v3"]
    arrays = {"conv2d_95/kernel": np.ones((3, 3, 3, 31)), "conv2d_94/kernel": np.ones(1)}
    ours = {"params/stem_conv2/conv/kernel": np.ones((3, 3, 32, 32))}
    found = match(layout, arrays, ours)
    assert found.misshaped["params/stem_conv2/conv/kernel"].name == "conv2d_95/kernel"
    assert found.left_over == ["conv2d_94/kernel"]
