"""GoogLeNet: nine inception modules, two auxiliary classifiers. Szegedy et al. 2014, Table 1."""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax

from resinc.blocks.inception import Filters, InceptionModule
from resinc.networks.head import flat, head
from resinc.networks.image_size import check_size
from resinc.networks.options import check_variant, dropout_of, layers_of
from resinc.ops.adaptive import adaptive_average_pool
from resinc.ops.kernels import he_normal
from resinc.ops.layers import ConvUnit, Layers
from resinc.ops.lrn import local_response_norm
from resinc.ops.pool import average_pool, max_pool

# Columns: #1x1, #3x3 reduce, #3x3, #5x5 reduce, #5x5, pool proj.
MODULES = {
    "3a": Filters(64, 96, 128, 16, 32, 32),
    "3b": Filters(128, 128, 192, 32, 96, 64),
    "4a": Filters(192, 96, 208, 16, 48, 64),
    "4b": Filters(160, 112, 224, 24, 64, 64),
    "4c": Filters(128, 128, 256, 24, 64, 64),
    "4d": Filters(112, 144, 288, 32, 64, 64),
    "4e": Filters(256, 160, 320, 32, 128, 128),
    "5a": Filters(256, 160, 320, 32, 128, 128),
    "5b": Filters(384, 192, 384, 48, 128, 128),
}
# Modules whose output an auxiliary classifier sees. Section 5.
AUXILIARY = ("4a", "4d")
LEAST = 32  # Pixels; 31 would do, less leave nothing after the last pooling.


class AuxiliaryHead(nn.Module):
    """mean5x5/3, conv1x1 of 128, dense of 1024, dropout, dense. Szegedy et al. 2014, section 5.

    Attributes:
      layers: of the network.
      num_classes: k.
      dropout: before the last layer.
      pixels: 0, or the fixed size of the mean's output, as in torchvision (4). A map below 5x5
        pixels is averaged as a whole where the size is not fixed.
    """

    layers: Layers
    num_classes: int
    dropout: float = 0.7
    pixels: int = 0

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """[b, h, w, c] -> float32 logits [b, k], which are also sown into "auxiliary"."""
        if self.pixels:
            x = adaptive_average_pool(x, self.pixels)
        else:
            x = average_pool(x, min(5, *x.shape[1:3]), 3)
        x = flat(ConvUnit(self.layers, 128, name="conv1")(x))
        x = nn.relu(nn.Dense(1024, kernel_init=he_normal, name="dense1")(x))
        if self.dropout:
            drop = nn.Dropout(self.dropout, deterministic=not self.layers.train, name="dropout")
            x = drop(x)
        logits = nn.Dense(self.num_classes, kernel_init=he_normal, name="dense2")(x)
        if not self.is_initializing():  # Parameters are wanted of `init`, not logits.
            self.sow("auxiliary", "logits", logits)
        return logits


class GoogLeNet(nn.Module):
    """Three convolutions, modules 3a to 5b with poolings between, mean, dense. Table 1.

    224 pixels become 112, 56, 28, 14, 7. All poolings round up, as the authors' do. In training,
    and where parameters are made, two auxiliary classifiers `aux4a` and `aux4d` run besides.

    Attributes:
      layers: (train=...) -> Layers.
      lrn: local response normalisation after the first pooling and the third convolution.
      five: size of the modules' largest kernel.
      last_pool: window of the pooling before 5a.
      pixels: of the auxiliary classifiers' mean, see `AuxiliaryHead`.
      dropout: before the dense layer.
      auxiliary_dropout: likewise, of the auxiliary classifiers.
    """

    layers: Callable[..., Layers]
    num_classes: int
    lrn: bool = True
    five: int = 5
    last_pool: int = 3
    pixels: int = 0
    dropout: float = 0.4
    auxiliary_dropout: float = 0.7

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """float [b, h, w, c] -> float32 logits [b, k].

        Raises:
          InputError: h or w is below 32.
        """
        check_size(x, LEAST, "googlenet")
        layers = self.layers(train=train)
        normalise = local_response_norm if self.lrn else lambda x: x

        x = ConvUnit(layers, 64, 7, 2, name="stem_conv1")(x)
        x = normalise(max_pool(x, 3, 2, ceil=True))
        x = ConvUnit(layers, 64, 1, name="stem_conv2")(x)
        x = normalise(ConvUnit(layers, 192, 3, name="stem_conv3")(x))
        x = max_pool(x, 3, 2, ceil=True)
        for name, filters in MODULES.items():
            if name == "4a":
                x = max_pool(x, 3, 2, ceil=True)
            if name == "5a":
                x = max_pool(x, self.last_pool, 2, ceil=True)
            x = InceptionModule(layers, filters, five=self.five, name=f"inception{name}")(x)
            if name in AUXILIARY and (train or self.is_initializing()):
                classify = AuxiliaryHead(
                    layers,
                    self.num_classes,
                    self.auxiliary_dropout,
                    self.pixels,
                    name=f"aux{name}",
                )
                classify(x)
        return head(x, self.num_classes, train, dropout=self.dropout)


def build(section: Any, num_classes: int, norm_axis: str | None) -> GoogLeNet:
    """The network of a `config.model` section.

    Variants: "lrn" is the paper's, with biases; "batch_norm" has BatchNorm in place of both;
    "torchvision" has what its published weights have: BatchNorm, 3x3 in place of 5x5, 2x2 for the
    last pooling, dropout 0.2. `model.dropout` also replaces that of the auxiliary classifiers.

    Raises:
      InputError: an unknown option.
    """
    variant = check_variant(section, ("lrn", "batch_norm", "torchvision"))
    torchvision: dict[str, Any] = {"five": 3, "last_pool": 2, "pixels": 4}
    norm = "none" if variant == "lrn" else "batch"
    return GoogLeNet(
        layers=layers_of(section, norm_axis, norm=norm, norm_epsilon=1e-3),
        num_classes=num_classes,
        lrn=variant == "lrn",
        dropout=dropout_of(section, 0.2 if variant == "torchvision" else 0.4),
        auxiliary_dropout=dropout_of(section, 0.7),
        **(torchvision if variant == "torchvision" else {}),
    )
