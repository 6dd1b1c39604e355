"""Inception-v3 and Inception-ResNet-v2 against Keras Applications."""

import os

import jax
import numpy as np
import pytest

from configs.base import get_config
from resinc.networks import build
from resinc.networks.paths import stack

# Keras reads its back end once, at import; any other would bring a framework of its own.
os.environ.setdefault("KERAS_BACKEND", "jax")
keras = pytest.importorskip("keras", reason="Keras is an optional package")
pytest.importorskip("torch", reason="the harness is of PyTorch, an optional package")

from tests.parity.torch_order import apply, assert_close, filled

pytestmark = pytest.mark.usefixtures("uncached")

if keras.backend.backend() != "jax":
    pytest.skip("Keras runs on another back end", allow_module_level=True)

CLASSES = 10
NAMES = {"beta": "bias", "moving_mean": "mean", "moving_variance": "var"}
# Our network and variant, and the number that Keras states.
CASES = {
    "InceptionV3": ("inception_v3", "keras", 23_851_784),
    "InceptionResNetV2": ("inception_resnet", "v2_keras", 55_873_736),
}


def made_in_order(monkeypatch, make):
    """A model, and its layers with weights in the order of computation, not of its list."""
    called = []
    call = keras.layers.Layer.__call__

    def noted(self, *args, **kwargs):
        called.append(self)
        return call(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(keras.layers.Layer, "__call__", noted)
        model = make()
    return model, [layer for layer in called if layer.weights]


def arrays_of(layer):
    """Arrays of a layer under our names, filled at random."""
    random = np.random.default_rng(len(layer.name))
    arrays = {}
    for weight in layer.weights:
        shape = tuple(weight.shape)
        if weight.name == "kernel":
            value = random.normal(size=shape) * (2 / np.prod(shape[:-1])) ** 0.5
        elif weight.name == "moving_variance":
            value = random.uniform(0.5, 1.5, shape)
        else:
            value = random.normal(size=shape) * 0.1
        value = value.astype(np.float32)
        weight.assign(value)
        arrays[NAMES.get(weight.name, weight.name)] = value
    return arrays


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_inception_agrees_with_keras_applications(case, monkeypatch):
    name, variant, parameters = CASES[case]
    shape = (75, 75, 3)

    def make():
        return getattr(keras.applications, case)(
            weights=None, input_shape=shape, classes=CLASSES, classifier_activation=None
        )

    model, layers = made_in_order(monkeypatch, make)
    # Of 1000 classes, and statistics included: keras.io/api/applications.
    assert model.count_params() == parameters - (1000 - CLASSES) * (layers[-1].input.shape[-1] + 1)
    weights = {layer.name: arrays_of(layer) for layer in layers}

    section = get_config().model
    section.update({"name": name, "variant": variant})
    network = build(section, CLASSES)
    unrolled = network.clone(scan=False) if hasattr(network, "scan") else network
    variables, _ = filled(unrolled, shape, weights)
    images = np.random.default_rng(1).normal(size=(2, *shape)).astype(np.float32)
    logits, _ = apply(network, stack(variables), images, train=False)
    with jax.numpy_rank_promotion("allow"):  # Keras is less strict.
        assert_close(logits, model(images, training=False))
