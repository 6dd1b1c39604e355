"""How a convolution's kernel is drawn: (key, shape [kh, kw, c / groups, c']) -> float32 kernel."""

from collections.abc import Callable, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from resinc.errors import InputError

Initializer = Callable[[Any, Sequence[int]], jax.Array]

# He et al. 2015b (arXiv 1502.01852), eq. 10: normal, not truncated, variance 2 / fan-in.
he_normal = nn.initializers.variance_scaling(2.0, "fan_in", "normal")
_orthogonal = nn.initializers.orthogonal()


def dirac(key: Any, shape: Sequence[int]) -> jax.Array:
    """delta + 0.1 W / |W|, |W| of each filter. Zagoruyko and Komodakis 2017 (arXiv 1706.00388).

    Section 2: a = 1 and b = 0.1 at the start. delta passes a channel on: of a convolution that adds
    channels, each is passed on several times; of one that has fewer, the first ones are.
    What it preserves: the convolution is nearly the identity. A plain block is not: BatchNorm takes
    the mean away, and relu what is then below 0.
    """
    kh, kw, channels, features = shape
    w = he_normal(key, shape)
    small = 0.1 * w / jnp.sqrt(jnp.sum(jnp.square(w), axis=(0, 1, 2), keepdims=True))
    # Within a group too, output o sees input o modulo the channels of a group.
    source = jnp.arange(features) % channels
    return small.at[(kh - 1) // 2, (kw - 1) // 2, source, jnp.arange(features)].add(1.0)


def looks_linear(key: Any, shape: Sequence[int]) -> jax.Array:
    """[[K, -K], [-K, K]] of pairs of channels. Balduzzi et al. 2017 (arXiv 1702.08591), section 4.

    The paper concatenates relu(x) and relu(-x); here channels 2i and 2i + 1 are the two, so that
    the architecture stays and the branches of a module can be concatenated. A convolution of
    (relu(z), relu(-z)) puts out (K z, -K z), since relu(z) - relu(-z) = z.
    What it preserves: at the start a plain network, with BatchNorm or without, is linear in its
    input (with BatchNorm's statistics held) up to the features before its head. The sum of a
    residual block is not.

    K is orthogonal: [kh kw c/2, c'/2] has orthonormal columns, or rows where these are fewer. An
    odd number of input channels is an image's, which has no pairs: (K x, -K x).

    Raises:
      InputError: an odd number of features, which cannot be paired.
    """
    kh, kw, channels, features = shape
    if features % 2:
        raise InputError(
            f"model.init 'looks_linear' pairs channels, but a convolution has {features} of them"
        )
    paired = channels % 2 == 0
    half = _orthogonal(key, (kh, kw, channels // 2 if paired else channels, features // 2))
    outputs = jnp.stack([half, -half], axis=-1).reshape(*half.shape[:3], features)
    if not paired:
        return outputs
    return jnp.stack([outputs, -outputs], axis=3).reshape(kh, kw, channels, features)


INITS: dict[str, Initializer] = {"he": he_normal, "dirac": dirac, "looks_linear": looks_linear}
