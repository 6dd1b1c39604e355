"""Inception-v3, v4 and Inception-ResNet against an installed PyTorch package's."""

import pytest

from configs.base import get_config
from resinc.networks import build
from resinc.networks.inception_resnet import V2

torch = pytest.importorskip("torch", reason="PyTorch is an optional package")
pytest.importorskip("pytorchcv", reason="pytorchcv is an optional package")

from pytorchcv.models.inceptionresnetv1 import inceptionresnetv1
from pytorchcv.models.inceptionresnetv2 import inceptionresnetv2
from pytorchcv.models.inceptionv3 import inceptionv3
from pytorchcv.models.inceptionv4 import inceptionv4

from tests.parity.torch_order import assert_same

pytestmark = pytest.mark.usefixtures("uncached")


def v1_of_the_paper():
    """The package's has the head and the last block of a face recogniser; the paper has neither."""
    module = inceptionresnetv1()
    del module.features.stage3.unit7
    module.output = torch.nn.Linear(1792, 1000)
    return module


CASES = {
    "v3": ("inception_v3", "torchvision", inceptionv3),
    "v4": ("inception_v4", "", inceptionv4),
    "resnet_v1": ("inception_resnet", "v1", v1_of_the_paper),
    "resnet_v2": ("inception_resnet", "v2", inceptionresnetv2),
}


def of_any_size_without_dropout(module):
    module.features.final_pool = torch.nn.AdaptiveAvgPool2d(1)  # Theirs fits 299 pixels only.
    for child in module.modules():
        if isinstance(child, torch.nn.Dropout):
            child.p = 0.0
    return module


def ours(case):
    name, variant, _ = CASES[case]
    section = get_config().model
    section.update({"name": name, "variant": variant, "dropout": 0.0})
    return build(section, 1000)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_inception_agrees_with_an_installed_package(case):
    theirs = of_any_size_without_dropout(CASES[case][2]())
    assert_same(theirs, ours(case), (75, 75, 3), train=False)


# BatchNorm over the handful of values that 75 pixels leave would blow up roundings.
# The layers are those of evaluation, where all are compared; what training adds is of the norm, and
# one network shows it.
@pytest.mark.parametrize(
    "case",
    [
        "v3",
        *(pytest.param(case, marks=pytest.mark.slow) for case in ("resnet_v1", "v4", "resnet_v2")),
    ],
)
def test_inception_agrees_in_training(case):
    theirs, network = of_any_size_without_dropout(CASES[case][2]()), ours(case)
    if case == "resnet_v2":
        # 40 blocks take half a minute; in each stage they are alike, so that three will do.
        for stage, kept in ((theirs.features.stage1, 3), (theirs.features.stage2, 4)):
            del stage[kept:]
        del theirs.features.stage3[3:-1]
        network = network.clone(version=V2._replace(sizes=(3, 3, 2)))
    assert_same(theirs, network, (139, 139, 3), train=True)
