"""Test error with single blocks removed or moved. Veit et al. 2016, sections 4.1 to 4.3.

The first block of a stage may change the shape, so it stays where it is; the others are alike in
shape and can be left out or change places. What is left out passes on what it is given.

BatchNorms behind a removed block normalise by statistics of what it used to put out. With these
re-estimated, the error is of what the network has lost; without, as in the paper, of that and of
the mismatch.
"""

import functools
import itertools
import operator
from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from resinc.networks.paths import FIRST, STACK, depth_key, stack, stacked_name
from resinc.ops.layers import Layers
from resinc.ops.loss import mistakes
from resinc.probes.statistics import reestimated
from resinc.probes.subject import Subject, check_stages

# Pairs of blocks that change places; those numbers count that do not exceed the pairs there are.
SWAPS = (1, 2, 3, 6, 12)
DRAWS = 5
# Of the test set, and of the training set for statistics: an error to 0.2 %, each error a pass.
EXAMPLES, BATCH_EXAMPLES = 500, 128


class Switched(nn.Module):
    """A block with its own parameters, and one more that switches it off.

    Attributes:
      make: the block's class, or its class with options.
    """

    make: Callable[..., nn.Module]
    layers: Layers
    features: int
    stride: int = 1

    def setup(self) -> None:
        self.kept = self.param("kept", nn.initializers.ones, ())
        self.block = self.make(self.layers, self.features, self.stride)
        nn.share_scope(self, self.block)

    def __call__(self, x: jax.Array, gain: jax.Array | None = None) -> jax.Array:
        y = self.block(x, gain)
        return jnp.where(self.kept > 0, y, x) if y.shape == x.shape else y


def check(section: Any) -> None:
    """Check that there are stages of blocks.

    Raises:
      InputError: the network is not made of such.
    """
    check_stages("lesions", section)


def measure(subject: Subject) -> dict[str, Any]:
    """Test errors in evaluation mode, as fractions.

    Returns:
      "whole": of the network as it is.
      "removed": {"stage1/block02": with that block left out}, in depth order.
      "permuted": {number of swaps: [with so many pairs of blocks swapped, one per draw]}. The
        blocks of a pair are of one stage; no pair is drawn twice.
      "reestimated": {"whole", "removed"} likewise, with the BatchNorm statistics of the network
        that is left, from training examples.
    """
    # One program serves all lesions: which blocks run, and in which order, are its arguments.
    block = functools.partial(Switched, subject.network.block)
    network = subject.network.clone(block=block, scan=True)
    trees = {name: stack(tree) for name, tree in subject.variables.items()}
    every = max(1, len(subject.test[1]) // EXAMPLES)
    images, labels = (part[::every][:EXAMPLES] for part in subject.test)
    batch = subject.batch[0][:BATCH_EXAMPLES]

    @jax.jit
    def as_it_is(
        trees: Any, orders: Any, kept: Any, images: jax.Array, labels: jax.Array
    ) -> jax.Array:
        params, batch_stats = (_ordered(trees[name], orders) for name in ("params", "batch_stats"))
        variables = {"params": _switched(params, kept), "batch_stats": batch_stats}
        logits: Any = network.apply(variables, images, train=False)
        return jnp.mean(mistakes(logits, labels))

    @jax.jit
    def statistics(trees: Any, kept: Any, batch: jax.Array) -> Any:
        variables = {**trees, "params": _switched(trees["params"], kept)}
        return reestimated(network, variables, batch)

    def run(orders: Any, kept: Any) -> float:
        return float(as_it_is(trees, orders, kept, images, labels))

    def run_again(kept: Any) -> float:
        own = {**trees, "batch_stats": statistics(trees, kept, batch)}
        return float(as_it_is(own, orders, kept, images, labels))

    sizes = {
        name: jax.tree.leaves(trees["params"][name][STACK])[0].shape[0]
        for name in sorted(trees["params"], key=depth_key)
        if STACK in trees["params"][name]
    }
    orders = {stage: np.arange(n) for stage, n in sizes.items()}
    kept = {stage: np.ones(n, np.float32) for stage, n in sizes.items()}

    def without(stage: str, i: int) -> dict[str, np.ndarray]:
        return {**kept, stage: np.where(np.arange(sizes[stage]) == i, 0, kept[stage])}

    lesions = {
        stacked_name(f"{stage}/{STACK}", i): without(stage, i)
        for stage, n in sizes.items()
        for i in range(n)
    }

    random = np.random.RandomState(0)
    pairs = [
        (stage, *pair) for stage, n in sizes.items() for pair in itertools.combinations(range(n), 2)
    ]

    def permuted(swaps: int) -> float:
        moved = {stage: order.copy() for stage, order in orders.items()}
        for chosen in random.choice(len(pairs), swaps, replace=False):
            stage, i, j = pairs[chosen]
            moved[stage][[i, j]] = moved[stage][[j, i]]
        return run(moved, kept)

    return {
        "whole": run(orders, kept),
        "removed": {name: run(orders, left) for name, left in lesions.items()},
        "permuted": {
            str(swaps): [permuted(swaps) for _ in range(DRAWS)]
            for swaps in SWAPS
            if swaps <= len(pairs)
        },
        "reestimated": {
            "whole": run_again(kept),
            "removed": {name: run_again(left) for name, left in lesions.items()},
        },
    }


def _ordered(tree: Mapping[str, Any], orders: Mapping[str, jax.Array]) -> dict[str, Any]:
    """The stacked blocks of each stage, block i taken from row `orders[stage][i]`."""
    out = dict(tree)
    for name, order in orders.items():
        if name in tree:
            rows = jax.tree.map(operator.itemgetter(order), tree[name][STACK])
            out[name] = {**tree[name], STACK: rows}
    return out


def _switched(params: Mapping[str, Any], kept: Mapping[str, jax.Array]) -> dict[str, Any]:
    """Parameters of switched blocks; those outside a stack are on."""
    out = {name: dict(child) for name, child in params.items()}
    for stage in (name for name in out if FIRST in out[name]):
        out[stage][FIRST] = {**out[stage][FIRST], "kept": jnp.ones(())}
        if stage in kept:
            out[stage][STACK] = {**out[stage][STACK], "kept": kept[stage]}
    return out
