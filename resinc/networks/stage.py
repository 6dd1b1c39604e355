"""A stage: n blocks at one resolution, written out or compiled once and looped over."""

from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from resinc.ops.layers import Layers


class Stage(nn.Module):
    """Blocks 1..n: the first may change the shape, the others are alike.

    Unrolled, the parameters are `block01`, `block02`, ...; scanned, those of blocks 2..n are
    stacked on a leading axis under `blocks` (`stack` and `unstack` convert), and compile time does
    not grow with n. Values agree either way.
    """

    block: Callable[..., nn.Module]
    layers: Layers
    features: int
    stride: int
    size: int
    scan: bool = True
    remat: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        def run(block: nn.Module, x: jax.Array) -> jax.Array:
            return block(x)

        if self.remat:
            run = nn.remat(run, prevent_cse=not self.scan)
        first = self.block(self.layers, self.features, self.stride, name="block01")
        x = run(first, x)
        if self.scan and self.size > 1:
            blocks = self.block(self.layers, self.features, name="blocks")
            loop = nn.scan(
                lambda block, x, _: (run(block, x), None),
                variable_axes={"params": 0, "batch_stats": 0},
                split_rngs={"params": True},
                length=self.size - 1,
            )
            x, _ = loop(blocks, x, None)
            return x
        for i in range(2, self.size + 1):
            x = run(self.block(self.layers, self.features, name=f"block{i:02d}"), x)
        return x


def unstack(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Scanned variables -> unrolled: every `blocks` [n-1, ...] becomes `block02` .. `blockn`."""
    out: dict[str, Any] = {}
    for name, child in tree.items():
        if name == "blocks":
            length = jax.tree.leaves(child)[0].shape[0]
            for i in range(length):
                out[f"block{i + 2:02d}"] = jax.tree.map(lambda leaf, i=i: leaf[i], child)
        else:
            out[name] = unstack(child) if isinstance(child, Mapping) else child
    return out


def stack(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Unrolled variables -> scanned: the inverse of `unstack`."""
    if "block02" not in tree:
        return {
            name: stack(child) if isinstance(child, Mapping) else child
            for name, child in tree.items()
        }
    # By number, not by name: block100 follows block99.
    rest = sorted(
        (n for n in tree if n[:5] == "block" and n != "block01"), key=lambda n: int(n[5:])
    )
    out = {name: child for name, child in tree.items() if name not in rest}
    out["blocks"] = jax.tree.map(lambda *leaves: jnp.stack(leaves), *[tree[n] for n in rest])
    return out
