"""AlexNet and the inception family in torchvision."""

from collections.abc import Callable, Mapping
from typing import Any

from resinc.weights.layout import TORCH, Layout


def only(name: str, *variants: str) -> Callable[[Any], Mapping[str, tuple[Any, ...]]]:
    """For `Layout.model`: this network in these variants."""
    return lambda section: {"name": (name,), "variant": variants}


_ALEXNET = {
    "conv1": "features.0",
    "conv2": "features.3",
    "conv3": "features.6",
    "conv4": "features.8",
    "conv5": "features.10",
    "dense6": "classifier.1",
    "dense7": "classifier.4",
    "head": "classifier.6",
}

ALEXNET = Layout(
    about="torchvision: alexnet",
    model=only("alexnet", "", "one_tower"),
    module=_ALEXNET.get,
    dialect=TORCH,
    marks=(r"features\.0\.weight", r"features\.10\.weight", r"classifier\.6\.weight"),
    normalize="imagenet",
    absent=(r"features\.(2|5|12)\.weight",),  # A VGG.
    flattened={"dense6": 256},
)

# Published for these two are TensorFlow's weights, for pixels of -1 to 1. torchvision normalises by
# ImageNet's numbers all the same, and undoes that inside the network: its transform_input.
_TRANSFORMED = "half"

# A unit is a convolution with its norm; our last name is conv or norm.
_TORCH_LAYERS = {"conv": "conv", "norm": "bn"}

_GOOGLENET_UNITS = {
    "stem_conv1": "conv1",
    "stem_conv2": "conv2",
    "stem_conv3": "conv3",
    "aux4a/conv1": "aux1.conv",
    "aux4d/conv1": "aux2.conv",
}
# torchvision numbers the steps of a branch, and the pooling is step 0 of the fourth.
_GOOGLENET_BRANCHES = {
    "branch1_conv1": "branch1",
    "branch2_conv1": "branch2.0",
    "branch2_conv2": "branch2.1",
    "branch3_conv1": "branch3.0",
    "branch3_conv2": "branch3.1",
    "branch4_conv1": "branch4.1",
}
_GOOGLENET_DENSE = {
    "head": "fc",
    "aux4a/dense1": "aux1.fc1",
    "aux4a/dense2": "aux1.fc2",
    "aux4d/dense1": "aux2.fc1",
    "aux4d/dense2": "aux2.fc2",
}


def _googlenet_module(path: str) -> str | None:
    if path in _GOOGLENET_DENSE:
        return _GOOGLENET_DENSE[path]
    unit, _, layer = path.rpartition("/")
    module, _, branch = unit.partition("/")
    name = _GOOGLENET_UNITS.get(unit)
    if module.startswith("inception") and branch in _GOOGLENET_BRANCHES:
        name = f"{module}.{_GOOGLENET_BRANCHES[branch]}"
    return f"{name}.{_TORCH_LAYERS[layer]}" if name and layer in _TORCH_LAYERS else None


GOOGLENET = Layout(
    about="torchvision: googlenet",
    model=only("googlenet", "torchvision"),
    module=_googlenet_module,
    dialect=TORCH,
    marks=(r"inception3a\.branch1\.conv\.weight", r"conv1\.conv\.weight"),
    normalize=_TRANSFORMED,
    flattened={"aux4a/dense1": 128, "aux4d/dense1": 128},
)

# Units of the modules of Inception-v3 and their names in torchvision, in the order in which Keras
# makes them.
_A = {
    "branch1_conv1": "branch1x1",
    "branch2_conv1": "branch5x5_1",
    "branch2_conv2": "branch5x5_2",
    "branch3_conv1": "branch3x3dbl_1",
    "branch3_conv2": "branch3x3dbl_2",
    "branch3_conv3": "branch3x3dbl_3",
    "branch4_conv1": "branch_pool",
}
_REDUCTION_A = {
    "branch1_conv1": "branch3x3",
    "branch2_conv1": "branch3x3dbl_1",
    "branch2_conv2": "branch3x3dbl_2",
    "branch2_conv3": "branch3x3dbl_3",
}
_B = {
    "branch1_conv1": "branch1x1",
    "branch2_conv1": "branch7x7_1",
    "branch2_conv2": "branch7x7_2",
    "branch2_conv3": "branch7x7_3",
    "branch3_conv1": "branch7x7dbl_1",
    "branch3_conv2": "branch7x7dbl_2",
    "branch3_conv3": "branch7x7dbl_3",
    "branch3_conv4": "branch7x7dbl_4",
    "branch3_conv5": "branch7x7dbl_5",
    "branch4_conv1": "branch_pool",
}
_REDUCTION_B = {
    "branch1_conv1": "branch3x3_1",
    "branch1_conv2": "branch3x3_2",
    "branch2_conv1": "branch7x7x3_1",
    "branch2_conv2": "branch7x7x3_2",
    "branch2_conv3": "branch7x7x3_3",
    "branch2_conv4": "branch7x7x3_4",
}
_C = {
    "branch1_conv1": "branch1x1",
    "branch2_conv1": "branch3x3_1",
    "branch2_conv2": "branch3x3_2a",
    "branch2_conv3": "branch3x3_2b",
    "branch3_conv1": "branch3x3dbl_1",
    "branch3_conv2": "branch3x3dbl_2",
    "branch3_conv3": "branch3x3dbl_3a",
    "branch3_conv4": "branch3x3dbl_3b",
    "branch4_conv1": "branch_pool",
}
_V3_MODULES = {"5b": _A, "5c": _A, "5d": _A, "6a": _REDUCTION_A, "6b": _B, "6c": _B, "6d": _B} | {
    "6e": _B,
    "7a": _REDUCTION_B,
    "7b": _C,
    "7c": _C,
}
V3_STEM = {
    "stem_conv1": "Conv2d_1a_3x3",
    "stem_conv2": "Conv2d_2a_3x3",
    "stem_conv3": "Conv2d_2b_3x3",
    "stem_conv4": "Conv2d_3b_1x1",
    "stem_conv5": "Conv2d_4a_3x3",
}
V3_UNITS = {
    **V3_STEM,
    **{
        f"inception{module}/{unit}": f"Mixed_{module}.{name}"
        for module, units in _V3_MODULES.items()
        for unit, name in units.items()
    },
}
_V3_AUXILIARY = {"aux6e/conv1": "AuxLogits.conv0", "aux6e/conv2": "AuxLogits.conv1"}
_V3_DENSE = {"head": "fc", "aux6e/dense": "AuxLogits.fc"}


def _inception_v3_module(path: str) -> str | None:
    if path in _V3_DENSE:
        return _V3_DENSE[path]
    unit, _, layer = path.rpartition("/")
    name = V3_UNITS.get(unit) or _V3_AUXILIARY.get(unit)
    return f"{name}.{_TORCH_LAYERS[layer]}" if name and layer in _TORCH_LAYERS else None


INCEPTION_V3 = Layout(
    about="torchvision: inception_v3",
    model=only("inception_v3", "", "torchvision"),
    module=_inception_v3_module,
    dialect=TORCH,
    marks=(r"Mixed_5b\.branch1x1\.conv\.weight", r"Conv2d_1a_3x3\.conv\.weight"),
    normalize=_TRANSFORMED,
)
