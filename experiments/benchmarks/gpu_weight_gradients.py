"""Forms of a convolution's weight gradient on a GPU: `python -m experiments.gpu weight-gradients`.

By kernels whose bits do not vary it is half of a step of ResNet-20 (docs/gpu.md). Here XLA's own is
measured beside products of matrices, whose sums have one order, for each convolution of that
network, with its distance from the sum in float64. XLA_FLAGS decides which kernels XLA may take.
"""

import argparse
import statistics
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from experiments.benchmarks.worker import timed
from experiments.gpu.device import need_gpu
from resinc.cli.jax_start import prepare_jax

SIZE, BATCH = 3, 128
TURNS, CALLS = 5, 50


class Convolution(NamedTuple):
    """3x3, so padded that stride 1 keeps the pixels."""

    pixels: int
    channels: int
    features: int
    stride: int = 1

    def __str__(self) -> str:
        return (
            f"{self.channels} to {self.features} on {self.pixels}x{self.pixels}"
            f"{', stride 2' if self.stride == 2 else ''}"
        )


RESNET_20 = (
    *(Convolution(32, 3, 16), Convolution(32, 16, 16), Convolution(32, 16, 32, 2)),
    *(Convolution(16, 32, 32), Convolution(16, 32, 64, 2), Convolution(8, 64, 64)),
)
PADS = ((1, 1), (1, 1))
AROUND = ((0, 0), *PADS, (0, 0))


def taps(padded: Any, out: int, stride: int) -> Iterator[Any]:
    """What each of the 3x3 weights meets, of an image [b, h + 2, w + 2, c]: [b, out * out, c]."""
    last = stride * (out - 1) + 1
    for i, j in np.ndindex(SIZE, SIZE):
        shift = padded[:, i : i + last : stride, j : j + last : stride]
        yield shift.reshape(len(padded), out * out, -1)


def forms(convolution: Convolution) -> dict[str, Callable]:
    """Name -> f(x [b, h, w, c], g [b, h', w', c']) -> [3, 3, c, c']."""
    import jax
    import jax.numpy as jnp

    from resinc.ops.conv import xla_conv

    h, c, features, stride = convolution
    out = h // stride
    shape = (SIZE, SIZE, c, features)

    def by_xla(x, g):
        def forward(kernel):
            return xla_conv(x, kernel, stride, PADS, 1)

        return jax.vjp(forward, jnp.zeros(shape, x.dtype))[1](g)[0]

    def shifts(x):
        return list(taps(jnp.pad(x, AROUND), out, stride))

    def patches(x):
        return jnp.concatenate(shifts(x), axis=-1)

    def flat(g):
        return g.reshape(len(g), out * out, features)

    def per_image(x, g):
        return jnp.einsum("bpk,bpf->bkf", patches(x), flat(g)).sum(0).reshape(shape)

    def per_image_and_tap(x, g):
        parts = [jnp.einsum("bpc,bpf->bcf", shift, flat(g)).sum(0) for shift in shifts(x)]
        return jnp.stack(parts).reshape(shape)

    def at_once(x, g):
        return jnp.einsum("bpk,bpf->kf", patches(x), flat(g)).reshape(shape)

    return {
        "XLA": by_xla,
        "a product per image": per_image,
        "a product per image and tap": per_image_and_tap,
        "one product": at_once,
    }


def exact(x: np.ndarray, g: np.ndarray, stride: int) -> np.ndarray:
    """The same in float64."""
    c, features = x.shape[-1], g.shape[-1]
    flat = g.reshape(-1, features).astype(np.float64)
    shifts = taps(np.pad(x.astype(np.float64), AROUND), g.shape[1], stride)
    parts = [shift.reshape(-1, c).T @ flat for shift in shifts]
    return np.reshape(parts, (SIZE, SIZE, c, features))


def measured(convolution: Convolution, batch: int, calls: int) -> dict[str, tuple[float, float]]:
    """Form -> (seconds, largest deviation over the largest element)."""
    import jax

    random = np.random.RandomState(0)
    h, c, features, stride = convolution
    x = random.standard_normal((batch, h, h, c)).astype(np.float32)
    g = random.standard_normal((batch, h // stride, h // stride, features)).astype(np.float32)
    right = exact(x, g, stride)
    held = jax.device_put((x, g))
    found = {}
    for name, form in forms(convolution).items():
        with jax.default_matmul_precision("highest"):
            program = jax.jit(form).lower(*held).compile()
        deviation = np.abs(np.asarray(program(*held)) - right).max() / np.abs(right).max()

        def call(program: Callable = program) -> None:
            jax.block_until_ready([program(*held) for _ in range(calls)])

        turns = [timed(call, 1)["seconds"] / calls for _ in range(TURNS)]
        found[name] = statistics.median(turns), float(deviation)
    return found


def main(argv: Sequence[str]) -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="python -m experiments.gpu weight-gradients")
    parser.add_argument("--quick", action="store_true", help="a tiny batch, also on a CPU")
    args = parser.parse_args(argv)
    if not args.quick:
        need_gpu("--quick shows on a CPU whether it runs")
    prepare_jax(deterministic=True)
    batch, calls = (2, 1) if args.quick else (BATCH, CALLS)
    names = list(forms(RESNET_20[0]))
    print(f"| microseconds (deviation), 3x3 | {' | '.join(names)} |")
    print("| --- " * (len(names) + 1) + "|")
    for convolution in RESNET_20:
        found = measured(convolution, batch, calls)
        cells = [f"{1e6 * seconds:.0f} ({off:.0e})" for seconds, off in found.values()]
        print(f"| {convolution} | {' | '.join(cells)} |", flush=True)
    return 0
