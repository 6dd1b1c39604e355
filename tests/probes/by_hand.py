"""A network on images of 1x1 pixels, written out in float64.

Of a 3x3 kernel only the middle then meets the image, and every layer is a matrix.
"""

from typing import NamedTuple

import numpy as np

SHAPE = (1, 1, 3)
OPTIONS = {"depth": 8, "width": 4, "norm": "none"}  # One block a stage.


class Example(NamedTuple):
    """What backpropagation has of one image.

    Attributes:
      logits: [k].
      stem: Jacobian [c, w] of the first feature map by the image.
      blocks: per block (through its branch, through its shortcut), Jacobians [w, w'].
      head: [w, k].
    """

    logits: np.ndarray
    stem: np.ndarray
    blocks: list[tuple[np.ndarray, np.ndarray]]
    head: np.ndarray

    def features(self) -> np.ndarray:
        """Jacobian [c, w] of the last feature map by the image."""
        out = self.stem
        for branch, shortcut in self.blocks:
            out = out @ (branch + shortcut)
        return out

    def along(self, path) -> np.ndarray:
        """The same by one path: whether it goes through each block's branch."""
        out = self.stem
        for through, both in zip(path, self.blocks, strict=True):
            out = out @ both[0 if through else 1]
        return out


def example(params, image, residual: bool) -> Example:
    """Forward and backward pass of an image [1, 1, c] through plain or residual blocks."""

    def layer(tree, h):
        weights = np.asarray(tree["kernel"], np.float64)
        weights = weights[1, 1] if weights.ndim == 4 else weights
        return h @ weights + np.asarray(tree["bias"], np.float64), weights

    z, stem = layer(params["stem_conv"], np.asarray(image, np.float64).ravel())
    stem = stem * (z > 0)
    h = np.maximum(z, 0)
    blocks = []
    for stage in ("stage1", "stage2", "stage3"):
        block = params[stage]["block01"]
        first, into = layer(block["conv1"], h)
        second, out = layer(block["conv2"], np.maximum(first, 0))
        extra = len(second) - len(h)
        # Option A: zeros for new channels, on both sides.
        carry = np.pad(np.eye(len(h)), ((0, 0), (extra // 2, extra - extra // 2))) * residual
        z = second + h @ carry
        blocks.append(((into * (first > 0)) @ out * (z > 0), carry * (z > 0)))
        h = np.maximum(z, 0)
    logits, head = layer(params["head"], h)
    return Example(logits, stem, blocks, head)
