"""GoogLeNet against a compact one in PyTorch, written from Table 1 of Szegedy et al. 2014."""

import pytest

from configs.base import get_config
from resinc.networks import build

torch = pytest.importorskip("torch", reason="PyTorch is an optional package")

from torch import nn

from tests.parity.torch_order import assert_same

pytestmark = pytest.mark.usefixtures("uncached")

# Columns of Table 1: input channels, #1x1, #3x3 reduce, #3x3, #5x5 reduce, #5x5, pool proj.
TABLE_1 = (
    (192, 64, 96, 128, 16, 32, 32),
    (256, 128, 128, 192, 32, 96, 64),
    (480, 192, 96, 208, 16, 48, 64),
    (512, 160, 112, 224, 24, 64, 64),
    (512, 128, 128, 256, 24, 64, 64),
    (512, 112, 144, 288, 32, 64, 64),
    (528, 256, 160, 320, 32, 128, 128),
    (832, 256, 160, 320, 32, 128, 128),
    (832, 384, 192, 384, 48, 128, 128),
)


class GoogLeNet(nn.Module):
    """`form` is one of our variants."""

    def __init__(self, form):
        super().__init__()
        self.form = form
        five = 3 if form == "torchvision" else 5

        def conv(c, features, size, stride=1):
            options = {"stride": stride, "padding": size // 2, "bias": form == "lrn"}
            norm = () if form == "lrn" else (nn.BatchNorm2d(features, eps=1e-3),)
            return nn.Sequential(nn.Conv2d(c, features, size, **options), *norm, nn.ReLU())

        def branches(c, one, reduce3, three, reduce5, five_by_five, project):
            return nn.ModuleList(
                [
                    conv(c, one, 1),
                    nn.Sequential(conv(c, reduce3, 1), conv(reduce3, three, 3)),
                    nn.Sequential(conv(c, reduce5, 1), conv(reduce5, five_by_five, five)),
                    nn.Sequential(nn.MaxPool2d(3, 1, padding=1), conv(c, project, 1)),
                ]
            )

        def classifier(c):
            mean = nn.AdaptiveAvgPool2d(4) if form == "torchvision" else nn.AvgPool2d(5, 3)
            return nn.Sequential(
                *(mean, conv(c, 128, 1), nn.Flatten()),
                *(nn.Linear(2048, 1024), nn.ReLU(), nn.Linear(1024, 1000)),
            )

        self.convs = nn.ModuleList([conv(3, 64, 7, 2), conv(64, 64, 1), conv(64, 192, 3)])
        self.inceptions = nn.ModuleList([branches(*row) for row in TABLE_1])
        self.classifiers = nn.ModuleDict({"2": classifier(512), "5": classifier(528)})
        self.pool = nn.MaxPool2d(3, 2, ceil_mode=True)
        last = nn.MaxPool2d(2, 2, ceil_mode=True) if form == "torchvision" else self.pool
        self.before = nn.ModuleDict({"2": self.pool, "7": last})
        self.response = nn.LocalResponseNorm(5) if form == "lrn" else nn.Identity()
        self.head = nn.Linear(1024, 1000)

    def forward(self, x):
        x = self.response(self.pool(self.convs[0](x)))
        x = self.pool(self.response(self.convs[2](self.convs[1](x))))
        others = []
        for i, inception in enumerate(self.inceptions):
            if str(i) in self.before:
                x = self.before[str(i)](x)
            x = torch.cat([branch(x) for branch in inception], 1)
            if self.training and str(i) in self.classifiers:
                others.append(self.classifiers[str(i)](x))
        logits = self.head(x.mean((2, 3)))
        return (logits, *others) if others else logits


# 224 pixels, the only size for which the auxiliary classifiers' first dense layer has 2048 inputs.
# Training compares all that evaluation has, and the classifiers; but for statistics that are kept.
@pytest.mark.parametrize(
    ("variant", "train"),
    [
        ("lrn", True),
        *(
            pytest.param(variant, train, marks=pytest.mark.slow)
            for variant in ("lrn", "batch_norm", "torchvision")
            for train in (False, True)
            if (variant, train) != ("lrn", True)
        ),
    ],
)
def test_googlenet_and_its_auxiliary_classifiers_agree(variant, train):
    section = get_config().model
    section.update({"name": "googlenet", "variant": variant, "dropout": 0.0})
    pixels = {"aux4a/dense1": 16, "aux4d/dense1": 16}
    image = (224, 224, 3)
    assert_same(GoogLeNet(variant), build(section, 1000), image, train=train, pixels=pixels)
