"""How much gradient comes by short paths. Veit et al. 2016 (arXiv 1605.06431), section 4.3.

A network of n residual blocks is a sum over 2^n paths, each through the branch or the shortcut of
every block; C(n, k) of them go through the branches of k blocks. As in the paper: the forward pass
is the whole network's; on the way back the gradient goes through the branch alone of k blocks drawn
at random, and past the branches of the others, and its norm at the image is taken. The mean of that
over draws, times C(n, k), is what the paths of length k bring.

That adds up norms: paths that cancel each other count in full, so the shares are of magnitude, not
of the gradient that is their sum. Where few paths of a length exist all are taken, else as many
are drawn. BatchNorm's statistics are held, so that few images do.
"""

import dataclasses
import functools
import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from resinc.networks.paths import FIRST, STACK, stack, stage_name
from resinc.networks.staged import StagedNetwork
from resinc.ops.layers import Layers
from resinc.ops.loss import cross_entropy
from resinc.probes.statistics import reestimated
from resinc.probes.subject import Subject, check_shortcuts

EXAMPLES, DRAWS = 8, 8


class Routed(nn.Module):
    """A block with its own parameters, and one more: what goes back through branch and shortcut.

    Attributes:
      make: the block's class, or its class with options.
    """

    make: Callable[..., nn.Module]
    layers: Layers
    features: int
    stride: int = 1

    def setup(self) -> None:
        route = self.param("route", nn.initializers.ones, (2,))
        layers = dataclasses.replace(
            self.layers, branch_gradient=route[0], shortcut_gradient=route[1]
        )
        self.block = self.make(layers, self.features, self.stride)
        nn.share_scope(self, self.block)

    def __call__(self, x: jax.Array, gain: jax.Array | None = None) -> jax.Array:
        return self.block(x, gain)


def check(section: Any) -> None:
    """Check that there are blocks with a branch and a shortcut.

    Raises:
      InputError: the network is not made of such.
    """
    check_shortcuts("path_lengths", section)


def measure(subject: Subject) -> dict[str, Any]:
    """By the number k of blocks whose branch a path goes through, for the loss of 8 examples.

    Returns:
      "blocks": n.
      "magnitude": {k: mean norm of one path's gradient at the images}.
      "share": {k: that times C(n, k), over the sum of these}.
      "short": sum of the shares of k up to n / 3: what comes by paths through at most a third of
        the blocks.
    """
    network = subject.network
    assert isinstance(network, StagedNetwork)
    gradient = path_gradients(subject)
    blocks = sum(network.sizes)
    random = np.random.RandomState(0)
    magnitude = {
        k: float(np.mean([np.linalg.norm(gradient(path)) for path in paths(blocks, k, random)]))
        for k in range(blocks + 1)
    }
    # Of 600 blocks C(n, k) has 179 digits: logarithms, and relative to the largest.
    logs = {k: _log_paths(blocks, k) + math.log(m) for k, m in magnitude.items() if m > 0}
    most = max(logs.values(), default=0.0)
    brought = {k: math.exp(logs[k] - most) if k in logs else 0.0 for k in magnitude}
    total = sum(brought.values()) or 1.0
    return {
        "blocks": blocks,
        "magnitude": {str(k): m for k, m in magnitude.items()},
        "share": {str(k): value / total for k, value in brought.items()},
        "short": sum(value for k, value in brought.items() if 3 * k <= blocks) / total,
    }


def paths(blocks: int, k: int, random: np.random.RandomState) -> Iterator[np.ndarray]:
    """bool [blocks], k of them True: all there are, or DRAWS of them, which may repeat."""
    if math.comb(blocks, k) <= DRAWS:
        chosen: Any = itertools.combinations(range(blocks), k)
    else:
        chosen = (random.choice(blocks, k, replace=False) for _ in range(DRAWS))
    for through in chosen:
        yield np.isin(np.arange(blocks), through)


def path_gradients(subject: Subject) -> Callable[[np.ndarray], np.ndarray]:
    """(bool [n], whether the path goes through each block's branch) -> its gradient [b, h, w, c].

    Of the mean cross-entropy of the examples, by their pixels. The gradients of all 2^n paths sum
    to the network's.
    """
    block = functools.partial(Routed, subject.network.block)
    network = subject.network.clone(block=block, scan=True)
    ends = np.cumsum(network.sizes)[:-1]
    images, labels = (part[:EXAMPLES] for part in subject.batch)

    @jax.jit
    def statistics(variables: Any, images: jax.Array) -> Any:
        return reestimated(subject.network, variables, images)

    @jax.jit
    def gradient(variables: Any, routes: Any, images: jax.Array, labels: jax.Array) -> jax.Array:
        params = _routed(variables["params"], routes)

        def loss(images: jax.Array) -> jax.Array:
            logits: Any = network.apply({**variables, "params": params}, images, train=False)
            return jnp.mean(cross_entropy(logits, labels))

        return jax.grad(loss)(images)

    own = {**subject.variables, "batch_stats": statistics(subject.variables, subject.batch[0])}
    variables = {name: stack(tree) for name, tree in own.items()}

    def along(path: np.ndarray) -> np.ndarray:
        both = np.stack([path, ~path], axis=1).astype(np.float32)
        routes = {stage_name(i): rows for i, rows in enumerate(np.split(both, ends), start=1)}
        return np.asarray(gradient(variables, routes, images, labels))

    return along


def _log_paths(blocks: int, k: int) -> float:
    return math.lgamma(blocks + 1) - math.lgamma(k + 1) - math.lgamma(blocks - k + 1)


def _routed(params: Mapping[str, Any], routes: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of routed blocks; `routes` holds [size, 2] per stage."""
    out = dict(params)
    for stage, rows in routes.items():
        out[stage] = {
            **params[stage],
            FIRST: {**params[stage][FIRST], "route": rows[0]},
        }
        if STACK in params[stage]:
            out[stage][STACK] = {**params[stage][STACK], "route": rows[1:]}
    return out
