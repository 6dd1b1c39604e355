"""What Keras has written, in each of its three formats -> "layer/variable" -> array."""

from pathlib import Path
from typing import Any

import numpy as np

from resinc.errors import InputError


def read_keras(h5py: Any, source: Any, path: Path) -> dict[str, np.ndarray]:
    """The arrays of all layers, those of a network inside another one under their own names.

    Args:
      h5py: the package.
      source: what it opens: a path, or the bytes of one as a file.
      path: for the message.

    Raises:
      InputError: not from Keras, cut off, or layers that cannot be told apart.
    """
    arrays = _Arrays(path)
    try:
        with h5py.File(source, "r") as file:
            root = file.get("model_weights", file)
            if _attribute(root, "layer_names"):
                _by_name(root, arrays)
            elif "layers" in root:
                _by_number(root["layers"], arrays)
            else:
                held = ", ".join(list(root)[:5]) or "nothing"
                raise InputError(
                    f"{str(path)!r} is HDF5 but not from Keras: it has neither layer_names nor "
                    f"layers, but {held}"
                )
    except OSError as error:
        fault = "is cut off" if "truncated" in str(error) else "cannot be read as HDF5"
        raise InputError(f"{str(path)!r} {fault}: {error}") from None
    except InputError:
        raise
    except (KeyError, AttributeError, TypeError, ValueError, RuntimeError) as error:
        # What h5py says of a group where an array should be, of a name that is not there, ...
        reason = " ".join(str(error.args[0] if error.args else error).split())
        raise InputError(f"{str(path)!r} is damaged, or no weights of Keras: {reason}") from None
    return arrays


class _Arrays(dict[str, np.ndarray]):
    """Refuses to overwrite: two layers of one name, in networks inside each other."""

    def __init__(self, path: Path):
        super().__init__()
        self.path = path

    def __setitem__(self, name: str, array: np.ndarray) -> None:
        if name in self:
            raise InputError(f"{str(self.path)!r} has two layers called {name.split('/')[0]!r}")
        super().__setitem__(name, array)


def _attribute(group: Any, name: str) -> list[str]:
    """A list of names; a long one is cut into name0, name1, ... (HDF5 allows 64 kB a piece)."""
    pieces = [group.attrs[name]] if name in group.attrs else []
    while f"{name}{len(pieces)}" in group.attrs:
        pieces.append(group.attrs[f"{name}{len(pieces)}"])
    return [
        item.decode() if isinstance(item, bytes) else str(item) for part in pieces for item in part
    ]


def _by_name(root: Any, out: _Arrays) -> None:
    """The published files: a group per layer that lists its weights, "conv1_conv/kernel:0"."""
    for layer in _attribute(root, "layer_names"):
        names = _attribute(root[layer], "weight_names")
        # A network as a layer lists the weights of all of its own.
        nested = len({name.rpartition("/")[0] for name in names}) > 1
        for name in names:
            parents, _, variable = name.rpartition("/")
            own = parents.rpartition("/")[2] if nested else layer
            out[f"{own}/{variable.partition(':')[0]}"] = np.asarray(root[layer][name][()])


# Keras 3 numbers a layer's variables in the order they were made in, by layer and their count.
_VARIABLES = {
    ("batch_normalization", 4): ("gamma", "beta", "moving_mean", "moving_variance"),
    ("batch_normalization", 3): ("beta", "moving_mean", "moving_variance"),
    ("conv2d", 1): ("kernel",),
    ("conv2d", 2): ("kernel", "bias"),
    ("dense", 1): ("kernel",),
    ("dense", 2): ("kernel", "bias"),
}


def _by_number(layers: Any, out: _Arrays) -> None:
    for group in layers:
        if "layers" in layers[group]:
            _by_number(layers[group]["layers"], out)
        variables = layers[group].get("vars")
        if variables is None or len(variables) == 0:
            continue
        kind = next((k for k, _ in _VARIABLES if group.startswith(k)), group)
        names = _VARIABLES.get((kind, len(variables)))
        layer = variables.attrs.get("name")
        if names is None or layer is None:
            what = "has no name" if layer is None else f"has {len(variables)} variables"
            raise InputError(
                f"{str(out.path)!r}: layer {group!r} {what}, so its weights cannot be told apart; "
                "save it with a newer Keras, or as legacy .h5"
            )
        for i, name in enumerate(names):
            out[f"{layer}/{name}"] = np.asarray(variables[str(i)][()])
