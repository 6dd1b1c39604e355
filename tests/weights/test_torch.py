"""A state dict of PyTorch, imported: the logits are PyTorch's."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is optional")
pytest.importorskip("safetensors", reason="safetensors is optional")

from safetensors.torch import load_file, save_file

from resinc.train.trained.transfer import export_weights, import_weights
from resinc.weights.layouts import LAYOUTS
from resinc.weights.match import convert
from tests.weights import imported, torch_modules
from tests.weights.imported import CLASSES, assert_close, config_of

pytestmark = pytest.mark.usefixtures("uncached")

# Ours, theirs, layout, pixels. Widths are small where the layout leaves them open.
CASES = {
    "resnet-18": (
        lambda: config_of("resnet-18", width=8),
        lambda: torch_modules.ResNet((2, 2, 2, 2), False, 8, CLASSES),
        "torchvision-resnet",
        40,
    ),
    "resnet-50-v1.5": (
        lambda: config_of("resnet-50-v1.5", width=8),
        lambda: torch_modules.ResNet((3, 4, 6, 3), True, 8, CLASSES),
        "torchvision-resnet",
        40,
    ),
    "resnext-50": (
        # Two groups of 4 channels in a stage of 8.
        lambda: config_of("resnet-50-v1.5", width=8, groups=2, base_width=32, scan=False),
        lambda: torch_modules.ResNet((3, 4, 6, 3), True, 8, CLASSES, groups=2),
        "torchvision-resnet",
        40,
    ),
    "resnet-20": (
        lambda: config_of("resnet-20"),
        lambda: torch_modules.CifarResNet(3, classes=CLASSES),
        "cifar-resnet",
        32,
    ),
    "googlenet": (
        lambda: config_of("googlenet-torchvision"),
        lambda: torch_modules.GoogLeNet(CLASSES),
        "torchvision-googlenet",
        64,
    ),
    "inception_v3": (
        lambda: config_of("inception-v3"),
        lambda: torch_modules.InceptionV3(CLASSES),
        "torchvision-inception_v3",
        96,
    ),
    "alexnet": (
        lambda: config_of("alexnet"),
        lambda: torch_modules.AlexNet(CLASSES),
        "torchvision-alexnet",
        95,
    ),
}


def images_of(pixels: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(2, pixels, pixels, 3)).astype(np.float32)


def to_torch(images: np.ndarray):
    return torch.from_numpy(images.transpose(0, 3, 1, 2).copy())


def run_torch(module, images: np.ndarray):
    with torch.no_grad():
        return module(to_torch(images)).numpy()


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_imported_logits_are_those_of_torch(case, tmp_path, monkeypatch):
    make_config, make_module, layout, pixels = CASES[case]
    imported.add_dataset(monkeypatch, pixels)
    config, module = make_config(), torch_modules.randomise(make_module())
    images = images_of(pixels)
    expected = run_torch(module, images)
    torch.save(module.state_dict(), tmp_path / "a.pth")
    told, flat = imported.read(tmp_path / "a.pth", config)
    assert told == layout
    assert_close(imported.compute(flat, config, images), expected)

    # And back: every tensor as it was, under its name.
    exported = convert(LAYOUTS[layout], flat)
    there = module.state_dict()
    counters = {name for name in there if name.endswith("num_batches_tracked")}
    assert exported.keys() == there.keys() - counters
    for name, array in exported.items():
        np.testing.assert_array_equal(array, there[name].numpy())


def test_a_run_between_two_files_changes_nothing(tmp_path, monkeypatch):
    """PyTorch -> run -> PyTorch, by the files alone; PyTorch then computes the same."""
    make_config, make_module, layout, pixels = CASES["resnet-18"]
    imported.add_dataset(monkeypatch, pixels)
    config, module = make_config(), torch_modules.randomise(make_module())
    images = images_of(pixels)
    expected = run_torch(module, images)
    torch.save(module.state_dict(), tmp_path / "a.pth")
    moved = import_weights(tmp_path / "a.pth", config, "", tmp_path / "run")
    assert (moved.layout, moved.arrays, moved.message) == (layout, 102, "")
    assert_close(imported.logits(tmp_path / "run", config, images), expected)
    export_weights(tmp_path / "run", "latest", layout, tmp_path / "b.safetensors")
    back = make_module().eval()
    back.load_state_dict(load_file(tmp_path / "b.safetensors"), strict=True)
    np.testing.assert_array_equal(run_torch(back, images), expected)


def test_both_file_formats_and_wrappings_give_the_same(tmp_path, monkeypatch):
    """As saved by a training script under DataParallel, and as safetensors."""
    imported.add_dataset(monkeypatch, 32)
    config = config_of("resnet-20", width=4)
    state = torch_modules.randomise(torch_modules.CifarResNet(3, 4, CLASSES)).state_dict()
    prefixed = {f"module.{name}": tensor for name, tensor in state.items()}
    torch.save(state, tmp_path / "a.pth")
    torch.save({"state_dict": prefixed, "epoch": 3, "best": 0.9}, tmp_path / "b.th")
    save_file(state, tmp_path / "c.safetensors")
    torch.save({name: tensor.double() for name, tensor in state.items()}, tmp_path / "d.pt")
    found = []
    for name in ("a.pth", "b.th", "c.safetensors", "d.pt"):
        import_weights(tmp_path / name, config, "", tmp_path / f"run-{name}")
        found.append(imported.weights(tmp_path / f"run-{name}"))
    for other in found[1:]:
        assert other.keys() == found[0].keys()
        for path in other:
            np.testing.assert_array_equal(other[path], found[0][path])


@pytest.mark.slow
def test_auxiliary_classifiers_of_googlenet_are_those_of_torch(tmp_path, monkeypatch):
    """In training, where alone they run; their dense layer sees [c, h, w] there, [h, w, c] here."""
    imported.add_dataset(monkeypatch, 64)
    config = config_of("googlenet-torchvision", dropout=0.0)
    module = torch_modules.randomise(torch_modules.GoogLeNet(CLASSES))
    torch.save(module.state_dict(), tmp_path / "a.pth")
    import_weights(tmp_path / "a.pth", config, "", tmp_path / "run")
    images = np.concatenate([images_of(64), images_of(64)[::-1] * 2])
    ours, auxiliary = imported.logits(tmp_path / "run", config, images, train=True)
    with torch.no_grad():
        expected = [output.numpy() for output in module.train()(to_torch(images))]
    for a, b in zip([ours, *auxiliary], expected, strict=True):
        assert_close(a, b)


def test_auxiliary_classifiers_that_a_file_has_not_are_drawn(tmp_path, monkeypatch):
    imported.add_dataset(monkeypatch, 64)
    config = config_of("googlenet-torchvision")
    module = torch_modules.randomise(torch_modules.GoogLeNet(CLASSES, auxiliary=False))
    torch.save(module.state_dict(), tmp_path / "a.pth")
    moved = import_weights(tmp_path / "a.pth", config, "", tmp_path / "run")
    assert moved.message == "aux4a, aux4d not there, drawn from the seed"
    found = imported.weights(tmp_path / "run")
    assert np.ptp(found["params/aux4a/dense1/kernel"]) > 0
    np.testing.assert_array_equal(found["params/head/bias"], module.fc.bias.detach().numpy())
