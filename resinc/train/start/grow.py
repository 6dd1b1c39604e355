"""Deepen a trained network by blocks that are the identity. He et al. 2015, section 1.

The paper's construction: "the added layers are identity mapping, and the other layers are copied
from the learned shallower model". In evaluation the deeper network then computes what the shallow
one does; a deeper network should thus train no worse.
"""

from collections.abc import Collection
from statistics import NormalDist

import numpy as np

from resinc.errors import InputError
from resinc.networks.paths import block_number, depth_key
from resinc.weights.variables import Flat

BLOCKS = ("plain", "residual")
EPSILON = 1e-5  # Of BatchNorm in the networks of these blocks.


def identity_blocks(missing: Collection[str], there: Flat, ours: Flat, block: str) -> Flat:
    """Values of a deeper network's further blocks that make each of them the identity.

    Residual: the scale of the branch's last BatchNorm is 0; what does not show, its other arrays,
    is left out and may be drawn. Plain: kernels pass each channel on, and BatchNorms give back the
    mean and deviation that they take away: exactly so in evaluation, in training as far as the
    batch's own are near. They are those of a rectified normal variable, with what the BatchNorm
    before the last relu of the stage puts out.

    Args:
      missing: our paths that the shallow network has not.
      there: its variables.
      ours: path -> shape of ours.
      block: of both networks, one of BLOCKS.

    Raises:
      InputError: the block is of another kind, or has no BatchNorm.
    """
    if block not in BLOCKS or not any(path.startswith("batch_stats/") for path in ours):
        raise InputError(
            f"init_extra 'identity' needs blocks ({', '.join(BLOCKS)}) with BatchNorm, "
            f"not {block!r}"
        )
    found: Flat = {}
    for path in missing:
        names = path.split("/")
        if len(names) != 5 or block_number(names[2]) is None:
            continue
        _, stage, _, layer, leaf = names
        shape = ours[path].shape
        if block == "residual":
            if (layer, leaf) == ("norm2", "scale"):
                found[path] = np.zeros(shape, np.float32)
        elif leaf == "kernel":
            found[path] = passing_on(shape)
        else:
            mean, variance = arriving(there, stage)
            values = {"mean": mean, "bias": mean, "var": variance}
            values["scale"] = np.sqrt(variance + EPSILON)
            found[path] = values[leaf].astype(np.float32)
    return found


def passing_on(shape: tuple[int, ...]) -> np.ndarray:
    """A kernel [kh, kw, c, c] whose convolution is the identity."""
    kernel = np.zeros(shape, np.float32)
    kernel[shape[0] // 2, shape[1] // 2] = np.eye(shape[2])
    return kernel


def arriving(there: Flat, stage: str) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance [c] of what the last block of a stage puts out, were it normal before relu.

    With x normal of mean b and deviation s: E relu(x) = b P(b/s) + s p(b/s) and E relu(x)^2 =
    (b^2 + s^2) P(b/s) + b s p(b/s), p and P the standard normal density and distribution.
    """
    blocks = {path.split("/")[2] for path in there if path.startswith(f"params/{stage}/")}
    last = f"params/{stage}/{max(blocks, key=depth_key)}/norm2"
    bias = np.asarray(there[f"{last}/bias"], np.float64)
    deviation = np.maximum(np.abs(np.asarray(there[f"{last}/scale"], np.float64)), 1e-12)
    # P and p; scipy would take every run half a second to import.
    below, density = (
        np.vectorize(f)(bias / deviation) for f in (NormalDist().cdf, NormalDist().pdf)
    )
    mean = bias * below + deviation * density
    square = (bias**2 + deviation**2) * below + bias * deviation * density
    return mean, np.maximum(square - mean**2, 0.0)
