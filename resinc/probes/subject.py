"""What a probe measures."""

from typing import Any, NamedTuple

import flax.linen as nn
import jax


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
