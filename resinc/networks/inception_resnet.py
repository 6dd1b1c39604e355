"""Inception-ResNet-v1 and v2, where both ideas meet. Szegedy et al. 2016, Fig. 15, Table 1."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax

from resinc.blocks.branches import MEAN, Branches, Table, Unit
from resinc.blocks.inception_resnet import (
    InceptionResnetBlock,
    block_a,
    block_b,
    block_c,
    reduction_b,
)
from resinc.blocks.inception_v4 import reduction_a
from resinc.networks.head import head
from resinc.networks.image_size import check_size
from resinc.networks.inception_v3 import stem, without_scale
from resinc.networks.options import check_variant, dropout_of, layers_of
from resinc.networks.paths import stage_name
from resinc.networks.stage import Stage
from resinc.ops.layers import ConvUnit, Layers
from resinc.ops.pool import max_pool

LEAST = 75  # Pixels: 75 become 35, 17, 7, 3, 1.
# Of the residuals on 35x35, 17x17 and 8x8 pixels, in the authors' code.
SCALES = (0.17, 0.10, 0.20)


class Version(NamedTuple):
    """What v1 and v2 differ in.

    Attributes:
      entry: module behind the stem; empty: a convolution of stride 2 instead.
      tables: of the blocks of each stage.
      features: channels of each stage.
      sizes: blocks of each stage.
      reductions: before stages 2 and 3.
      last: a block more without scale and relu, and a 1x1 convolution of this many channels; 0:
        neither.
    """

    entry: Table
    tables: tuple[Table, Table, Table]
    features: tuple[int, int, int]
    sizes: tuple[int, int, int]
    reductions: tuple[Table, Table]
    last: int


# Fig. 10 to 15: about the cost of Inception-v3.
V1 = Version(
    entry=(),
    tables=(block_a((32, 32)), block_b(128, (128, 128)), block_c((192, 192))),
    features=(256, 896, 1792),
    sizes=(5, 10, 5),
    reductions=(reduction_a(192, 192, 256, 384), reduction_b(256, (256, 256))),
    last=0,
)
# Fig. 16 to 19 for the filter counts of the blocks. The authors' code, whose weights every zoo has,
# departs from the paper: another stem, twice as many blocks, a last block and convolution.
V2 = Version(
    entry=(
        (Unit(96),),
        (Unit(48), Unit(64, 5)),
        (Unit(64), Unit(96, 3), Unit(96, 3)),
        (MEAN, Unit(64)),
    ),
    tables=(block_a((48, 64)), block_b(192, (128, 160)), block_c((224, 256))),
    features=(320, 1088, 2080),
    sizes=(10, 20, 9),
    reductions=(reduction_a(256, 256, 384, 384), reduction_b(288, (288, 320))),
    last=1536,
)


class InceptionResnet(nn.Module):
    """The stem, blocks A, a reduction, blocks B, a reduction, blocks C, mean, dense.

    299 pixels become 35, 17, 8.

    Attributes:
      layers: (train=...) -> Layers.
      version: V1 or V2.
      dropout: before the dense layer.
    """

    layers: Callable[..., Layers]
    num_classes: int
    version: Version = V2
    dropout: float = 0.2
    scan: bool = True
    remat: bool = False

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """float [b, h, w, c] -> float32 logits [b, k].

        Raises:
          InputError: h or w is below 75.
        """
        check_size(x, LEAST, "inception_resnet")
        layers, version = self.layers(train=train), self.version
        x = stem(layers, x)
        if version.entry:
            x = Branches(layers, version.entry, name="stem_module")(max_pool(x, 3, 2))
        else:
            x = ConvUnit(layers, version.features[0], 3, 2, "VALID", name="stem_conv6")(x)
        for i in range(3):
            if i > 0:
                x = Branches(layers, version.reductions[i - 1], name=f"reduction{i + 1}")(x)
            block = functools.partial(
                InceptionResnetBlock, table=version.tables[i], scale=SCALES[i]
            )
            stage = Stage(
                block,
                layers,
                version.features[i],
                1,
                version.sizes[i],
                self.scan,
                self.remat,
                name=stage_name(i + 1),
            )
            x = stage(x)
        if version.last:
            last = InceptionResnetBlock(
                layers, x.shape[-1], table=version.tables[2], last_act=False, name="last_block"
            )
            x = ConvUnit(layers, version.last, name="last_conv")(last(x))
        return head(x, self.num_classes, train, dropout=self.dropout)


def build(section: Any, num_classes: int, norm_axis: str | None) -> InceptionResnet:
    """The network of a `config.model` section.

    Variants: "v2" as in the authors' code and timm, "v2_keras" without the norms' scale and without
    dropout, "v1" as in the paper. `model.branch_scale` multiplies the network's own scales.

    Raises:
      InputError: an unknown option.
    """
    variant = check_variant(section, ("v2", "v2_keras", "v1"))
    keras = variant == "v2_keras"
    own: dict[str, Any] = {"norm": "batch"} if keras else {}
    layers = layers_of(section, norm_axis, norm_epsilon=1e-3, **own)
    return InceptionResnet(
        layers=functools.partial(without_scale, layers) if keras else layers,
        num_classes=num_classes,
        version=V1 if variant == "v1" else V2,
        dropout=dropout_of(section, 0.0 if keras else 0.2),
        scan=section.scan,
        remat=section.remat,
    )
