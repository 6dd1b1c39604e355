"""Give each of our arrays the one of a file that has its name in a layout; and back."""

from typing import NamedTuple

import numpy as np

from resinc.errors import InputError
from resinc.weights.files import Arrays
from resinc.weights.layout import Layout
from resinc.weights.variables import Flat

Shape = tuple[int, ...]
# Counters of PyTorch: of BatchNorm, which only a momentum of None would use; of an AveragedModel.
_IGNORED = ("num_batches_tracked", "n_averaged")
_SHOWN = 3


class Misshaped(NamedTuple):
    name: str  # Theirs.
    shape: Shape  # As in the file.
    turned: Shape  # Its axes in our order.


class Match(NamedTuple):
    """What a file holds of the variables of a network.

    Attributes:
      found: our path -> array, in our form.
      missing: our path -> their name, that the file has not; "" where the layout has no name.
      misshaped: our path -> what the file has in its place.
      left_over: names in the file that nothing of ours asks for.
    """

    found: dict[str, np.ndarray]
    missing: dict[str, str]
    misshaped: dict[str, Misshaped]
    left_over: list[str]


def match(layout: Layout, arrays: Arrays, ours: Flat) -> Match:
    """Pair a file with the variables of a network.

    Args:
      layout: of the file.
      arrays: what it holds.
      ours: path -> anything with a shape.
    """
    given = layout.rename(arrays)
    arrays = {given.get(name, name): array for name, array in arrays.items()}
    arrays = layout.prepare(arrays, ours)
    there = {now: name for name, now in given.items()}  # As in the file, for messages.
    result = Match({}, {}, {}, [])
    used = set()
    for path, leaf in ours.items():
        name = layout.name(path, ours)
        if name is None or name not in arrays:
            result.missing[path] = there.get(name, name) if name else ""
            continue
        used.add(name)
        theirs = arrays[name]
        axes = layout.axes(theirs.ndim)
        turned = tuple(theirs.shape[axis] for axis in axes)
        if turned != tuple(leaf.shape):
            result.misshaped[path] = Misshaped(there.get(name, name), theirs.shape, turned)
            continue
        value = theirs.transpose(axes)
        channels = _flattened(layout, path)
        if channels:
            # Rows [c, pixels] -> [pixels, c].
            rows = value.reshape(channels, -1, value.shape[-1])
            value = rows.transpose(1, 0, 2).reshape(value.shape)
        result.found[path] = np.ascontiguousarray(value)
    result.left_over.extend(
        there.get(name, name)
        for name in arrays
        if name not in used and name.rpartition(".")[2] not in _IGNORED
    )
    return result


def convert(layout: Layout, ours: Flat) -> Arrays:
    """The inverse: our arrays under the names and in the form of a layout.

    Raises:
      InputError: the layout has no name for one of them.
    """
    out = {}
    for path, leaf in ours.items():
        name = layout.name(path, ours)
        if name is None:
            raise InputError(f"{path!r} has no name in the layout of {layout.about}")
        value = np.asarray(leaf)
        channels = _flattened(layout, path)
        if channels:
            rows = value.reshape(-1, channels, value.shape[-1])
            value = rows.transpose(1, 0, 2).reshape(value.shape)
        out[name] = value.transpose(np.argsort(layout.axes(value.ndim)))
    return out


def refuse(match: Match, ours: Flat, what: str) -> None:
    """Raise if anything is missing, misshaped or left over.

    Args:
      match: what was found.
      ours: what was asked for.
      what: was read, for the message.

    Raises:
      InputError: names the first few of each kind, as ours <- theirs with shapes.
    """
    differences = [
        _list(
            "of another shape",
            [
                f"{path} {list(ours[path].shape)} <- {other.name} {list(other.shape)}"
                for path, other in match.misshaped.items()
            ],
        ),
        _list(
            "missing",
            [
                f"{path} {list(ours[path].shape)} <- {name or 'no name for it'}"
                for path, name in match.missing.items()
            ],
        ),
        _list("left over", match.left_over),
    ]
    if any(differences):
        raise InputError(f"{what} does not fit the network: {'; '.join(filter(None, differences))}")


def _list(kind: str, items: list[str]) -> str:
    if not items:
        return ""
    more = ", ..." if len(items) > _SHOWN else ""
    return f"{len(items)} {kind} ({', '.join(items[:_SHOWN])}{more})"


def _flattened(layout: Layout, path: str) -> int | None:
    module, _, leaf = path.removeprefix("params/").rpartition("/")
    return layout.flattened.get(module) if leaf == "kernel" else None
