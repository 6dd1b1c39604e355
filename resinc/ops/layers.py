"""The bundle of layers that a network makes once and hands to its blocks."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from resinc.ops.conv import conv2d
from resinc.ops.kernels import Initializer, he_normal
from resinc.ops.norm import BatchNorm, add_bias
from resinc.ops.wrap import wrap


class Conv(nn.Module):
    """Convolution: [b, h, w, c] -> [b, h', w', features].

    Attributes:
      kernel_size: pixels, (height, width) or one number for both.
      padding: "SAME" or "VALID", see `ops.conv.conv2d`.
      circular: "SAME" then surrounds the image by its opposite edges instead of zeros, so that no
        pixel is nearer to a border than another.
      groups: of channels.
      bias: add one number per feature; needless where a BatchNorm follows.
      kernel_init: one of `ops.kernels.INITS`.
    """

    features: int
    kernel_size: int | tuple[int, int] = 3
    stride: int = 1
    padding: str = "SAME"
    circular: bool = False
    groups: int = 1
    bias: bool = False
    kernel_init: Initializer = he_normal
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        size = self.kernel_size
        kh, kw = (size, size) if isinstance(size, int) else size
        shape = (kh, kw, x.shape[-1] // self.groups, self.features)
        kernel = self.param("kernel", self.kernel_init, shape)
        x, kernel = x.astype(self.dtype), kernel.astype(self.dtype)
        padding = self.padding
        if self.circular and padding == "SAME":
            x, padding = wrap(x, kh, kw), "VALID"
        y = conv2d(x, kernel, self.stride, padding, self.groups)
        if self.bias:
            bias = self.param("bias", nn.initializers.zeros, (self.features,))
            y = add_bias(y, bias.astype(self.dtype))
        return y


class NoNorm(nn.Module):
    """Nothing, where a norm would stand."""

    def __call__(self, x: jax.Array) -> jax.Array:
        return x


@dataclasses.dataclass(frozen=True)
class Layers:
    """Injected into every block, so that an option is named once, not threaded through.

    Attributes:
      conv: (features, kernel_size=3, stride=1, ..., name=...), see `Conv`.
      norm: (name=...) -> module that keeps the shape.
      last_norm: likewise; the last one of a residual branch.
      act: function of the same shape.
      shortcut: (layers, x, features, stride) -> array, one of `ops.shortcut.SHORTCUTS`.
      merge: (layers, shortcut, branch) -> array, one of `ops.merge.MERGES`.
      shortcut_scale: constant factor of the shortcut.
      branch_scale: constant factor of the branch.
      learned_scale: a trained factor of the branch besides, 0 at the start.
      branch_gradient: share of the gradient that goes back into the branch: 0 shows what the
        shortcut lets through.
      shortcut_gradient: likewise, into the shortcut.
      stream_dtype: of what a merge is given and returns; None: of shortcut and branch as they are.
      gate_bias: at the start, of the gating merges.
      projection_norm: whether a projection shortcut has a norm; pre-activation has none.
      circular: whether convolutions, and the pooling of a module, see opposite edges at a border.
      train: whether this is a training step (of dropout).
    """

    conv: Callable[..., nn.Module]
    norm: Callable[..., nn.Module]
    last_norm: Callable[..., nn.Module]
    act: Callable[[jax.Array], jax.Array]
    shortcut: Callable[..., jax.Array]
    merge: Callable[..., jax.Array]
    shortcut_scale: float = 1.0
    branch_scale: float = 1.0
    learned_scale: bool = False
    branch_gradient: float | jax.Array = 1.0
    shortcut_gradient: float | jax.Array = 1.0
    stream_dtype: jnp.dtype | None = None
    gate_bias: float = -6.0
    projection_norm: bool = True
    circular: bool = False
    train: bool = False


class ConvUnit(nn.Module):
    """act(norm(conv(x))), the brick of inception networks: [b, h, w, c] -> [b, h', w', features].

    Attributes:
      act: False leaves the last step out.
    """

    layers: Layers
    features: int
    kernel_size: int | tuple[int, int] = 1
    stride: int = 1
    padding: str = "SAME"
    act: bool = True

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        conv = self.layers.conv(
            self.features,
            kernel_size=self.kernel_size,
            stride=self.stride,
            padding=self.padding,
            name="conv",
        )
        x = self.layers.norm(name="norm")(conv(x))
        return self.layers.act(x) if self.act else x


def make_layers(
    *,
    train: bool,
    shortcut: Callable[..., jax.Array],
    merge: Callable[..., jax.Array],
    dtype: jnp.dtype = jnp.float32,
    norm: str = "batch",
    norm_decay: float = 0.9,
    norm_epsilon: float = 1e-5,
    norm_axis: str | None = None,
    bias: bool = False,
    circular: bool = False,
    init: Initializer = he_normal,
    zero_last_norm: bool = False,
    **merging: Any,
) -> Layers:
    """Convolution, norm and ReLU.

    Args:
      train: normalise by batch statistics and update the running ones.
      shortcut: one of `ops.shortcut.SHORTCUTS`.
      merge: one of `ops.merge.MERGES`.
      dtype: of activations; statistics and parameters stay float32, and with `stream_dtype` what
        runs from residual block to residual block.
      norm: "batch", or "none": then every convolution has a bias.
      norm_decay: of the running statistics, per step.
      norm_epsilon: added to the variance.
      norm_axis: replica axis to normalise over; None normalises each replica by itself, as the
        papers did.
      bias: of convolutions, even where a norm follows.
      circular: see `Conv`.
      init: of the convolutions' kernels, one of `ops.kernels.INITS`.
      zero_last_norm: the scale of `last_norm` starts at 0, so that a residual block starts as its
        shortcut (Goyal et al. 2017, section 5.1).
      **merging: the other fields of `Layers`.
    """
    batch_norm: Callable[..., nn.Module] = functools.partial(
        BatchNorm,
        use_running_average=not train,
        momentum=norm_decay,
        epsilon=norm_epsilon,
        dtype=dtype,
        axis_name=norm_axis,
    )
    last_norm = batch_norm
    if norm == "none":
        batch_norm = last_norm = NoNorm
    elif zero_last_norm:
        last_norm = functools.partial(batch_norm, scale_init=nn.initializers.zeros)
    return Layers(
        conv=functools.partial(
            Conv, dtype=dtype, bias=bias or norm == "none", kernel_init=init, circular=circular
        ),
        norm=batch_norm,
        last_norm=last_norm,
        act=nn.relu,
        shortcut=shortcut,
        merge=merge,
        circular=circular,
        train=train,
        **merging,
    )
