"""Networks: stem, stages of blocks, head. To add one: its file, and its line here."""

from collections.abc import Callable
from typing import Any

import flax.linen as nn

from resinc.networks import (
    alexnet,
    cifar,
    googlenet,
    imagenet,
    inception_resnet,
    inception_v3,
    inception_v4,
    nin,
    signs,
    stack,
)
from resinc.registry import lookup

NETWORKS: dict[str, Callable[[Any, int, str | None], nn.Module]] = {
    "cifar": cifar.build,
    "imagenet": imagenet.build,
    "signs": signs.build,
    "stack": stack.build,
    "nin": nin.build,
    "alexnet": alexnet.build,
    "googlenet": googlenet.build,
    "inception_v3": inception_v3.build,
    "inception_v4": inception_v4.build,
    "inception_resnet": inception_resnet.build,
}


def build(section: Any, num_classes: int, norm_axis: str | None = None) -> nn.Module:
    """The Linen module of a `config.model` section: `network.apply(variables, x, train)`.

    Args:
      section: `config.model`.
      num_classes: k, columns of the logits.
      norm_axis: name of the replica axis, used when `section.sync_batch_norm`.

    Raises:
      InputError: an unknown name, or a depth that the network does not have.
    """
    return lookup(NETWORKS, section.name, "network")(section, num_classes, norm_axis)
