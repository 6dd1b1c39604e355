"""Logits equal those of PyTorch networks that others wrote, or that the test writes from the paper.

Residual, pre-activated, wide, grouped and plain networks and Network in Network, in evaluation and
in one training-mode pass, with the same random weights.
"""

import pytest

torch = pytest.importorskip("torch", reason="parity with PyTorch needs torch")
pytest.importorskip("pytorchcv", reason="parity with its networks needs pytorchcv")

from pytorchcv.models import nin_cifar, preresnet_cifar, resnet, resnet_cifar, resnext, wrn_cifar
from torch import nn

from configs import base
from resinc import networks
from resinc.zoo import ZOO
from tests.parity.torch_order import assert_same, shortcuts_first

pytestmark = pytest.mark.usefixtures("uncached")


class BasicBlock(nn.Module):
    """He et al. 2015, Fig. 2, with option A or, where `plain`, without the shortcut."""

    def __init__(self, channels, features, stride, plain):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, features, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(features)
        self.conv2 = nn.Conv2d(features, features, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(features)
        self.stride, self.extra, self.plain = stride, features - channels, plain

    def forward(self, x):
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        if not self.plain:
            pads = (0, 0, 0, 0, self.extra // 2, self.extra - self.extra // 2)
            y = y + nn.functional.pad(x[:, :, :: self.stride, :: self.stride], pads)
        return torch.relu(y)


def paper_cifar(depth, plain):
    """He et al. 2015, section 4.2."""
    n = (depth - 2) // 6
    blocks = [
        BasicBlock(*shape, plain)
        for channels, features, stride in [(16, 16, 1), (16, 32, 2), (32, 64, 2)]
        for shape in [(channels, features, stride)] + [(features, features, 1)] * (n - 1)
    ]
    stem = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)]
    return nn.Sequential(*stem, *blocks, *head)


def any_size(module):
    """The same with a global pool that takes small images."""
    module.features.final_pool = nn.AdaptiveAvgPool2d(1)
    return module


def stride_first(module):
    """The authors' pre-activated bottleneck has its stride in the first 1x1."""
    for unit in module.modules():
        if isinstance(unit, preresnet_cifar.PreResUnit):
            conv1, conv2 = unit.body.conv1.conv, unit.body.conv2.conv
            conv1.stride, conv2.stride = conv2.stride, conv1.stride
    return module


def taught_with_signs():
    """Convolutions with a bias, a max-pool without padding; 64x64 pixels, six classes."""
    module = any_size(resnet.resnet50(num_classes=6))
    module.features.init_block.pool.padding = 0
    for child in module.modules():
        if isinstance(child, nn.Conv2d):
            child.bias = nn.Parameter(torch.zeros(child.out_channels))
    return module


def authors_nin():
    """Caffe's pooling rounds up and has no padding.."""
    module = nin_cifar.nin_cifar10()
    module.features.stage2.pool2 = nn.MaxPool2d(3, 2, ceil_mode=True)
    module.features.stage3.pool3 = nn.AvgPool2d(3, 2, ceil_mode=True, count_include_pad=False)
    for child in module.modules():
        if isinstance(child, nn.Dropout):
            child.p = 0.0
    return module


def fields(name, **changes):
    return ZOO[name].model | changes


CASES = {
    "resnet-20": (lambda: paper_cifar(20, False), fields("resnet-20"), 32, False),
    "plain-20": (lambda: paper_cifar(20, True), fields("plain-20"), 32, False),
    "resnet-20, option B": (
        lambda: resnet_cifar.get_resnet_cifar(10, 20, False),
        fields("resnet-20", shortcut="B"),
        32,
        True,
    ),
    "preact-resnet-20": (
        lambda: preresnet_cifar.get_preresnet_cifar(10, 20, False),
        fields("preact-resnet-110", depth=20),
        32,
        False,
    ),
    "preact-resnet-29, bottlenecks": (
        lambda: stride_first(preresnet_cifar.get_preresnet_cifar(10, 29, True)),
        fields("preact-resnet-164", depth=29),
        32,
        False,
    ),
    "wide-resnet-16-2": (
        lambda: wrn_cifar.get_wrn_cifar(10, 16, 2),
        fields("wide-resnet-28-10", depth=14, widen=2),
        32,
        False,
    ),
    "resnet-18": (lambda: any_size(resnet.resnet18()), fields("resnet-18"), 64, True),
    "resnet-50": (lambda: any_size(resnet.resnet50()), fields("resnet-50"), 64, True),
    "resnet-50-v1.5": (lambda: any_size(resnet.resnet50b()), fields("resnet-50-v1.5"), 64, True),
    "resnext-50-32x4d": (
        lambda: any_size(resnext.resnext50_32x4d()),
        fields("resnext-50-32x4d"),
        64,
        True,
    ),
    "signs-resnet-50": (taught_with_signs, fields("signs-resnet-50"), 64, True),
    "nin": (lambda: authors_nin(), fields("nin", dropout=0.0), 32, False),
}


# In training every layer of a network is compared, and what it keeps for evaluation; that the norm
# takes what was kept, which is one function of them all, is seen in these.
EVALUATED = ("resnet-20", "preact-resnet-20")
OTHERS = ("resnet-50-v1.5", "resnext-50-32x4d", "signs-resnet-50")  # Of 50 layers one is quick.


@pytest.mark.parametrize(
    ("case", "train"),
    [
        pytest.param(case, train, marks=[] if quick else [pytest.mark.slow])
        for train in (False, True)
        for case in CASES
        for quick in [case not in OTHERS if train else case in EVALUATED]
    ],
)
def test_logits_equal_pytorch(case, train):
    theirs, changes, pixels, projections_first = CASES[case]
    model = base.get_config().model
    model.update(changes | {"scan": False})
    module = theirs()
    classes = ZOO[case].classes if case in ZOO else 10
    assert_same(
        module,
        networks.build(model, classes),
        (pixels, pixels, 3),
        train=train,
        batch=4,
        ours=shortcuts_first if projections_first else None,
    )
