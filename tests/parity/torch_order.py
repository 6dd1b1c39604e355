"""Give a PyTorch module's weights to one of our networks, by order of execution, and compare.

Two implementations that were written apart name their layers differently, but both run them in the
order of the paper. `assert_same` notes the order of PyTorch's convolutions, BatchNorms and linear
layers with forward hooks and that of ours with `cost.count`; shapes are checked layer by
layer. Where the two disagree about which of two branches comes first, `ours` or `theirs` reorders.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch

from resinc.cost.count import network_cost
from resinc.networks.paths import stack, unstack

Reorder = Callable[[list[str]], list[str]]
KINDS = (torch.nn.Conv2d, torch.nn.BatchNorm2d, torch.nn.Linear)
# The part of the running statistics that a step keeps: `config.model.batch_norm_decay`.
DECAY = 0.9


def assert_same(
    module: torch.nn.Module,
    network: Any,
    image_shape: tuple[int, int, int],
    *,
    train: bool,
    batch: int = 2,
    ours: Reorder | None = None,
    theirs: Reorder | None = None,
    pixels: Mapping[str, int] | None = None,
    tolerance: float = 1e-4,
) -> None:
    """Fill `module` at random, copy to `network`, and compare what both make of random images.

    With `train`, both normalise by the batch, and the running statistics are compared too, knowing
    that PyTorch's variance is the unbiased one. Dropout must be off on both sides.

    Args:
      module: [b, c, h, w] -> logits [b, k], or a tuple of these and of auxiliary logits.
      network: ours; if its blocks are scanned, the scan is in the comparison too.
      image_shape: [h, w, c].
      train: a training-mode forward pass instead of an evaluation.
      batch: images.
      ours: reorders our layers' paths.
      theirs: reorders the names of PyTorch's modules.
      pixels: path of a dense layer -> h * w of the feature map it gets flattened: PyTorch flattens
        [c, h, w], we [h, w, c].
      tolerance: of the logits' largest difference, as a part of their largest magnitude; also of
        each layer's running statistics.
    """
    randomise(module)
    images = np.random.default_rng(1).normal(size=(batch, *image_shape)).astype(np.float32)
    theirs_in = torch.from_numpy(images.transpose(0, 3, 1, 2).copy())
    weights = torch_weights(module, theirs_in, theirs)
    scanned = getattr(network, "scan", False)
    unrolled = network.clone(scan=False) if scanned else network
    variables, matched = filled(unrolled, image_shape, weights, ours, pixels)
    if scanned:
        variables = stack(variables)

    module.train(train)
    counts: dict[str, int] = {}
    handles = _watch(module, lambda name, out: counts.__setitem__(name, out[:, 0].numel()))
    with torch.no_grad():
        outputs = module(theirs_in)
    for handle in handles:
        handle.remove()
    expected = [
        output.numpy() for output in (outputs if isinstance(outputs, tuple) else (outputs,))
    ]
    logits, updates = apply(network, variables, images, train)
    auxiliary = jax.tree.leaves(updates.get("auxiliary", {})) if len(expected) > 1 else []
    for a, b in zip([logits, *auxiliary], expected, strict=True):
        assert_close(a, b, tolerance)
    if not train:
        return
    after = torch_weights(module, theirs_in, theirs)
    stats = unstack(updates.get("batch_stats", {}))
    for path, name in matched.items():
        if "mean" not in weights[name]:
            continue
        new, n = _at(stats, path), counts[name]
        assert_close(new["mean"], after[name]["mean"], tolerance, path)
        kept = DECAY * weights[name]["var"]
        assert_close(kept + (new["var"] - kept) * n / (n - 1), after[name]["var"], tolerance, path)


def assert_close(a: Any, b: Any, tolerance: float = 1e-4, what: str = "logits") -> None:
    """The largest difference is at most `tolerance` of the largest magnitude; neither is zero."""
    a, b = np.asarray(a), np.asarray(b)
    assert a.shape == b.shape, (what, a.shape, b.shape)
    scale = np.abs(b).max()
    assert np.isfinite(scale), what
    assert scale > 0, what
    difference = np.abs(a - b).max() / scale
    assert difference <= tolerance, f"{what}: {difference:.1e} of their scale, {scale:.3g}"


def shortcuts_first(paths: list[str]) -> list[str]:
    """Put the layers of every projection shortcut in front of the rest of its block."""
    blocks: dict[str, list[str]] = {}
    for path in paths:
        before, shortcut, _ = path.partition("/shortcut/")
        blocks.setdefault(before if shortcut else path.rpartition("/")[0] or path, []).append(path)
    return [p for block in blocks.values() for p in sorted(block, key=_is_not_shortcut)]


def _is_not_shortcut(path: str) -> bool:
    return "/shortcut/" not in path


def randomise(module: torch.nn.Module, seed: int = 0) -> None:
    """Random weights, random running statistics; the harness's momentum.

    BatchNorms shift by about 1, so that a ReLU passes most, not half. With shifts around 0 a plain
    network of 76 layers multiplies a rounding by 1e4 in training mode (Inception-v4: PyTorch in
    fp32 is 7e-4 off itself in fp64; with this shift, 3e-6).
    """
    generator = torch.Generator().manual_seed(seed)

    def normal(tensor: torch.Tensor, deviation: float, mean: float = 0.0) -> None:
        tensor.normal_(mean, deviation, generator=generator)

    with torch.no_grad():
        for child in module.modules():
            if not isinstance(child, KINDS):
                continue
            if isinstance(child, torch.nn.BatchNorm2d):
                child.momentum = 1 - DECAY
                normal(child.running_mean, 0.1)
                child.running_var.uniform_(0.5, 1.5, generator=generator)
                if child.weight is not None:
                    child.weight.uniform_(0.5, 1.5, generator=generator)
            else:
                normal(child.weight, (2 / child.weight[0].numel()) ** 0.5)
            if child.bias is not None:
                normal(child.bias, 0.1, 1.0 if isinstance(child, torch.nn.BatchNorm2d) else 0.0)


def torch_weights(
    module: torch.nn.Module, images: torch.Tensor, reorder: Reorder | None = None
) -> dict[str, dict[str, np.ndarray]]:
    """Name -> arrays in our layout, in order of execution; those that evaluation skips come last.

    The arrays are called as ours: kernel, scale, bias, mean, var.
    """
    met: list[str] = []
    handles = _watch(module, lambda name, _: met.append(name))
    mode = module.training
    module.eval()
    with torch.no_grad():
        module(images[:1])
    module.train(mode)
    for handle in handles:
        handle.remove()
    children = {name: child for name, child in module.named_modules() if isinstance(child, KINDS)}
    used = list(dict.fromkeys(met))
    if reorder:
        used = reorder(used)
    return {name: _arrays(children[name]) for name in dict.fromkeys([*used, *children])}


def _watch(module: torch.nn.Module, seen: Callable[[str, torch.Tensor], Any]) -> list[Any]:
    return [
        child.register_forward_hook(lambda _, __, out, name=name: seen(name, out))
        for name, child in module.named_modules()
        if isinstance(child, KINDS)
    ]


def _arrays(child: torch.nn.Module) -> dict[str, np.ndarray]:
    def array(tensor: torch.Tensor) -> np.ndarray:
        return tensor.detach().numpy().copy()

    if isinstance(child, torch.nn.BatchNorm2d):
        arrays = {"mean": array(child.running_mean), "var": array(child.running_var)}
        if child.weight is not None:
            arrays["scale"] = array(child.weight)
    else:
        weight = array(child.weight)
        arrays = {"kernel": weight.transpose(2, 3, 1, 0) if weight.ndim == 4 else weight.T}
    if child.bias is not None:
        arrays["bias"] = array(child.bias)
    return arrays


def filled(
    network: Any,
    image_shape: Sequence[int],
    weights: Mapping[str, Mapping[str, np.ndarray]],
    reorder: Reorder | None = None,
    pixels: Mapping[str, int] | None = None,
) -> tuple[dict[str, Any], dict[str, str]]:
    """Our variables, filled layer by layer, and which of our paths got which of their layers.

    Layers of ours that evaluation does not use (auxiliary classifiers) may be missing in `weights`;
    they stay at small random values. Any other difference of number or shape fails.
    """
    x = jnp.zeros((1, *image_shape))
    shapes = jax.eval_shape(lambda x: network.init(jax.random.key(0), x, train=False), x)
    random = np.random.default_rng(2)
    variables: dict[str, Any] = jax.tree.map(
        lambda leaf: np.abs(0.1 * random.normal(size=leaf.shape)).astype(np.float32),
        {name: shapes[name] for name in ("params", "batch_stats") if name in shapes},
    )
    rows = [layer for layer in network_cost(network, image_shape).layers if layer.parameters]
    used = [layer.path for layer in rows if layer.calls]
    unused = [layer.path for layer in rows if not layer.calls]
    if reorder:
        used = reorder(used)
    paths = used if len(weights) == len(used) else used + unused
    assert len(paths) == len(weights), f"we have {len(paths)} layers, they {len(weights)}"
    for path, (name, arrays) in zip(paths, weights.items(), strict=True):
        own = _at(variables["params"], path)
        stats = _at(variables.get("batch_stats", {}), path) if "mean" in arrays else {}
        expected = {k: v.shape for k, v in (own | stats).items()}
        given = dict(arrays)
        if pixels and path in pixels:
            given["kernel"] = _from_pixels_last(given["kernel"], pixels[path])
        assert {k: v.shape for k, v in given.items()} == expected, f"{name} does not fit {path}"
        for key in own:
            own[key] = given[key]
        for key in stats:
            stats[key] = given[key]
    return variables, dict(zip(paths, weights, strict=True))


def _from_pixels_last(kernel: np.ndarray, pixels: int) -> np.ndarray:
    """Rows of a dense layer from [c, h, w] order to [h, w, c]."""
    inputs, outputs = kernel.shape
    by_channel = kernel.reshape(inputs // pixels, pixels, outputs)
    return by_channel.swapaxes(0, 1).reshape(inputs, outputs)


def _at(tree: Any, path: str) -> Any:
    for name in path.split("/"):
        tree = tree[name]
    return tree


def apply(
    network: Any, variables: Any, images: np.ndarray, train: bool
) -> tuple[np.ndarray, dict[str, Any]]:
    """Logits, and what a training-mode pass changed."""

    def forward(variables: Any, images: jax.Array) -> Any:
        if not train:
            return network.apply(variables, images, train=False), {}
        return network.apply(
            variables,
            images,
            train=True,
            mutable=["batch_stats", "auxiliary"],
            rngs={"dropout": jax.random.key(0)},
        )

    logits, updates = jax.jit(forward)(variables, images)
    return np.asarray(logits), jax.tree.map(np.asarray, dict(updates))
