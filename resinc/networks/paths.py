"""Names and depth order of a network's layers, whether its blocks are scanned or written out.

Order comes from the names: stem first, head last, numbers by value. Within a block that gives
conv1, norm1, conv2, norm2, shortcut, the order in which the blocks compute them; a test compares it
with the traced computation.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp

# The child of a stage that holds blocks 2..n, stacked on the leading axis of every array.
STACK = "blocks"

_NUMBERED = re.compile(r"([^0-9]*)([0-9]*)(.*)")
_BLOCK = re.compile(r"block([0-9]+)")
_ENDS = {"stem": -1, "head": 1}


def stacked_name(path: str, index: int) -> str:
    """Path of entry `index` of a stacked array: stage1/blocks/conv1 -> stage1/block02/conv1 for 0.

    Outermost stack first; a path without one is returned as it is.
    """
    names = path.split("/")
    if STACK in names:
        names[names.index(STACK)] = block_name(index + 2)
    return "/".join(names)


def stage_name(number: int) -> str:
    """Counted from 1: stage1."""
    return f"stage{number}"


def block_name(number: int) -> str:
    """Of a stage's block, counted from 1: block01."""
    return f"block{number:02d}"


FIRST = block_name(1)  # It may change the shape, so it is never in the stack.


def block_number(name: str) -> int | None:
    """The inverse of `block_name`; None for a name that is no block's."""
    match = _BLOCK.fullmatch(name)
    return int(match[1]) if match else None


def depth_key(path: str) -> tuple[Any, ...]:
    """Sort key of a path such as stage1/block02/conv1: names in depth order, numbers by value."""
    return tuple(_name_key(name) for name in path.split("/"))


def _name_key(name: str) -> tuple[int, float, str, str]:
    match = _NUMBERED.fullmatch(name)
    assert match is not None  # Every part of the pattern may be empty.
    text, number, rest = match.groups()
    end = _ENDS.get(re.split(r"[_0-9]", name)[0], 0)
    return end, float(number) if number else float("inf"), text, rest


def flatten(tree: Any) -> list[tuple[str, Any]]:
    """Arrays of a parameter tree as (path, array), in depth order, stacks taken apart.

    Args:
      tree: nested mappings of arrays or of `jax.ShapeDtypeStruct`: parameters, gradients,
        batch statistics.

    Returns:
      e.g. ("stage1/block02/conv1/kernel", [3, 3, c, c']). A scanned tree gives the same list as the
      same tree unrolled.
    """
    leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
    parts = [part for path, leaf in leaves for part in _apart(_join(path), leaf)]
    return sorted(parts, key=lambda part: depth_key(part[0]))


def leaf_paths(tree: Any) -> list[str]:
    """Path of every array as it stands, in the order of `jax.tree.leaves`."""
    return [_join(path) for path, _ in jax.tree_util.tree_flatten_with_path(tree)[0]]


def _join(path: tuple[Any, ...]) -> str:
    return jax.tree_util.keystr(path, simple=True, separator="/")


def is_stacked(path: tuple[Any, ...]) -> bool:
    """Whether the array at a `jax.tree_util` path holds several blocks on its leading axis."""
    return STACK in _join(path).split("/")


def _apart(path: str, leaf: Any) -> Iterator[tuple[str, Any]]:
    if STACK not in path.split("/"):
        yield path, leaf
        return
    for index in range(leaf.shape[0]):
        is_shape = isinstance(leaf, jax.ShapeDtypeStruct)
        entry = jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype) if is_shape else leaf[index]
        yield from _apart(stacked_name(path, index), entry)


def unstack(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Scanned variables -> unrolled: every `blocks` [n-1, ...] becomes `block02` .. `blockn`."""
    out: dict[str, Any] = {}
    for name, child in tree.items():
        if name == STACK:
            length = jax.tree.leaves(child)[0].shape[0]
            for i in range(length):
                out[block_name(i + 2)] = jax.tree.map(lambda leaf, i=i: leaf[i], child)
        else:
            out[name] = unstack(child) if isinstance(child, Mapping) else child
    return out


def stack(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Unrolled variables -> scanned: the inverse of `unstack`."""
    if block_name(2) not in tree:
        return {
            name: stack(child) if isinstance(child, Mapping) else child
            for name, child in tree.items()
        }
    # By number, not by name: block100 follows block99.
    rest = sorted((name for name in tree if (block_number(name) or 0) > 1), key=depth_key)
    out = {name: child for name, child in tree.items() if name not in rest}
    out[STACK] = jax.tree.map(lambda *leaves: jnp.stack(leaves), *[tree[n] for n in rest])
    return out


def layer_of(path: str) -> str:
    """The module that owns an array: stem_conv/kernel -> stem_conv; a bare array is its own."""
    return path.rpartition("/")[0] or path


def layer_paths(tree: Mapping[str, Any]) -> list[str]:
    """Modules that own arrays, in depth order: stem_conv, stem_norm, stage1/block01/conv1, ..."""
    return list(dict.fromkeys(layer_of(path) for path, _ in flatten(tree)))


def stage_of(path: str) -> str:
    """stage1/block02/conv1 -> stage1; stem_conv and stem_norm -> stem; head -> head."""
    first, slash, _ = path.partition("/")
    return first if slash else first.partition("_")[0]


def block_of(path: str) -> str:
    """stage1/block02/conv1 -> stage1/block02; outside numbered blocks, the stage."""
    names = path.split("/")
    if len(names) > 2 and block_number(names[1]):
        return "/".join(names[:2])
    return stage_of(path)


GROUPS = {"layer": lambda path: path, "block": block_of, "stage": stage_of}
