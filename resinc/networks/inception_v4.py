"""Inception-v4: inception without shortcuts, enlarged. Szegedy et al. 2016, Fig. 9."""

import functools
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax

from resinc.blocks.branches import Branches
from resinc.blocks.inception_v4 import (
    MODULE_A,
    MODULE_B,
    MODULE_C,
    REDUCTION_B,
    STEM,
    InceptionV4Block,
    reduction_a,
)
from resinc.networks.head import head
from resinc.networks.image_size import check_size
from resinc.networks.options import check_variant, dropout_of, layers_of
from resinc.networks.paths import stage_name
from resinc.networks.stage import Stage
from resinc.ops.layers import ConvUnit, Layers

LEAST = 75  # Pixels: 75 become 35, 17, 7, 3, 1.
# Module and its channels.
STAGES = ((MODULE_A, 384), (MODULE_B, 1024), (MODULE_C, 1536))
# Before stages 2 and 3; k, l, m, n of the paper's Table 1.
REDUCTIONS = {2: reduction_a(192, 224, 256, 384), 3: REDUCTION_B}


class InceptionV4(nn.Module):
    """The stem, 4 modules A, a reduction, 7 modules B, a reduction, 3 modules C, mean, dense.

    299 pixels become 35, 17, 8.

    Attributes:
      layers: (train=...) -> Layers.
      sizes: modules per stage.
      dropout: before the dense layer.
    """

    layers: Callable[..., Layers]
    num_classes: int
    sizes: tuple[int, int, int] = (4, 7, 3)
    dropout: float = 0.2
    scan: bool = True
    remat: bool = False

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """float [b, h, w, c] -> float32 logits [b, k].

        Raises:
          InputError: h or w is below 75.
        """
        check_size(x, LEAST, "inception_v4")
        layers = self.layers(train=train)
        x = ConvUnit(layers, 32, 3, 2, "VALID", name="stem_conv1")(x)
        x = ConvUnit(layers, 32, 3, 1, "VALID", name="stem_conv2")(x)
        x = ConvUnit(layers, 64, 3, name="stem_conv3")(x)
        for i, table in enumerate(STEM, start=4):
            x = Branches(layers, table, name=f"stem_split{i}")(x)
        for i, ((table, features), size) in enumerate(
            zip(STAGES, self.sizes, strict=True), start=1
        ):
            if i in REDUCTIONS:
                x = Branches(layers, REDUCTIONS[i], name=f"reduction{i}")(x)
            block = functools.partial(InceptionV4Block, table=table)
            stage = Stage(
                block, layers, features, 1, size, self.scan, self.remat, name=stage_name(i)
            )
            x = stage(x)
        return head(x, self.num_classes, train, dropout=self.dropout)


def build(section: Any, num_classes: int, norm_axis: str | None) -> InceptionV4:
    """The network of a `config.model` section.

    Raises:
      InputError: an unknown option.
    """
    check_variant(section, ("",))
    return InceptionV4(
        layers=layers_of(section, norm_axis, norm_epsilon=1e-3),
        num_classes=num_classes,
        dropout=dropout_of(section, 0.2),
        scan=section.scan,
        remat=section.remat,
    )
