"""Residual networks: torchvision, the common CIFAR reproduction, Keras Applications."""

from typing import Any

from resinc.weights.files import Arrays
from resinc.weights.layout import KERAS, PLAIN_SUM, TORCH, Layout, keras_head
from resinc.weights.variables import Flat


def _torch_module(path: str, shortcut: str, head: str) -> str | None:
    stage, _, rest = path.partition("/")
    if not rest:
        return {"stem_conv": "conv1", "stem_norm": "bn1", "head": head}.get(path)
    block, _, layer = rest.partition("/")
    inner = {
        "conv1": "conv1",
        "norm1": "bn1",
        "conv2": "conv2",
        "norm2": "bn2",
        "conv3": "conv3",
        "norm3": "bn3",
        "shortcut/conv": f"{shortcut}.0",
        "shortcut/norm": f"{shortcut}.1",
    }.get(layer)
    # stage2/block01 -> layer2.0
    return inner and f"layer{stage[5:]}.{int(block[5:]) - 1}.{inner}"


def _torchvision_model(section: Any) -> dict[str, tuple[Any, ...]]:
    bottleneck = section.block == "bottleneck"
    return {
        **PLAIN_SUM,
        "name": ("imagenet",),
        "block": ("residual", "bottleneck"),
        "shortcut": ("B",),
        "head": ("mean",),
        "variant": ("v1.5",) if bottleneck else ("", "v1"),
    }


def _cifar_model(section: Any) -> dict[str, tuple[Any, ...]]:
    del section
    return {
        **PLAIN_SUM,
        "name": ("cifar",),
        "block": ("residual",),
        "shortcut": ("A", "B"),
        "head": ("mean",),
    }


TORCHVISION = Layout(
    about="torchvision: resnet18 .. resnet152, resnext, wide_resnet",
    model=_torchvision_model,
    module=lambda path: _torch_module(path, "downsample", "fc"),
    dialect=TORCH,
    marks=(r"conv1\.weight", r"layer4\.0\.conv1\.weight", r"layer1\.0\.bn1\.weight"),
    normalize="imagenet",
    absent=(r"linear\.weight",),
)

CIFAR = Layout(
    about="CIFAR ResNets of 6n+2 layers in PyTorch, as widely reproduced",
    model=_cifar_model,
    module=lambda path: _torch_module(path, "shortcut", "linear"),
    dialect=TORCH,
    marks=(r"conv1\.weight", r"layer3\.0\.conv1\.weight", r"layer1\.0\.bn1\.weight"),
    # On CIFAR, but with ImageNet's numbers: trainer.py of akamaster/pytorch_resnet_cifar10, whose
    # resnet20.th to resnet1202.th these are.
    normalize="imagenet",
    absent=(r"layer4\.0\.conv1\.weight", r"fc\.weight"),
)

# Keras Applications: epsilon of its BatchNorm, and ours.
_EPSILON, _OUR_EPSILON = 1.001e-5, 1e-5


def _keras_module(path: str) -> str | None:
    stage, _, rest = path.partition("/")
    if not rest:
        return {"stem_conv": "conv1_conv", "stem_norm": "conv1_bn", "head": "predictions"}.get(path)
    block, _, layer = rest.partition("/")
    inner = {
        "conv1": "1_conv",
        "norm1": "1_bn",
        "conv2": "2_conv",
        "norm2": "2_bn",
        "conv3": "3_conv",
        "norm3": "3_bn",
        "shortcut/conv": "0_conv",
        "shortcut/norm": "0_bn",
    }.get(layer)
    # stage1/block01 -> conv2_block1: Keras counts the stem as conv1, as the paper does.
    return inner and f"conv{int(stage[5:]) + 1}_block{int(block[5:])}_{inner}"


def _keras_model(section: Any) -> dict[str, tuple[Any, ...]]:
    del section
    return {
        **PLAIN_SUM,
        "name": ("imagenet", "signs"),
        "block": ("bottleneck",),
        "shortcut": ("B",),
        "head": ("mean",),
        "variant": ("", "v1"),
    }


def _keras_prepare(arrays: Arrays, ours: Flat) -> Arrays:
    """Put into the running statistics what our BatchNorm has not.

    BN(conv(x) + b) with mean m is BN(conv(x)) with mean m - b; and var + e is what a larger epsilon
    adds. The network of SIGNS has biases itself and keeps them.
    """
    out = dict(arrays)
    excess = _EPSILON - _OUR_EPSILON
    for name in arrays:
        layer, _, variable = name.rpartition("/")
        if not layer.endswith("_bn"):
            continue
        if variable == "moving_variance":
            out[name] = (arrays[name].astype("float64") + excess).astype("float32")
        bias = layer.removesuffix("bn") + "conv/bias"
        if variable == "moving_mean" and bias in out and "params/stem_conv/bias" not in ours:
            bias_array = out[bias]
            if bias_array.shape == arrays[name].shape:
                out[name] = arrays[name] - bias_array
                del out[bias]
    return out


KERAS_RESNET50 = Layout(
    about="Keras Applications: ResNet50 (101 and 152 have the same names)",
    model=_keras_model,
    module=_keras_module,
    dialect=KERAS,
    marks=(r"conv1_conv/kernel", r"conv2_block1_1_conv/kernel", r"conv1_bn/gamma"),
    normalize="caffe",
    rename=keras_head,
    prepare=_keras_prepare,
)
