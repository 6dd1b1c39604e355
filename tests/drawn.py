"""Variables of networks drawn by NumPy: to compile an initialiser takes longer than most tests."""

from typing import Any

import flax.linen as nn
import jax
import numpy as np

from resinc.networks.variables import variable_shapes


def variables(network: nn.Module, image_shape: tuple[int, int, int], seed: int = 0) -> Any:
    """Kernels of He et al.; scales and variances about 1, biases and means about 0."""
    random = np.random.default_rng(seed)

    def draw(path: Any, leaf: Any) -> np.ndarray:
        name = path[-1].key
        deviation = (2 / np.prod(leaf.shape[:-1])) ** 0.5 if name == "kernel" else 0.1
        if name == "kernel" and leaf.ndim == 5:  # Of blocks that are scanned, the first axis.
            deviation *= leaf.shape[0] ** 0.5
        mean = 1 if name in ("scale", "var") else 0
        return (mean + random.normal(size=leaf.shape) * deviation).astype(np.float32)

    return jax.tree_util.tree_map_with_path(draw, variable_shapes(network, image_shape))
