"""BatchNorm statistics of the network as it is being measured.

Running statistics are those of the network in training. At the first step they say nothing yet, and
behind a removed block they are of what no longer arrives: an error then shows the mismatch, too.
"""

import functools
from typing import Any

import flax.linen as nn
import jax

from resinc.networks.staged import StagedNetwork


def reestimated(network: nn.Module, variables: Any, images: jax.Array) -> Any:
    """Running statistics from one pass over a batch in training mode.

    With them the network computes in evaluation what it computes for that batch in training, but
    each example by itself.

    Args:
      network: of stages, with these variables.
      variables: {"params", "batch_stats"}.
      images: float32 [b, h, w, c], training examples.

    Returns:
      `batch_stats` of that batch alone; {} of a network without BatchNorm.
    """
    assert isinstance(network, StagedNetwork)
    layers = functools.partial(network.layers, norm_decay=0.0)
    _, updates = network.clone(layers=layers).apply(
        variables,
        images,
        train=True,
        mutable=["batch_stats", "auxiliary"],
        rngs={"dropout": jax.random.key(0)},
    )
    return updates.get("batch_stats", {})
