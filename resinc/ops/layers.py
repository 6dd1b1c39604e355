"""The bundle of layers that a network makes once and hands to its blocks."""

import dataclasses
import functools
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp

from resinc.ops.conv import conv2d

# He et al. 2015b (arXiv 1502.01852), eq. 10: normal, not truncated, variance 2 / fan-in.
he_normal = nn.initializers.variance_scaling(2.0, "fan_in", "normal")


class Conv(nn.Module):
    """Convolution without bias (a BatchNorm follows): [b, h, w, c] -> [b, h/s, w/s, features]."""

    features: int
    kernel_size: int = 3
    stride: int = 1
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        shape = (self.kernel_size, self.kernel_size, x.shape[-1], self.features)
        kernel = self.param("kernel", he_normal, shape)
        return conv2d(x.astype(self.dtype), kernel.astype(self.dtype), self.stride)


@dataclasses.dataclass(frozen=True)
class Layers:
    """Injected into every block, so that an option is named once, not threaded through.

    Attributes:
      conv: (features, kernel_size=3, stride=1, name=...), [b, h, w, c] to [b, h/s, w/s, features].
      norm: (name=...) -> module that keeps the shape.
      act: function of the same shape.
      shortcut: (layers, x, features, stride) -> array, one of `ops.shortcut.SHORTCUTS`.
    """

    conv: Callable[..., nn.Module]
    norm: Callable[..., nn.Module]
    act: Callable[[jax.Array], jax.Array]
    shortcut: Callable[..., jax.Array]


def make_layers(
    *,
    train: bool,
    shortcut: Callable[..., jax.Array],
    dtype: jnp.dtype = jnp.float32,
    norm_decay: float = 0.9,
    norm_axis: str | None = None,
) -> Layers:
    """The layers of He et al. 2015: 3x3 convolution, BatchNorm, ReLU.

    Args:
      train: normalise by batch statistics and update the running ones.
      shortcut: one of `ops.shortcut.SHORTCUTS`.
      dtype: of activations; statistics and parameters stay float32.
      norm_decay: of the running statistics, per step.
      norm_axis: replica axis to normalise over; None normalises each replica by itself, as the
        papers did.
    """
    return Layers(
        conv=functools.partial(Conv, dtype=dtype),
        norm=functools.partial(
            nn.BatchNorm,
            use_running_average=not train,
            momentum=norm_decay,
            epsilon=1e-5,
            dtype=dtype,
            axis_name=norm_axis,
        ),
        act=nn.relu,
        shortcut=shortcut,
    )
