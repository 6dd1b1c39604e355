"""The inception family in Keras Applications."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from resinc.networks.paths import block_name, stage_name
from resinc.weights.files import Arrays
from resinc.weights.inceptions import V3_STEM, V3_UNITS, only
from resinc.weights.layout import KERAS, PLAIN_SUM, Layout, keras_head
from resinc.weights.variables import Flat

# Units have no names but numbers, in the order in which they were made.
_KERAS_LAYERS = {"conv": "conv2d", "norm": "batch_normalization"}


def _numbered(units: list[str]) -> dict[str, str]:
    return {
        f"{unit}/{layer}": f"{name}_{number}"
        for number, unit in enumerate(units, start=1)
        for layer, name in _KERAS_LAYERS.items()
    }


def _rename(arrays: Arrays) -> dict[str, str]:
    """Number from 1 without gaps.

    Keras goes on counting from model to model: the second one of a process begins at conv2d_94.
    """
    ranks: dict[str, str] = {}
    layers = {key.partition("/")[0] for key in arrays}
    for name in _KERAS_LAYERS.values():
        numbers = sorted(
            (int(match.group(1) or 0), layer)
            for layer in layers
            if (match := re.fullmatch(rf"{name}(?:_(\d+))?", layer))
        )
        ranks |= {layer: f"{name}_{i}" for i, (_, layer) in enumerate(numbers, start=1)}
    out = {}
    for key in arrays:
        layer, _, variable = key.partition("/")
        if layer in ranks:
            out[key] = f"{ranks[layer]}/{variable}"
    return out | keras_head(arrays)


def _prepare(arrays: Arrays, ours: Flat) -> Arrays:
    """Give norms the scale of 1 that they were made without."""
    out = dict(arrays)
    if any(path.endswith("norm/scale") for path in ours):
        for key in [key for key in out if key.endswith("/beta")]:
            out.setdefault(f"{key.removesuffix('beta')}gamma", np.ones_like(out[key]))
    return out


_KERAS_V3 = {**_numbered(list(V3_UNITS)), "head": "predictions"}

KERAS_INCEPTION_V3 = Layout(
    about="Keras Applications: InceptionV3",
    model=only("inception_v3", "keras"),
    module=_KERAS_V3.get,
    dialect=KERAS,
    marks=(r"conv2d(_\d+)?/kernel", r"batch_normalization(_\d+)?/beta"),
    normalize="half",
    absent=(r"conv_7b/kernel",),
    rename=_rename,
    prepare=_prepare,
)

# Units of the modules of Inception-ResNet-v2, in the order in which Keras makes them.
_STEM_MODULE = (
    "branch1_conv1",
    "branch2_conv1",
    "branch2_conv2",
    "branch3_conv1",
    "branch3_conv2",
    "branch3_conv3",
    "branch4_conv1",
)
_BLOCK_A = _STEM_MODULE[:-1]
_BLOCK_BC = ("branch1_conv1", "branch2_conv1", "branch2_conv2", "branch2_conv3")
_REDUCTION_3 = (
    "branch1_conv1",
    "branch1_conv2",
    "branch2_conv1",
    "branch2_conv2",
    "branch3_conv1",
    "branch3_conv2",
    "branch3_conv3",
)


def _block(stage: int, number: int) -> str:
    return f"{stage_name(stage)}/{block_name(number)}"


_V2_ORDER = (
    ("stem_module", _STEM_MODULE),
    *((_block(1, i), _BLOCK_A) for i in range(1, 11)),
    ("reduction2", _BLOCK_BC),
    *((_block(2, i), _BLOCK_BC) for i in range(1, 21)),
    ("reduction3", _REDUCTION_3),
    *((_block(3, i), _BLOCK_BC) for i in range(1, 10)),
    ("last_block", _BLOCK_BC),
)
_KERAS_V2 = {
    **_numbered([*V3_STEM, *(f"{module}/{unit}" for module, units in _V2_ORDER for unit in units)]),
    **{f"{_block(1, i)}/conv": f"block35_{i}_conv" for i in range(1, 11)},
    **{f"{_block(2, i)}/conv": f"block17_{i}_conv" for i in range(1, 21)},
    **{f"{_block(3, i)}/conv": f"block8_{i}_conv" for i in range(1, 10)},
    "last_block/conv": "block8_10_conv",
    "last_conv/conv": "conv_7b",
    "last_conv/norm": "conv_7b_bn",
    "head": "predictions",
}


def _keras_v2_model(section: Any) -> Mapping[str, tuple[Any, ...]]:
    del section
    return {
        **PLAIN_SUM,
        "name": ("inception_resnet",),
        "variant": ("", "v2", "v2_keras"),
    }


KERAS_INCEPTION_RESNET_V2 = Layout(
    about="Keras Applications: InceptionResNetV2",
    model=_keras_v2_model,
    module=_KERAS_V2.get,
    dialect=KERAS,
    marks=(r"conv_7b/kernel", r"block35_1_conv/kernel"),
    normalize="half",
    rename=_rename,
    prepare=_prepare,
)
