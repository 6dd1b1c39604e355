"""Networks in PyTorch under the names that torchvision and CIFAR reproductions use.

Written from the papers' definitions, as compact as the names allow: what they are compared with is
imported from their state dicts. Sizes that a paper fixes can be made smaller where that costs no
generality.
"""

import torch
import torch.nn.functional as F
from torch import nn


def randomise(module: nn.Module, seed: int = 0) -> nn.Module:
    """Weights and running statistics that differ everywhere and keep activations in range."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if name.endswith("num_batches_tracked"):
                tensor.fill_(7)
            elif tensor.ndim > 1:
                tensor.normal_(0, (2 / tensor[0].numel()) ** 0.5, generator=generator)
            elif name.endswith(("running_var", "weight")):
                tensor.uniform_(0.5, 1.5, generator=generator)
            else:
                tensor.normal_(0, 0.1, generator=generator)
    return module.eval()


class Block(nn.Module):
    """He et al. 2015, Fig. 5: two 3x3, or 1x1, 3x3 (with the stride: v1.5), 1x1."""

    def __init__(self, inputs: int, features: int, stride: int, bottleneck: bool, groups: int):
        super().__init__()
        self.bottleneck = bottleneck
        if bottleneck:
            width = features // 4
            self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
            self.conv2 = nn.Conv2d(width, width, 3, stride, 1, groups=groups, bias=False)
            self.conv3 = nn.Conv2d(width, features, 1, bias=False)
            self.bn3 = nn.BatchNorm2d(features)
        else:
            width = features
            self.conv1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False)
            self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(width), nn.BatchNorm2d(width)
        if stride != 1 or inputs != features:
            conv = nn.Conv2d(inputs, features, 1, stride, bias=False)
            self.downsample = nn.Sequential(conv, nn.BatchNorm2d(features))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.bottleneck:
            y = self.bn3(self.conv3(F.relu(y)))
        return F.relu(y + (self.downsample(x) if hasattr(self, "downsample") else x))


class ResNet(nn.Module):
    """torchvision's names. He et al. 2015, Table 1."""

    def __init__(self, sizes, bottleneck: bool, width: int, classes: int, groups: int = 1):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        inputs = width
        for i, size in enumerate(sizes):
            features = width * 2**i * (4 if bottleneck else 1)
            blocks = []
            for j in range(size):
                stride = 2 if i and not j else 1
                blocks.append(Block(inputs, features, stride, bottleneck, groups))
                inputs = features
            self.add_module(f"layer{i + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean((2, 3)))


class CifarBlock(Block):
    """Option A: every second pixel, zeros on both sides of the channels."""

    def __init__(self, inputs: int, features: int, stride: int):
        super().__init__(inputs, features, stride, bottleneck=False, groups=1)
        if hasattr(self, "downsample"):
            pad = (features - inputs) // 2
            self.downsample = _OptionA(pad)


class _OptionA(nn.Module):
    def __init__(self, pad: int):
        super().__init__()
        self.pad = pad

    def forward(self, x):
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.pad, self.pad))


class CifarResNet(nn.Module):
    """He et al. 2015, section 4.2: 6n+2 layers, here with a head called linear."""

    def __init__(self, n: int, width: int = 16, classes: int = 10):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        inputs = width
        for i in range(3):
            blocks = []
            for j in range(n):
                blocks.append(CifarBlock(inputs, width * 2**i, 2 if i and not j else 1))
                inputs = width * 2**i
            self.add_module(f"layer{i + 1}", nn.Sequential(*blocks))
        self.linear = nn.Linear(inputs, classes)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        return self.linear(self.layer3(self.layer2(self.layer1(x))).mean((2, 3)))


class AlexNet(nn.Module):
    """Krizhevsky 2014, one tower."""

    def __init__(self, classes: int):
        super().__init__()
        pool, relu = nn.MaxPool2d(3, 2), nn.ReLU()
        self.features = nn.Sequential(
            *(nn.Conv2d(3, 64, 11, 4, 2), relu, pool),
            *(nn.Conv2d(64, 192, 5, 1, 2), relu, pool),
            *(nn.Conv2d(192, 384, 3, 1, 1), relu),
            *(nn.Conv2d(384, 256, 3, 1, 1), relu),
            *(nn.Conv2d(256, 256, 3, 1, 1), relu, pool),
        )
        self.classifier = nn.Sequential(
            *(nn.Dropout(0.0), nn.Linear(256 * 36, 4096), relu),
            *(nn.Dropout(0.0), nn.Linear(4096, 4096), relu),
            nn.Linear(4096, classes),
        )

    def forward(self, x):
        return self.classifier(F.adaptive_avg_pool2d(self.features(x), 6).flatten(1))


