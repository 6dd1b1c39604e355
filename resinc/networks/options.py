"""From a `config.model` section to layers and blocks: the options that all networks share."""

import functools
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from resinc.blocks import BLOCKS
from resinc.blocks.block import Block
from resinc.errors import InputError
from resinc.networks.head import HEADS
from resinc.ops.kernels import INITS
from resinc.ops.layers import Layers, make_layers
from resinc.ops.merge import MERGES
from resinc.ops.shortcut import SHORTCUTS
from resinc.registry import lookup

DTYPES = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}
NORMS = ("batch", "none")
PADDINGS = ("zero", "circular")


def layers_of(section: Any, norm_axis: str | None, **own: Any) -> Callable[..., Layers]:
    """`layers_of(section, axis)(train=train)` is the bundle that a network hands to its blocks.

    Args:
      section: `config.model`.
      norm_axis: replica axis, used when `section.sync_batch_norm`.
      **own: what a network fixes for itself; see `make_layers`.

    Raises:
      InputError: an unknown name.
    """
    if section.norm not in NORMS:
        raise InputError(f"model.norm {section.norm!r} is not one of {', '.join(NORMS)}")
    if section.padding not in PADDINGS:
        raise InputError(f"model.padding {section.padding!r} is not one of {', '.join(PADDINGS)}")
    settings = {
        "shortcut": lookup(SHORTCUTS, section.shortcut, "shortcut"),
        "merge": lookup(MERGES, section.merge, "merge"),
        "dtype": lookup(DTYPES, section.dtype, "dtype"),
        "stream_dtype": DTYPES[section.stream_dtype] if section.stream_dtype else None,
        "norm": section.norm,
        "norm_decay": section.batch_norm_decay,
        "norm_axis": norm_axis if section.sync_batch_norm else None,
        "init": lookup(INITS, section.init, "init"),
        "circular": section.padding == "circular",
        "zero_last_norm": section.zero_last_norm,
        "shortcut_scale": section.shortcut_scale,
        "branch_scale": section.branch_scale,
        "learned_scale": section.learned_scale,
        "gate_bias": section.gate_bias,
    }
    return functools.partial(make_layers, **(settings | own))


def block_of(section: Any) -> tuple[type[Block], Callable[..., nn.Module]]:
    """The class of `section.block`, and the same with the section's options of that block.

    Raises:
      InputError: an unknown block, or an option that the block does not have.
    """
    block = lookup(BLOCKS, section.block, "block")
    if section.survival < 1 and not block.has_branch:
        raise InputError(
            f"model.survival {section.survival} drops residual branches, but block "
            f"{section.block!r} has none"
        )
    if section.block == "bottleneck":
        options = {
            "groups": section.groups,
            "base_width": section.base_width,
            "stride_on": "conv2" if section.variant == "v1.5" else "conv1",
        }
        return block, functools.partial(block, **options)
    if (section.groups, section.base_width) != (1, 64):
        raise InputError(
            f"model.groups {section.groups} and model.base_width {section.base_width} are "
            f"options of block 'bottleneck', not of {section.block!r}"
        )
    return block, block


def check_variant(section: Any, variants: tuple[str, ...]) -> str:
    """`section.variant`, or the first of `variants` where it is empty.

    Raises:
      InputError: the network has no such variant.
    """
    if section.variant and section.variant not in variants:
        raise InputError(
            f"model.variant {section.variant!r} is not one that network {section.name!r} has: "
            f"{', '.join(filter(None, variants)) or 'none'}"
        )
    return section.variant or variants[0]


def dropout_of(section: Any, own: float) -> float:
    """`section.dropout`, or the network's own where it is negative."""
    return own if section.dropout < 0 else section.dropout


def auxiliary_heads_of(section: Any, stages: int) -> int:
    """`section.auxiliary_heads`, of a network of so many stages.

    Raises:
      InputError: fewer than none, or one where the network's own head is.
    """
    if not 0 <= section.auxiliary_heads < stages:
        raise InputError(
            f"model.auxiliary_heads {section.auxiliary_heads} is not between 0 and {stages - 1}: "
            f"behind the last of {stages} stages is the head itself"
        )
    return section.auxiliary_heads


def head_of(section: Any) -> str:
    """`section.head`.

    Raises:
      InputError: an unknown one.
    """
    lookup(HEADS, section.head, "head")
    return section.head
