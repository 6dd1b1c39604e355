"""The CIFAR family of He et al. 2015, section 4.2: 6n+2 weighted layers, plain or residual."""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from resinc.blocks import BLOCKS
from resinc.errors import InputError
from resinc.networks.stage import Stage
from resinc.ops.layers import he_normal, make_layers
from resinc.ops.shortcut import SHORTCUTS
from resinc.registry import lookup


def blocks_per_stage(depth: int) -> int:
    """n of depth = 6n+2: a stem, three stages of n blocks of two layers, a dense layer.

    Raises:
      InputError: no n >= 1 gives this depth.
    """
    n, rest = divmod(depth - 2, 6)
    if rest or n < 1:
        below = max(8, depth - rest)
        near = f"{below} and {below + 6}" if depth > 8 else "8 and 14"
        raise InputError(f"depth {depth} is not 6n+2 with n >= 1: the nearest are {near}")
    return n


class CifarNetwork(nn.Module):
    """conv3x3, three stages of n blocks with width, 2 width and 4 width channels, mean, dense.

    The stages halve the resolution at their first block (32, 16, 8 pixels for CIFAR). Any input
    of at least 4x4 pixels works.

    Attributes:
      block: one of BLOCKS.
      shortcut: one of SHORTCUTS.
      norm_axis: replica axis for synchronised BatchNorm, or None.
    """

    block: Callable[..., nn.Module]
    shortcut: Callable[..., jax.Array]
    depth: int
    num_classes: int
    width: int = 16
    scan: bool = True
    remat: bool = False
    dtype: Any = jnp.float32
    norm_decay: float = 0.9
    norm_axis: str | None = None

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """float [b, h, w, c] -> float32 logits [b, k]."""
        n = blocks_per_stage(self.depth)
        layers = make_layers(
            train=train,
            shortcut=self.shortcut,
            dtype=self.dtype,
            norm_decay=self.norm_decay,
            norm_axis=self.norm_axis,
        )
        x = layers.conv(self.width, name="stem_conv")(x)
        x = layers.act(layers.norm(name="stem_norm")(x))
        for i, (features, stride) in enumerate(
            [(self.width, 1), (2 * self.width, 2), (4 * self.width, 2)], start=1
        ):
            x = Stage(
                self.block,
                layers,
                features,
                stride,
                n,
                scan=self.scan,
                remat=self.remat,
                name=f"stage{i}",
            )(x)
        x = jnp.mean(x.astype(jnp.float32), axis=(1, 2))
        return nn.Dense(self.num_classes, kernel_init=he_normal, name="head")(x)


def build(section: Any, num_classes: int, norm_axis: str | None) -> CifarNetwork:
    """The network of a `config.model` section.

    Raises:
      InputError: an unknown block or shortcut, or a depth that is not 6n+2.
    """
    blocks_per_stage(section.depth)
    if section.width < 1:
        raise InputError(f"model.width {section.width} is not positive")
    return CifarNetwork(
        block=lookup(BLOCKS, section.block, "block"),
        shortcut=lookup(SHORTCUTS, section.shortcut, "shortcut"),
        depth=section.depth,
        num_classes=num_classes,
        width=section.width,
        scan=section.scan,
        remat=section.remat,
        dtype=lookup(DTYPES, section.dtype, "dtype"),
        norm_decay=section.batch_norm_decay,
        norm_axis=norm_axis if section.sync_batch_norm else None,
    )


DTYPES = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}