class Unit(nn.Module):
    """Convolution, BatchNorm, relu; an odd kernel is padded to keep the size unless told."""

    def __init__(self, inputs: int, features: int, size=1, stride: int = 1, padding=None):
        super().__init__()
        size = (size, size) if isinstance(size, int) else size
        padding = tuple(k // 2 for k in size) if padding is None else padding
        self.conv = nn.Conv2d(inputs, features, size, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(features, eps=1e-3)

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)))


class GoogLeNetModule(nn.Module):
    """Szegedy et al. 2014, Fig. 2 (b), with torchvision's 3x3 in place of 5x5."""

    def __init__(self, inputs: int, c1: int, r3: int, c3: int, r5: int, c5: int, p: int):
        super().__init__()
        self.branch1 = Unit(inputs, c1)
        self.branch2 = nn.Sequential(Unit(inputs, r3), Unit(r3, c3, 3))
        self.branch3 = nn.Sequential(Unit(inputs, r5), Unit(r5, c5, 3))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, 1, 1), Unit(inputs, p))

    def forward(self, x):
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class GoogLeNetAuxiliary(nn.Module):
    def __init__(self, inputs: int, classes: int):
        super().__init__()
        self.conv = Unit(inputs, 128)
        self.fc1, self.fc2 = nn.Linear(2048, 1024), nn.Linear(1024, classes)

    def forward(self, x):
        x = self.conv(F.adaptive_avg_pool2d(x, 4)).flatten(1)
        return self.fc2(F.relu(self.fc1(x)))


# Szegedy et al. 2014, Table 1: input channels, then #1x1 to pool proj.
TABLE_1 = {
    "3a": (192, 64, 96, 128, 16, 32, 32),
    "3b": (256, 128, 128, 192, 32, 96, 64),
    "4a": (480, 192, 96, 208, 16, 48, 64),
    "4b": (512, 160, 112, 224, 24, 64, 64),
    "4c": (512, 128, 128, 256, 24, 64, 64),
    "4d": (512, 112, 144, 288, 32, 64, 64),
    "4e": (528, 256, 160, 320, 32, 128, 128),
    "5a": (832, 256, 160, 320, 32, 128, 128),
    "5b": (832, 384, 192, 384, 48, 128, 128),
}


class GoogLeNet(nn.Module):
    """In training the logits of both auxiliary classifiers come too."""

    def __init__(self, classes: int, auxiliary: bool = True):
        super().__init__()
        self.conv1, self.conv2 = Unit(3, 64, 7, 2), Unit(64, 64)
        self.conv3 = Unit(64, 192, 3)
        for name, row in TABLE_1.items():
            self.add_module(f"inception{name}", GoogLeNetModule(*row))
        if auxiliary:
            self.aux1 = GoogLeNetAuxiliary(512, classes)
            self.aux2 = GoogLeNetAuxiliary(528, classes)
        self.fc = nn.Linear(1024, classes)

    def forward(self, x):
        x = F.max_pool2d(self.conv1(x), 3, 2, ceil_mode=True)
        x = F.max_pool2d(self.conv3(self.conv2(x)), 3, 2, ceil_mode=True)
        auxiliary = []
        for name in TABLE_1:
            if name == "4a":
                x = F.max_pool2d(x, 3, 2, ceil_mode=True)
            if name == "5a":
                x = F.max_pool2d(x, 2, 2, ceil_mode=True)
            x = getattr(self, f"inception{name}")(x)
            if self.training and name in ("4a", "4d"):
                auxiliary.append((self.aux1 if name == "4a" else self.aux2)(x))
        logits = self.fc(x.mean((2, 3)))
        return (logits, *auxiliary) if self.training else logits


class InceptionModule(nn.Module):
    """Units by name, and how they are wired: names joined by spaces; "|" forks, "pool" pools."""

    def __init__(self, inputs: int, branches: list[str], units: dict[str, tuple]):
        super().__init__()
        self.branches = branches
        made = {}
        for branch in branches:
            channels = inputs
            for step in branch.split():
                names = step.split("|")
                if names == ["max"] or names == ["mean"]:
                    continue
                for name in names:
                    features, *rest = units[name]
                    made[name] = Unit(channels, features, *rest)
                channels = sum(units[name][0] for name in names)
        for name, unit in made.items():
            self.add_module(name, unit)

    def forward(self, x):
        parts = []
        for branch in self.branches:
            y = x
            for step in branch.split():
                if step == "max":
                    y = F.max_pool2d(y, 3, 2)
                elif step == "mean":
                    y = F.avg_pool2d(y, 3, 1, 1)
                else:
                    y = torch.cat([getattr(self, name)(y) for name in step.split("|")], 1)
            parts.append(y)
        return torch.cat(parts, 1)


