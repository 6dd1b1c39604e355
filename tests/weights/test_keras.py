"""Keras Applications, imported from each of Keras' file formats: the logits are Keras'."""

import os

import jax
import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "jax")
h5py = pytest.importorskip("h5py", reason="h5py is optional")
keras = pytest.importorskip("keras", reason="Keras is optional")

from tests.weights import imported
from tests.weights.imported import CLASSES, assert_close, config_of

# Keras' own: NumPy 2 asks its variables for a copy keyword.
pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.usefixtures("uncached"),
]

PIXELS = 75  # The least that the inception networks take.


@pytest.fixture(autouse=True)
def lenient_jax_for_keras():
    """Keras relies on rank promotion."""
    with jax.numpy_rank_promotion("allow"):
        yield


def made(name: str):
    """A network of Keras Applications with random weights, statistics and biases; its logits."""
    model = getattr(keras.applications, name)(
        weights=None,
        input_shape=(PIXELS, PIXELS, 3),
        classes=CLASSES,
        classifier_activation=None,
    )
    rng = np.random.default_rng(0)
    for variable in model.variables:
        shape = tuple(variable.shape)
        if variable.name == "kernel":
            value = rng.normal(size=shape) * (2 / np.prod(shape[:-1])) ** 0.5
        elif variable.name in ("gamma", "moving_variance"):
            value = rng.uniform(0.5, 1.5, shape)
        elif variable.name in ("beta", "bias", "moving_mean"):
            value = rng.normal(size=shape) * 0.1
        else:  # State of a seed generator.
            continue
        variable.assign(value.astype(np.float32))
    images = rng.normal(size=(2, PIXELS, PIXELS, 3)).astype(np.float32)
    return model, images, np.asarray(model.predict(images, verbose=0))


def save_as_published(model, path) -> None:
    """The layout of the files that Keras Applications downloads: attributes list the names."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        for layer in model.layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}/{variable.name}:0" for variable in layer.weights]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, variable in zip(names, layer.weights, strict=True):
                group[name] = np.asarray(variable)


CASES = {
    "ResNet50": ("resnet-50", "keras-resnet50", ("a.h5", "b.weights.h5", "c.keras", "d.h5")),
    "InceptionV3": ("inception-v3-keras", "keras-inception_v3", ("a.h5", "b.weights.h5")),
    "InceptionResNetV2": ("inception-resnet-v2-keras", "keras-inception_resnet_v2", ("a.h5",)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_imported_logits_are_those_of_keras(name, tmp_path, monkeypatch):
    ours, layout, names = CASES[name]
    imported.add_dataset(monkeypatch, PIXELS)
    config = config_of(ours)
    model, images, expected = made(name)
    found = []
    for path in (tmp_path / file for file in names):
        if path.name == "a.h5":
            save_as_published(model, path)
        elif path.name.endswith(".weights.h5"):
            model.save_weights(path)
        else:
            model.save(path)
        told, flat = imported.read(path, config)
        assert told == layout
        found.append(flat)
    assert_close(imported.compute(found[0], config, images), expected)
    for other in found[1:]:
        assert other.keys() == found[0].keys()
        assert all(np.array_equal(other[key], found[0][key]) for key in other)
