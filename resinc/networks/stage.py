"""A stage: n blocks at one resolution, written out or compiled once and looped over."""

import math
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from resinc.networks.paths import FIRST, STACK, block_name
from resinc.ops.layers import Layers


class Stage(nn.Module):
    """Blocks 1..n: the first may change the shape, the others are alike.

    Unrolled, the parameters are `block01`, `block02`, ...; scanned, those of blocks 2..n are
    stacked on a leading axis under `blocks` (`paths.stack` and `paths.unstack` convert), and
    compile time does not grow with n. Values agree either way.

    With `remat`, training keeps the inputs of some blocks and computes the rest again when it goes
    back: unrolled those of all blocks, scanned those of every few (`segment_length`).
    """

    block: Callable[..., nn.Module]
    layers: Layers
    features: int
    stride: int
    size: int
    scan: bool = True
    remat: bool = False

    @nn.compact
    def __call__(self, x: jax.Array, gains: jax.Array | None = None) -> jax.Array:
        """[b, h, w, c] -> [b, h/stride, w/stride, features].

        Args:
          x: the input.
          gains: [n], a factor of each block's residual branch; None: no factor.
        """

        def run(block: nn.Module, x: jax.Array, gain: jax.Array | None) -> jax.Array:
            return block(x) if gain is None else block(x, gain)

        def gain(i: int) -> jax.Array | None:
            return None if gains is None else gains[i]

        if self.remat:
            run = nn.remat(run, prevent_cse=not self.scan)
        first = self.block(self.layers, self.features, self.stride, name=FIRST)
        x = run(first, x, gain(0))
        if self.scan and self.size > 1 and self.remat and self._trains():
            return self._in_segments(x, gains)
        if self.scan and self.size > 1:
            blocks = self.block(self.layers, self.features, name=STACK)
            loop = nn.scan(
                lambda block, x, gain: (run(block, x, gain), None),
                variable_axes={"params": 0, "batch_stats": 0},
                split_rngs={"params": True, "dropout": True},
                length=self.size - 1,
            )
            x, _ = loop(blocks, x, None if gains is None else gains[1:])
            return x
        for i in range(2, self.size + 1):
            block = self.block(self.layers, self.features, name=block_name(i))
            x = run(block, x, gain(i - 1))
        return x

    def _trains(self) -> bool:
        return self.layers.train and not self.is_initializing()

    def _in_segments(self, x: jax.Array, gains: jax.Array | None) -> jax.Array:
        """Blocks 2..n in segments, of which the inputs alone are kept for the way back.

        Chen et al. 2016 (arXiv 1604.06174), section 4.1. Not by `nn.scan`: its loops of loops ask
        for a length that divides and for parameters stacked twice.
        """
        block = self.block(self.layers, self.features, parent=None)

        def one(x: jax.Array, inputs: Any) -> tuple[jax.Array, Any]:
            params, stats, gain = inputs
            variables = {"params": params, "batch_stats": stats}
            given = () if gain is None else (gain,)
            y, updates = block.apply(variables, x, *given, mutable=["batch_stats"])
            return y, updates.get("batch_stats", {})

        def segment(x: jax.Array, inputs: Any) -> tuple[jax.Array, Any]:
            return lax.scan(one, x, inputs)

        inputs: Any = (
            self.get_variable("params", STACK),
            self.get_variable("batch_stats", STACK, {}),
            None if gains is None else gains[1:],
        )
        length = segment_length(self.size - 1)
        count = (self.size - 1) // length
        whole = jax.tree.map(
            lambda leaf: leaf[: count * length].reshape(count, length, *leaf.shape[1:]), inputs
        )
        x, stats = lax.scan(jax.checkpoint(segment, prevent_cse=False), x, whole)
        stats = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), stats)
        if count * length < self.size - 1:
            rest = jax.tree.map(lambda leaf: leaf[count * length :], inputs)
            x, more = jax.checkpoint(segment)(x, rest)
            stats = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), stats, more)
        if stats and self.is_mutable_collection("batch_stats"):
            self.put_variable("batch_stats", STACK, stats)
        return x


def segment_length(blocks: int) -> int:
    """Blocks per segment for the least memory: what is kept, blocks / length inputs and in one
    segment all that its blocks make, some six times their input each.
    """
    return max(1, round(math.sqrt(blocks / 6)))


def survival(keys: Any, last: float, sizes: tuple[int, ...], train: bool) -> list[jax.Array]:
    """Gains of stochastic depth, per stage. Huang et al. 2016, eq. 2, 4 and 5.

    Block l of L survives a training step with probability 1 - l/L (1 - last), all of a replica's
    batch alike; an evaluation multiplies its branch by that probability. The branch of a dropped
    block is computed and multiplied by zero, so that scanned blocks keep one program.

    Args:
      keys: a module's `make_rng`, called only in training.
      last: probability of the last block, in (0, 1].
      sizes: blocks per stage.
      train: whether to draw.

    Returns:
      Per stage float32 [size].
    """
    total = sum(sizes)
    kept = 1 - jnp.arange(1, total + 1) / total * (1 - last)
    if train:
        kept = jax.random.bernoulli(keys("dropout"), kept).astype(jnp.float32)
    ends = [sum(sizes[:i]) for i in range(1, len(sizes))]
    return jnp.split(kept, ends)