def _a(inputs: int, project: int) -> InceptionModule:
    units = {"branch1x1": (64,), "branch5x5_1": (48,), "branch5x5_2": (64, 5)} | {
        "branch3x3dbl_1": (64,),
        "branch3x3dbl_2": (96, 3),
        "branch3x3dbl_3": (96, 3),
        "branch_pool": (project,),
    }
    branches = ["branch1x1", "branch5x5_1 branch5x5_2"]
    branches += ["branch3x3dbl_1 branch3x3dbl_2 branch3x3dbl_3", "mean branch_pool"]
    return InceptionModule(inputs, branches, units)


def _b(narrow: int) -> InceptionModule:
    units = {"branch1x1": (192,), "branch_pool": (192,)}
    units |= {"branch7x7_1": (narrow,), "branch7x7_2": (narrow, (1, 7))}
    units |= {"branch7x7_3": (192, (7, 1)), "branch7x7dbl_1": (narrow,)}
    units |= {"branch7x7dbl_2": (narrow, (7, 1)), "branch7x7dbl_3": (narrow, (1, 7))}
    units |= {"branch7x7dbl_4": (narrow, (7, 1)), "branch7x7dbl_5": (192, (1, 7))}
    chain = " ".join(f"branch7x7dbl_{i}" for i in range(1, 6))
    branches = ["branch1x1", "branch7x7_1 branch7x7_2 branch7x7_3", chain, "mean branch_pool"]
    return InceptionModule(768, branches, units)


def _c(inputs: int) -> InceptionModule:
    units = {"branch1x1": (320,), "branch_pool": (192,), "branch3x3_1": (384,)}
    units |= {"branch3x3dbl_1": (448,), "branch3x3dbl_2": (384, 3)}
    for name in ("branch3x3_2", "branch3x3dbl_3"):
        units |= {f"{name}a": (384, (1, 3)), f"{name}b": (384, (3, 1))}
    branches = ["branch1x1", "branch3x3_1 branch3x3_2a|branch3x3_2b"]
    branches += ["branch3x3dbl_1 branch3x3dbl_2 branch3x3dbl_3a|branch3x3dbl_3b"]
    return InceptionModule(inputs, [*branches, "mean branch_pool"], units)


class InceptionV3Auxiliary(nn.Module):
    def __init__(self, classes: int):
        super().__init__()
        self.conv0, self.conv1 = Unit(768, 128), Unit(128, 768, 5, 1, 0)
        self.fc = nn.Linear(768, classes)


class InceptionV3(nn.Module):
    """Szegedy et al. 2015, Table 1, with the filter counts of the authors' code; evaluation only.

    AuxLogits holds weights and is not run.
    """

    def __init__(self, classes: int, auxiliary: bool = True):
        super().__init__()
        self.Conv2d_1a_3x3 = Unit(3, 32, 3, 2, 0)
        self.Conv2d_2a_3x3 = Unit(32, 32, 3, 1, 0)
        self.Conv2d_2b_3x3 = Unit(32, 64, 3)
        self.Conv2d_3b_1x1 = Unit(64, 80)
        self.Conv2d_4a_3x3 = Unit(80, 192, 3, 1, 0)
        self.Mixed_5b, self.Mixed_5c, self.Mixed_5d = _a(192, 32), _a(256, 64), _a(288, 64)
        double = "branch3x3dbl_1 branch3x3dbl_2 branch3x3dbl_3"
        units = {"branch3x3": (384, 3, 2, 0), "branch3x3dbl_1": (64,)}
        units |= {"branch3x3dbl_2": (96, 3), "branch3x3dbl_3": (96, 3, 2, 0)}
        self.Mixed_6a = InceptionModule(288, ["branch3x3", double, "max"], units)
        self.Mixed_6b, self.Mixed_6c = _b(128), _b(160)
        self.Mixed_6d, self.Mixed_6e = _b(160), _b(192)
        if auxiliary:
            self.AuxLogits = InceptionV3Auxiliary(classes)
        units = {"branch3x3_1": (192,), "branch3x3_2": (320, 3, 2, 0), "branch7x7x3_1": (192,)}
        units |= {"branch7x7x3_2": (192, (1, 7)), "branch7x7x3_3": (192, (7, 1))}
        units |= {"branch7x7x3_4": (192, 3, 2, 0)}
        chain = " ".join(f"branch7x7x3_{i}" for i in range(1, 5))
        self.Mixed_7a = InceptionModule(768, ["branch3x3_1 branch3x3_2", chain, "max"], units)
        self.Mixed_7b, self.Mixed_7c = _c(1280), _c(2048)
        self.fc = nn.Linear(2048, classes)

    def forward(self, x):
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(F.max_pool2d(x, 3, 2)))
        x = F.max_pool2d(x, 3, 2)
        for name, module in self.named_children():
            if name.startswith("Mixed"):
                x = module(x)
        return self.fc(x.mean((2, 3)))
