"""What a probe measures."""

from typing import Any, NamedTuple

import flax.linen as nn
import jax

from resinc.blocks import BLOCKS
from resinc.errors import InputError
from resinc.registry import lookup

# Networks of stages of blocks.
STAGED = ("cifar", "imagenet", "signs")


class Subject(NamedTuple):
    """A network with its weights at one step, and examples to try it on.

    Attributes:
      section: `config.model`.
      num_classes: k.
      network: of the section, with BatchNorm over the batch it is given.
      params: on one device.
      batch_stats: running statistics, likewise.
      batch: (float32 [b, h, w, c] normalised, int32 [b]), training examples without augmentation.
      test: likewise, test examples.
    """

    section: Any
    num_classes: int
    network: nn.Module
    params: Any
    batch_stats: Any
    batch: tuple[jax.Array, jax.Array]
    test: tuple[jax.Array, jax.Array]

    @property
    def variables(self) -> dict[str, Any]:
        """As `network.apply` takes them."""
        return {"params": self.params, "batch_stats": self.batch_stats}


def check_stages(probe: str, section: Any) -> None:
    """Check that a `config.model` section is of a network of stages of blocks.

    Raises:
      InputError: it is not; names the probe that needs one.
    """
    if section.name not in STAGED:
        raise InputError(
            f"probe {probe!r} needs a network of stages of blocks ({', '.join(STAGED)}), not "
            f"{section.name!r}"
        )


def check_shortcuts(probe: str, section: Any) -> None:
    """Check that its blocks have a shortcut, too.

    Raises:
      InputError: they have none, or there are no stages.
    """
    if section.name not in STAGED or not lookup(BLOCKS, section.block, "block").has_branch:
        raise InputError(
            f"probe {probe!r} needs blocks with a shortcut in a network of blocks "
            f"({', '.join(STAGED)}), not {section.block!r} in {section.name!r}"
        )
