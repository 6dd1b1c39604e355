"""AlexNet, the shallow baseline. Krizhevsky et al. 2012, section 3.5, and its one-tower form."""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from resinc.networks.head import flat
from resinc.networks.image_size import check_size
from resinc.networks.options import check_variant, dropout_of, layers_of
from resinc.ops.adaptive import adaptive_average_pool
from resinc.ops.kernels import he_normal
from resinc.ops.layers import Layers
from resinc.ops.lrn import local_response_norm
from resinc.ops.pool import max_pool

LEAST = 63  # Pixels: 63 become 15, 7, 3, 1.


class AlexNet(nn.Module):
    """Five convolutions with three poolings, three dense layers; 224 pixels become 55, 27, 13, 6.

    224 pixels do not fit a convolution 11x11/4: they are padded by 2 on each side, as in
    torchvision. Another image size is brought to 6x6 pixels before the dense layers by
    `ops.adaptive.adaptive_average_pool`.

    Attributes:
      layers: (train=...) -> Layers.
      widths: channels of the five convolutions.
      groups: of convolutions 2, 4 and 5: the paper's two GPUs.
      lrn: local response normalisation after convolutions 1 and 2, with the constants of section
        3.3; its alpha is not divided by the size, so 5e-4 here is 1e-4 there.
      drop_inputs: dropout before dense layers 6 and 7, as in torchvision; else behind them, as in
        the paper.
      dropout: its rate.
    """

    layers: Callable[..., Layers]
    num_classes: int
    widths: tuple[int, ...] = (64, 192, 384, 256, 256)
    groups: int = 1
    lrn: bool = False
    drop_inputs: bool = True
    dropout: float = 0.5

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """float [b, h, w, c] -> float32 logits [b, k].

        Raises:
          InputError: h or w is below 63.
        """
        check_size(x, LEAST, "alexnet")
        layers = self.layers(train=train)

        def conv(x: jax.Array, i: int, **options: Any) -> jax.Array:
            return layers.act(layers.conv(self.widths[i - 1], name=f"conv{i}", **options)(x))

        def pool(x: jax.Array) -> jax.Array:
            if self.lrn:
                x = local_response_norm(x, size=5, alpha=5e-4, beta=0.75, k=2.0)
            return max_pool(x, 3, 2)

        def drop(x: jax.Array, i: int) -> jax.Array:
            dropout = nn.Dropout(self.dropout, deterministic=not train, name=f"dropout{i}")
            return dropout(x) if self.dropout else x

        x = jnp.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)))
        x = pool(conv(x, 1, kernel_size=11, stride=4, padding="VALID"))
        x = pool(conv(x, 2, kernel_size=5, groups=self.groups))
        x = conv(x, 3)
        x = conv(x, 4, groups=self.groups)
        x = max_pool(conv(x, 5, groups=self.groups), 3, 2)
        x = flat(adaptive_average_pool(x, 6))
        for i in (6, 7):
            x = drop(x, i) if self.drop_inputs else x
            x = layers.act(nn.Dense(4096, kernel_init=he_normal, name=f"dense{i}")(x))
            x = x if self.drop_inputs else drop(x, i)
        return nn.Dense(self.num_classes, kernel_init=he_normal, name="head")(x)


def build(section: Any, num_classes: int, norm_axis: str | None) -> AlexNet:
    """The network of a `config.model` section.

    Variants: "one_tower" as in torchvision (Krizhevsky 2014), "two_groups" as in the paper.

    Raises:
      InputError: an unknown option.
    """
    paper = check_variant(section, ("one_tower", "two_groups")) == "two_groups"
    own: dict[str, Any] = {
        "widths": (96, 256, 384, 384, 256),
        "groups": 2,
        "lrn": True,
        "drop_inputs": False,
    }
    return AlexNet(
        layers=layers_of(section, norm_axis, norm="none"),
        num_classes=num_classes,
        dropout=dropout_of(section, 0.5),
        **(own if paper else {}),
    )
