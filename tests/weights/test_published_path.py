"""What a user of torchvision's published ResNet-50 does: import it, evaluate it on image files."""

import re

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is optional")

from PIL import Image

from resinc import cli
from resinc.train.trained.answers import answers
from resinc.train.trained.load import load_trained
from tests.data.pictures import encode, smooth
from tests.weights import torch_modules

CLASSES = ("cat", "dog", "emu")
SIZES = ((375, 500), (500, 333), (300, 257), (768, 1024), (224, 224), (256, 341))


@pytest.fixture(scope="module")
def module():
    """An eighth as wide, its weights drawn at random."""
    return torch_modules.randomise(torch_modules.ResNet((3, 4, 6, 3), True, 8, len(CLASSES)))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Six photographs to test, an image of each class to train on."""
    place = tmp_path_factory.mktemp("images")
    for number, size in enumerate(SIZES):
        folder = place / "val" / CLASSES[number % len(CLASSES)]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.JPEG").write_bytes(encode(smooth(*size, seed=number)))
    for name in CLASSES:
        folder = place / "train" / name
        folder.mkdir(parents=True)
        (folder / "0.JPEG").write_bytes(encode(smooth(40, 48)))
    return place


def as_torchvision_sees(file, mean, std):
    """float [1, 3, 224, 224]: Resize(256), CenterCrop(224), ToTensor, Normalize."""
    image = Image.open(file).convert("RGB")
    w, h = image.size
    w, h = (256, int(256 * h / w)) if w <= h else (int(256 * w / h), 256)
    image = image.resize((w, h), Image.Resampling.BILINEAR)
    top, left = round((h - 224) / 2), round((w - 224) / 2)
    pixels = np.asarray(image, np.float32)[top : top + 224, left : left + 224] / 255
    normalized = (pixels - np.float32(mean)) / np.float32(std)
    return torch.from_numpy(normalized.transpose(2, 0, 1)[None].copy())


def logits_of_torch(module, root, mean, std):
    files = sorted((root / "val").glob("*/*"))
    with torch.no_grad():
        return np.concatenate(
            [module(as_torchvision_sees(file, mean, std)).numpy() for file in files]
        )


@pytest.mark.slow  # Whole ResNet-50s are compiled.
def test_imported_resnet_50_answers_to_files_as_in_torchvision(module, root, tmp_path, capsys):
    torch.save(module.state_dict(), tmp_path / "resnet50.pth")
    recipe = [
        "--config=configs/imagenet.py:network=resnet-50-v1.5,images=3,batch=1",
        f"--config.data.dir={root}",
        "--config.model.width=8",
    ]
    run = tmp_path / "run"
    assert cli.main(["import", str(tmp_path / "resnet50.pth"), *recipe, f"--workdir={run}"]) == 0
    capsys.readouterr()
    theirs = logits_of_torch(module, root, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    found = answers(load_trained(run, "latest"), "test")
    scale = np.abs(theirs).max()
    # Two decoders and two resizers may round a pixel otherwise.
    np.testing.assert_allclose(found.logits, theirs, atol=0.01 * scale)
    assert found.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert cli.main(["eval", f"--workdir={run}"]) == 0
    said = capsys.readouterr().out
    wrong = np.mean(theirs.argmax(axis=1) != found.labels)
    assert f"{100 * wrong:.2f} %" in said
    assert re.search(r"\(6 examples\)", said)
    # With the normalisation of other weights all of that would be something else.
    other = logits_of_torch(module, root, (0.5,) * 3, (0.5,) * 3)
    assert np.abs(other - theirs).max() > 0.05 * scale
