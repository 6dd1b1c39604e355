"""The same networks and the same step in PyTorch, channels last: the peer."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from experiments.benchmarks.ours import configuration
from resinc.blocks.inception import Filters, reduced_filters
from resinc.cores import available_cores
from resinc.data import DATASETS
from resinc.networks.cifar import blocks_per_stage
from resinc.networks.googlenet import AUXILIARY, MODULES
from resinc.networks.imagenet import SIZES


def unit(c: int, features: int, size: int = 1, stride: int = 1, eps: float = 1e-5, act=True):
    """Convolution, BatchNorm, relu."""
    conv = nn.Conv2d(c, features, size, stride, size // 2, bias=False)
    parts = [conv, nn.BatchNorm2d(features, eps)]
    return nn.Sequential(*parts, *([nn.ReLU(inplace=True)] if act else []))


class Residual(nn.Module):
    """Two 3x3 and option A, or 1x1, 3x3, 1x1 and a projection. He et al. 2015, Fig. 5.

    `stride_on_3x3`: as the successors of the paper's bottleneck have it, "v1.5".
    """

    def __init__(
        self, c: int, features: int, stride: int, bottleneck: bool, stride_on_3x3: bool = False
    ):
        super().__init__()
        self.extra, self.stride = features - c, stride
        self.project = None
        if bottleneck:
            width, strides = features // 4, (1, stride) if stride_on_3x3 else (stride, 1)
            parts = [unit(c, width, 1, strides[0]), unit(width, width, 3, strides[1])]
            parts.append(unit(width, features, act=False))
            if self.extra:
                self.project = unit(c, features, 1, stride, act=False)
        else:
            parts = [unit(c, features, 3, stride), unit(features, features, 3, act=False)]
        self.branch = nn.Sequential(*parts)

    def forward(self, x):
        y = self.branch(x)
        if self.project is not None:
            x = self.project(x)
        elif self.extra:
            half = self.extra // 2
            x = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, half, half))
        return F.relu(y + x, inplace=True)


class Inception(nn.Module):
    """1x1, 3x3, 5x5 and pooling side by side. Szegedy et al. 2014, Fig. 2 (b)."""

    def __init__(self, c: int, f: Filters, stride: int = 1, eps: float = 1e-5):
        super().__init__()
        pool = nn.MaxPool2d(3, stride, 1)
        self.branches = nn.ModuleList(
            [
                unit(c, f.conv1, 1, stride, eps),
                nn.Sequential(
                    unit(c, f.reduce3, eps=eps), unit(f.reduce3, f.conv3, 3, stride, eps)
                ),
                nn.Sequential(
                    unit(c, f.reduce5, eps=eps), unit(f.reduce5, f.conv5, 5, stride, eps)
                ),
                nn.Sequential(pool, unit(c, f.project, eps=eps)),
            ]
        )

    def forward(self, x):
        return torch.cat([branch(x) for branch in self.branches], 1)


class Classifier(nn.Module):
    """Mean over pixels, dense."""

    def __init__(self, c: int, classes: int):
        super().__init__()
        self.dense = nn.Linear(c, classes)

    def forward(self, x):
        return self.dense(x.mean((2, 3)))


class Auxiliary(nn.Module):
    def __init__(self, c: int, pixels: int, classes: int):
        super().__init__()
        window = min(5, pixels)
        self.pool, self.conv = nn.AvgPool2d(window, 3), unit(c, 128, eps=1e-3)
        left = (pixels - window) // 3 + 1
        self.dense1, self.dense2 = nn.Linear(128 * left**2, 1024), nn.Linear(1024, classes)

    def forward(self, x):
        return self.dense2(F.relu(self.dense1(self.conv(self.pool(x)).flatten(1))))


class GoogLeNet(nn.Module):
    """With BatchNorm and both auxiliary classifiers. Szegedy et al. 2014, Table 1."""

    def __init__(self, pixels: int, classes: int):
        super().__init__()
        self.conv1, self.conv2 = unit(3, 64, 7, 2, 1e-3), unit(64, 64, eps=1e-3)
        self.conv3 = unit(64, 192, 3, eps=1e-3)
        self.stages, self.aux, c = nn.ModuleDict(), nn.ModuleDict(), 192
        for name, filters in MODULES.items():
            self.stages[name] = Inception(c, filters, eps=1e-3)
            c = filters.features(c)
            if name in AUXILIARY:
                self.aux[name] = Auxiliary(c, pixels // 16, classes)
        self.head = Classifier(c, classes)

    def forward(self, x):
        def pool(x):
            return F.max_pool2d(x, 3, 2, ceil_mode=True)

        x = pool(self.conv3(self.conv2(pool(self.conv1(x)))))
        others = []
        for name, module in self.stages.items():
            x = module(pool(x) if name in ("4a", "5a") else x)
            if self.training and name in self.aux:
                others.append(self.aux[name](x))
        return self.head(x), *others


class NetworkInNetwork(nn.Module):
    """Three mlpconv layers, with BatchNorm. Lin et al. 2013, section 4.2."""

    def __init__(self, w: int, classes: int):
        super().__init__()

        def mlpconv(c: int, size: int, *widths: int) -> nn.Sequential:
            sides = zip(pairwise((c, *widths)), (size, 1, 1), strict=True)
            return nn.Sequential(*(unit(*pair, k) for pair, k in sides))

        half = round(w / 2)
        self.mlpconv1 = mlpconv(3, 5, w, round(5 * w / 6), half)
        self.mlpconv2 = mlpconv(half, 5, w, w, w)
        self.mlpconv3 = mlpconv(w, 3, w, w, classes)

    def forward(self, x):
        x = F.max_pool2d(self.mlpconv1(x), 3, 2, ceil_mode=True)
        x = F.avg_pool2d(self.mlpconv2(x), 3, 2, ceil_mode=True)
        return (self.mlpconv3(x).mean((2, 3)),)


class Staged(nn.Module):
    """A stem, stages of blocks, a head: the CIFAR family, ResNet-50, and that taught with SIGNS."""

    def __init__(self, model: Any, classes: int):
        super().__init__()
        signs, large = model.name == "signs", model.name in ("signs", "imagenet")
        size = SIZES[model.depth] if large else 3 * (blocks_per_stage(model.depth),)
        c = model.width
        stem = [unit(3, c, 7, 2), nn.MaxPool2d(3, 2, int(not signs))] if large else [unit(3, c, 3)]
        blocks: list[nn.Module] = []
        for i, n in enumerate(size):
            for j in range(n):
                features, stride = model.width * 2**i * (4 if large else 1), 2 if i and not j else 1
                if model.block == "inception":
                    blocks.append(Inception(c, reduced_filters(features), stride))
                else:
                    later = model.variant == "v1.5"
                    blocks.append(Residual(c, features, stride, large, later))
                c = features
        self.layers = nn.Sequential(*stem, *blocks)
        self.head = Classifier(c, classes)
        if signs:  # Biases beside BatchNorm, as it is taught.
            for module in [m for m in self.modules() if isinstance(m, nn.Conv2d)]:
                module.bias = nn.Parameter(torch.zeros(module.out_channels))

    def forward(self, x):
        return (self.head(self.layers(x)),)


def network(config: Any) -> nn.Module:
    spec = DATASETS[config.data.name]
    if config.model.name == "googlenet":
        return GoogLeNet(spec.image_shape[0], spec.num_classes)
    if config.model.name == "nin":
        return NetworkInNetwork(config.model.width, spec.num_classes)
    return Staged(config.model, spec.num_classes)


def prepare(
    recipe: str,
    evaluating: bool = False,
    compiled: str = "",
    calls: int = 1,
    **fields: Any,
) -> tuple[Callable[[], None], dict[str, Any]]:
    """As `ours.prepare`, on a GPU where there is one.

    `compiled`: a mode of torch.compile; "": eager. float32 is TF32 where the config lets ours be.
    """
    torch.set_num_threads(len(available_cores()))
    config = configuration(recipe, **fields)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    exact = config.model.matmul_precision == "highest"
    torch.set_float32_matmul_precision("highest" if exact else "high")
    torch.backends.cudnn.allow_tf32 = not exact
    torch.backends.cudnn.benchmark = True  # What JAX does too: the fastest algorithm is measured.
    precision = torch.autocast(
        device, torch.bfloat16, enabled=config.model.dtype == "bfloat16", cache_enabled=True
    )
    spec = DATASETS[config.data.name]
    h, w, c = spec.image_shape
    torch.manual_seed(0)
    model: Any = network(config)
    model = model.to(device, memory_format=torch.channels_last)
    x = torch.randn(config.batch_size, c, h, w).to(device, memory_format=torch.channels_last)
    labels = torch.randint(0, spec.num_classes, (config.batch_size,)).to(device)
    about = {
        "batch_size": config.batch_size,
        "parameters": sum(p.numel() for p in model.parameters()),
    }
    run = torch.compile(model, mode=compiled) if compiled else model
    if evaluating:
        model.eval()

        def evaluate() -> None:
            with torch.inference_mode():
                logits = run(x)[0]
                F.cross_entropy(logits, labels, reduction="sum").item()
                (logits.argmax(1) != labels).sum().item()

        return evaluate, about
    section = config.optimizer
    optimizer = torch.optim.SGD(
        model.parameters(),
        lr=section.lr,
        momentum=section.momentum,
        weight_decay=section.weight_decay,
        fused=device == "cuda",
    )
    model.train()

    def step() -> Any:
        optimizer.zero_grad(set_to_none=True)
        with precision:
            logits, *others = run(x)
            loss = F.cross_entropy(logits, labels)
            for other in others:
                loss = loss + config.model.auxiliary_weight * F.cross_entropy(other, labels)
        loss.backward()
        optimizer.step()
        return loss

    def call() -> None:
        for _ in range(calls):
            loss = step()
        loss.item()  # Which a GPU's queue of work ends with.

    return call, about
