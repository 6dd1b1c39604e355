"""Published networks by name: what each changes in the `config.model` section of `configs.base`.

Data only. `resinc summary NAME` counts one; `configs/cifar.py:network=NAME` trains one; a test
compares each with the numbers of its source.
"""

from typing import Any, NamedTuple

from resinc.registry import lookup


class Named(NamedTuple):
    """A published network.

    Attributes:
      model: fields of `config.model` that differ from the schema's defaults.
      image: [h, w, c] that its source counts it on.
      classes: k.
      source: paper, with table or figure, or repository.
    """

    model: dict[str, Any]
    image: tuple[int, int, int]
    classes: int
    source: str


_CIFAR = (32, 32, 3)
_IMAGENET = (224, 224, 3)
_INCEPTION = (299, 299, 3)


def _cifar(depth: int, block: str, source: str, **more: Any) -> Named:
    return Named({"depth": depth, "block": block, **more}, _CIFAR, 10, source)


def _imagenet(depth: int, block: str, source: str, **more: Any) -> Named:
    fields = {"name": "imagenet", "depth": depth, "block": block, "shortcut": "B", "width": 64}
    return Named(fields | more, _IMAGENET, 1000, source)


def _inception(name: str, source: str, image: tuple[int, int, int], variant: str = "") -> Named:
    return Named({"name": name, "variant": variant}, image, 1000, source)


_HE_CIFAR = "He et al. 2015, Table 6"
_HE_IMAGENET = "He et al. 2015, Table 1"
_HE_PREACT = "He et al. 2016, Table 4"
_VARIANT = "torchvision"
_KERAS = "Keras Applications"

ZOO: dict[str, Named] = {
    "plain-20": _cifar(20, "plain", "He et al. 2015, Fig. 6"),
    "plain-56": _cifar(56, "plain", "He et al. 2015, Fig. 6"),
    "resnet-20": _cifar(20, "residual", _HE_CIFAR),
    "resnet-32": _cifar(32, "residual", _HE_CIFAR),
    "resnet-44": _cifar(44, "residual", _HE_CIFAR),
    "resnet-56": _cifar(56, "residual", _HE_CIFAR),
    "resnet-110": _cifar(110, "residual", _HE_CIFAR),
    "resnet-1202": _cifar(1202, "residual", _HE_CIFAR),
    "preact-resnet-110": _cifar(110, "preact", "He et al. 2016, Table 3", shortcut="B"),
    "preact-resnet-164": _cifar(164, "preact_bottleneck", _HE_PREACT, shortcut="B"),
    "preact-resnet-1001": _cifar(1001, "preact_bottleneck", _HE_PREACT, shortcut="B"),
    # 28 counts the projections too; the longest way has 26 weighted layers.
    "wide-resnet-28-10": _cifar(
        26, "preact", "Zagoruyko and Komodakis 2016, Table 4", shortcut="B", widen=10
    ),
    "inception-20": _cifar(20, "inception", "this codebase"),
    "inception-resnet-20": _cifar(20, "inception_residual", "this codebase"),
    "nin": Named(
        {"name": "nin", "norm": "none", "width": 192},
        _CIFAR,
        10,
        "Lin et al. 2013, the authors' code",
    ),
    "nin-imagenet": Named(
        {"name": "nin", "variant": "imagenet", "norm": "none", "width": 96},
        _IMAGENET,
        1000,
        "the authors' ImageNet model for Caffe",
    ),
    "plain-18": _imagenet(18, "plain", _HE_IMAGENET),
    "plain-34": _imagenet(34, "plain", _HE_IMAGENET),
    "resnet-18": _imagenet(18, "residual", _HE_IMAGENET),
    "resnet-34": _imagenet(34, "residual", _HE_IMAGENET),
    "resnet-50": _imagenet(50, "bottleneck", _HE_IMAGENET),
    "resnet-101": _imagenet(101, "bottleneck", _HE_IMAGENET),
    "resnet-152": _imagenet(152, "bottleneck", _HE_IMAGENET),
    "resnet-50-v1.5": _imagenet(50, "bottleneck", _VARIANT, variant="v1.5"),
    "resnet-101-v1.5": _imagenet(101, "bottleneck", _VARIANT, variant="v1.5"),
    "resnet-152-v1.5": _imagenet(152, "bottleneck", _VARIANT, variant="v1.5"),
    "resnext-50-32x4d": _imagenet(
        50, "bottleneck", "Xie et al. 2017, Table 1", variant="v1.5", groups=32, base_width=4
    ),
    "wide-resnet-50-2": _imagenet(
        50, "bottleneck", "Zagoruyko and Komodakis 2016", variant="v1.5", base_width=128
    ),
    "signs-resnet-50": Named(
        {"name": "signs", "depth": 50, "block": "bottleneck", "shortcut": "B", "width": 64},
        (64, 64, 3),
        6,
        "the five-stage network taught with SIGNS",
    ),
    "alexnet": _inception("alexnet", _VARIANT, _IMAGENET, "one_tower"),
    "alexnet-two-groups": _inception(
        "alexnet", "Krizhevsky et al. 2012, section 3.5", _IMAGENET, "two_groups"
    ),
    "googlenet": _inception("googlenet", "Szegedy et al. 2014, Table 1", _IMAGENET, "lrn"),
    "googlenet-bn": _inception(
        "googlenet", "Szegedy et al. 2014, Table 1, with BatchNorm", _IMAGENET, "batch_norm"
    ),
    "googlenet-torchvision": _inception("googlenet", _VARIANT, _IMAGENET, "torchvision"),
    "inception-v3": _inception("inception_v3", _VARIANT, _INCEPTION, "torchvision"),
    "inception-v3-keras": _inception("inception_v3", _KERAS, _INCEPTION, "keras"),
    "inception-v4": _inception("inception_v4", "Szegedy et al. 2016, Fig. 9", _INCEPTION),
    "inception-resnet-v1": _inception(
        "inception_resnet", "Szegedy et al. 2016, Fig. 15", _INCEPTION, "v1"
    ),
    "inception-resnet-v2": _inception("inception_resnet", "timm", _INCEPTION, "v2"),
    "inception-resnet-v2-keras": _inception("inception_resnet", _KERAS, _INCEPTION, "v2_keras"),
}


def named(name: str) -> Named:
    """The entry of `name`.

    Raises:
      InputError: there is none; lists the nearest.
    """
    return lookup(ZOO, name, "network")
