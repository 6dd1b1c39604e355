"""Import a file and compute with what came out."""

import dataclasses
from pathlib import Path

import jax
import numpy as np
from ml_collections import ConfigDict

from configs import base
from resinc import zoo
from resinc.data import DATASETS
from resinc.networks.variables import variable_shapes
from resinc.train.assemble import assemble
from resinc.train.checkpoints.checkpoint import Checkpoints
from resinc.train.start.initial import shapes
from resinc.weights import files
from resinc.weights.layouts import LAYOUTS, guess
from resinc.weights.match import match, refuse
from resinc.weights.variables import flatten, nest

CLASSES = 7


def add_dataset(monkeypatch, pixels: int, classes: int = CLASSES) -> None:
    """A data set called tiny: weights are imported for one, but its images are never read."""
    spec = dataclasses.replace(
        DATASETS["synthetic"],
        name="tiny",
        image_shape=(pixels, pixels, 3),
        num_classes=classes,
    )
    monkeypatch.setitem(DATASETS, "tiny", spec)


def config_of(name: str, dataset: str = "tiny", **model) -> ConfigDict:
    """Base config of a network of the zoo, one replica."""
    config = base.get_config()
    config.model.update(zoo.named(name).model)
    config.model.update(model)
    config.data.name = dataset
    config.data.normalize = "none"
    config.parallel.replicas = 1
    return config.lock()


def weights(folder: Path, step: int = 0) -> dict[str, np.ndarray]:
    checkpoints = Checkpoints(folder, read_only=True)
    flat = flatten(checkpoints.restore_weights(step))
    checkpoints.close()
    return flat


def logits(folder: Path, config: ConfigDict, images: np.ndarray, train: bool = False):
    """[b, k] of an imported run; in training (batch statistics), the auxiliary logits too."""
    return compute(weights(folder), config, images, train)


def compute(flat: dict[str, np.ndarray], config: ConfigDict, images: np.ndarray, train=False):
    """The same of weights in memory."""
    network = assemble(config).network

    def apply(variables, images):
        if not train:
            return network.apply(variables, images, train=False)
        out, updates = network.apply(
            variables, images, train=True, mutable=["batch_stats", "auxiliary"]
        )
        return out, jax.tree.leaves(updates["auxiliary"])

    variables = nest(flat, variable_shapes(network, images.shape[1:]))
    return jax.device_get(jax.jit(apply)(variables, images))


def read(file: Path, config: ConfigDict) -> tuple[str, dict[str, np.ndarray]]:
    """The layout that a file is told to have, and our variables; nothing is written."""
    ours = flatten(shapes(assemble(config)))
    arrays = files.read(file).arrays
    name = guess(arrays)
    matched = match(LAYOUTS[name], arrays, ours)
    refuse(matched, ours, str(file))
    return name, matched.found


def assert_close(ours, theirs) -> None:
    """Within 1e-4 of the largest magnitude, which is not zero."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.shape == theirs.shape
    scale = np.abs(theirs).max()
    assert 1e-3 < scale < 1e6
    assert np.abs(ours - theirs).max() <= 1e-4 * scale
