"""Weight files -> name -> array, whatever wrote them; and the one format that we write.

PyTorch, safetensors and h5py are optional: what a file needs is imported when it is read.
"""

import importlib
import io
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from resinc.errors import InputError

Arrays = dict[str, np.ndarray]

# Where training scripts put the state dict inside what they save, and what wrappers prefix.
_WRAPPERS = ("state_dict", "model_state_dict", "model", "net")
_PREFIXES = ("module.", "_orig_mod.")


def read(path: Path) -> Arrays:
    """Every array of a weight file under the name it has there.

    Keras names are "layer/variable", whichever of the three Keras formats it is. Floating arrays
    become float32.

    Raises:
      InputError: no such file, an unknown suffix, a package that is not installed, or content
        that is no table of arrays.
    """
    reader = READERS.get(path.suffix)
    if reader is None:
        raise InputError(
            f"{str(path)!r} is no weight file: its suffix is not one of {', '.join(READERS)}"
        )
    if not path.is_file():
        raise InputError(f"no weight file {str(path)!r}")
    arrays = reader(path)
    if not arrays:
        raise InputError(f"{str(path)!r} holds no weights")
    return {name: _float32(array) for name, array in arrays.items()}


def write(path: Path, arrays: Mapping[str, np.ndarray], about: Mapping[str, str]) -> None:
    """Write safetensors, whole or not at all.

    Args:
      path: ends in .safetensors.
      arrays: by name.
      about: the file's metadata.

    Raises:
      InputError: another suffix, a folder that is not there, or safetensors is not installed.
    """
    if path.suffix != ".safetensors":
        raise InputError(f"{str(path)!r} does not end in .safetensors, the format that is written")
    if not path.parent.is_dir():
        raise InputError(f"no folder {str(path.parent)!r} to write {path.name!r} into")
    safetensors = _optional("safetensors.numpy", path)
    part = path.with_name(path.name + ".part")
    # Not contiguous, a transposed array would be written in the order of its memory.
    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    safetensors.save_file(whole, part, metadata=dict(about))
    part.replace(path)


def metadata(path: Path) -> dict[str, str]:
    """What `write` was told about a file."""
    with _optional("safetensors", path).safe_open(path, "np") as file:
        return file.metadata() or {}


def _optional(module: str, path: Path) -> Any:
    package = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except ImportError:
        raise InputError(
            f"{str(path)!r} needs the package {package}: pip install {package}"
        ) from None


def _float32(array: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):  # An infinity is refused with its name, later.
        return array.astype(np.float32, copy=False) if array.dtype.kind in "fV" else array


def _torch(path: Path) -> Arrays:
    torch = _optional("torch", path)
    try:
        # weights_only: a pickle can otherwise run any code.
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # Each kind of foreign file fails in its own way, at length.
        raise InputError(
            f"{str(path)!r} is no state dict that torch.load(weights_only=True) reads: "
            "save module.state_dict()"
        ) from error
    for key in _WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
            break
    if not isinstance(content, dict):
        raise InputError(f"{str(path)!r} holds a {type(content).__name__}, not a state dict")
    for name, value in content.items():
        if not isinstance(value, torch.Tensor):
            raise InputError(
                f"{str(path)!r} is no state dict: {name!r} is a {type(value).__name__}, no tensor"
            )
    arrays = {
        # NumPy has no bfloat16.
        name: (value.float() if value.is_floating_point() else value).detach().numpy()
        for name, value in content.items()
    }
    return _without_prefixes(arrays)


def _without_prefixes(arrays: Arrays) -> Arrays:
    for prefix in _PREFIXES:
        if arrays and all(name.startswith(prefix) for name in arrays):
            arrays = {name.removeprefix(prefix): array for name, array in arrays.items()}
    return arrays


def _safetensors(path: Path) -> Arrays:
    safetensors = _optional("safetensors.numpy", path)
    try:
        return _without_prefixes(safetensors.load_file(path))
    except Exception as error:
        raise InputError(f"{str(path)!r} cannot be read as safetensors: {error}") from None


def _hdf5(path: Path) -> Arrays:
    return _keras(path, path)


def _keras_archive(path: Path) -> Arrays:
    try:
        with zipfile.ZipFile(path) as archive:
            content = archive.read("model.weights.h5")
    except (zipfile.BadZipFile, KeyError) as error:
        raise InputError(f"{str(path)!r} is no Keras archive: {error}") from None
    return _keras(io.BytesIO(content), path)


def _keras(source: Any, path: Path) -> Arrays:
    h5py = _optional("h5py", path)
    try:
        with h5py.File(source, "r") as file:
            root = file.get("model_weights", file)
            if _attribute(root, "layer_names"):
                return _keras_by_name(root)
            if "layers" in root:
                return _keras_by_number(root["layers"], path)
    except OSError as error:
        raise InputError(f"{str(path)!r} cannot be read as HDF5: {error}") from None
    raise InputError(f"{str(path)!r} holds no Keras weights: neither layer_names nor layers")


def _attribute(group: Any, name: str) -> list[str]:
    """A list of names; a long one is cut into name0, name1, ... (HDF5 allows 64 kB a piece)."""
    pieces = [group.attrs[name]] if name in group.attrs else []
    while f"{name}{len(pieces)}" in group.attrs:
        pieces.append(group.attrs[f"{name}{len(pieces)}"])
    return [
        item.decode() if isinstance(item, bytes) else str(item) for part in pieces for item in part
    ]


def _keras_by_name(root: Any) -> Arrays:
    """The published files: a group per layer that lists its weights, "conv1_conv/kernel:0"."""
    return {
        f"{layer}/{name.rpartition('/')[2].partition(':')[0]}": np.asarray(root[layer][name])
        for layer in _attribute(root, "layer_names")
        for name in _attribute(root[layer], "weight_names")
    }


# Keras 3 numbers a layer's variables in the order they were made in, by layer and their count.
_KERAS_VARIABLES = {
    ("batch_normalization", 4): ("gamma", "beta", "moving_mean", "moving_variance"),
    ("batch_normalization", 3): ("beta", "moving_mean", "moving_variance"),
    ("conv2d", 1): ("kernel",),
    ("conv2d", 2): ("kernel", "bias"),
    ("dense", 1): ("kernel",),
    ("dense", 2): ("kernel", "bias"),
}


def _keras_by_number(layers: Any, path: Path) -> Arrays:
    out: Arrays = {}
    for group in layers:
        variables = layers[group].get("vars")
        if variables is None or len(variables) == 0:
            continue
        kind = next((k for k, _ in _KERAS_VARIABLES if group.startswith(k)), group)
        names = _KERAS_VARIABLES.get((kind, len(variables)))
        layer = variables.attrs.get("name")
        if names is None or layer is None:
            what = "has no name" if layer is None else f"has {len(variables)} variables"
            raise InputError(
                f"{str(path)!r}: layer {group!r} {what}, so its weights cannot be told apart; "
                "save it with a newer Keras, or as legacy .h5"
            )
        out |= {f"{layer}/{name}": np.asarray(variables[str(i)]) for i, name in enumerate(names)}
    return out


READERS: dict[str, Callable[[Path], Arrays]] = {
    ".pth": _torch,
    ".pt": _torch,
    ".th": _torch,
    ".safetensors": _safetensors,
    ".h5": _hdf5,
    ".hdf5": _hdf5,
    ".keras": _keras_archive,
}
