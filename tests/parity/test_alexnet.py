"""AlexNet against two written apart: an installed package's, and the paper's equations."""

import pytest

from configs.base import get_config
from resinc.networks import build

torch = pytest.importorskip("torch", reason="PyTorch is an optional package")
pytest.importorskip("pytorchcv", reason="pytorchcv is an optional package")

from pytorchcv.models.alexnet import alexnetb

from tests.parity.torch_order import assert_same

pytestmark = pytest.mark.usefixtures("uncached")

IMAGE = (224, 224, 3)


def ours(variant):
    section = get_config().model
    section.update({"name": "alexnet", "variant": variant, "dropout": 0.0})
    return build(section, 1000)


# Without dropout and norms training computes what evaluation does.
@pytest.mark.slow
@pytest.mark.parametrize("train", [False, True])
def test_one_tower_agrees_with_an_installed_package(train):
    theirs = alexnetb()
    for child in theirs.modules():
        if isinstance(child, torch.nn.Dropout):
            child.p = 0.0
        if isinstance(child, torch.nn.MaxPool2d):
            child.ceil_mode = False  # As in torchvision; 55, 27 and 13 pixels divide either way.
    assert_same(theirs, ours("one_tower"), IMAGE, train=train, pixels={"dense6": 36})


class TwoGroups(torch.nn.Module):
    """Krizhevsky et al. 2012, section 3.5, of 227x227 pixels' worth: 224 and padding."""

    def __init__(self):
        super().__init__()
        nn = torch.nn
        response = nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)  # alpha / 5 inside.
        pool = nn.MaxPool2d(3, 2)
        self.body = nn.Sequential(
            nn.ZeroPad2d((2, 1, 2, 1)),
            *(nn.Conv2d(3, 96, 11, stride=4), nn.ReLU(), response, pool),
            *(nn.Conv2d(96, 256, 5, padding=2, groups=2), nn.ReLU(), response, pool),
            *(nn.Conv2d(256, 384, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(384, 384, 3, padding=1, groups=2), nn.ReLU()),
            *(nn.Conv2d(384, 256, 3, padding=1, groups=2), nn.ReLU(), pool),
            *(nn.Flatten(), nn.Linear(9216, 4096), nn.ReLU()),
            *(nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, 1000)),
        )

    def forward(self, x):
        return self.body(x)


@pytest.mark.slow
def test_two_groups_agree_with_the_papers_equations():
    assert_same(TwoGroups(), ours("two_groups"), IMAGE, train=False, pixels={"dense6": 36})
