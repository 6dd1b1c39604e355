"""Weight files -> name -> array, whatever wrote them; and the one format that we write.

PyTorch, safetensors and h5py are optional: what a file needs is imported when it is read.
"""

import importlib
import io
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from resinc.errors import InputError
from resinc.file_paths import written
from resinc.weights.keras_file import read_keras
from resinc.weights.kind import HDF5, KERAS, SAFETENSORS, TORCH, kind_of
from resinc.weights.names import plain_names
from resinc.weights.torch_file import read_torch

Arrays = dict[str, np.ndarray]


class Content(NamedTuple):
    """What a weight file holds.

    Attributes:
      arrays: by name, without what wraps the network; floating ones are float32.
      names: that name -> the one in the file.
      notes: what was chosen or changed in reading, a line each.
      about: its metadata; only safetensors has any.
    """

    arrays: Arrays
    names: dict[str, str]
    notes: tuple[str, ...]
    about: dict[str, str]


def read(path: Path, key: str = "") -> Content:
    """Every array of a weight file; which kind of file it is, its content says.

    Keras names are "layer/variable", whichever of the three Keras formats it is.

    Args:
      path: of PyTorch, safetensors or Keras.
      key: where in a file of PyTorch the state dict lies; "": is searched.

    Raises:
      InputError: no such file, another kind of file, a package that is not installed, or content
        that is no table of arrays.
    """
    kind = kind_of(path)
    if key and kind != TORCH:
        raise InputError(f"--key={key} is for files of PyTorch: {str(path)!r} is {kind}")
    stored, note, about = READERS[kind](path, key)
    if not stored:
        raise InputError(f"{str(path)!r} holds no weights")
    plain = plain_names(stored, repr(str(path)))
    converted = Counter(str(a.dtype) for a in stored.values() if _is_small_float(a))
    notes = [note] if note else []
    if converted:
        counts = ", ".join(f"{number} of {dtype}" for dtype, number in converted.items())
        notes.append(f"arrays converted to float32: {counts}")
    arrays = {plain[name]: _float32(array) for name, array in stored.items()}
    return Content(arrays, {short: name for name, short in plain.items()}, tuple(notes), about)


def write(path: Path, arrays: Mapping[str, np.ndarray], about: Mapping[str, str]) -> None:
    """Write safetensors, whole or not at all.

    Args:
      path: ends in .safetensors.
      arrays: by name.
      about: the file's metadata.

    Raises:
      InputError: another suffix, a folder that is not there, a file that cannot be written, or
        safetensors is not installed.
    """
    if path.suffix != ".safetensors":
        raise InputError(f"{str(path)!r} does not end in .safetensors, the format that is written")
    if path.is_dir():
        raise InputError(f"{str(path)!r} is a folder: name a file to write")
    if not path.parent.is_dir():
        raise InputError(f"no folder {str(path.parent)!r} to write {path.name!r} into")
    safetensors = _optional("safetensors.numpy", path)
    # Not contiguous, a transposed array would be written in the order of its memory.
    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    with written(path) as part:  # Its own writing raises an error that is no OSError.
        part.write_bytes(safetensors.save(whole, metadata=dict(about)))


def _optional(module: str, path: Path) -> Any:
    package = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except ImportError:
        raise InputError(
            f"{str(path)!r} needs the package {package}: pip install {package}"
        ) from None


def _is_small_float(array: np.ndarray) -> bool:
    """Half, bfloat16 (NumPy knows its bits alone, hence V) or smaller."""
    return array.dtype.kind in "fV" and array.dtype.itemsize < 4


def _float32(array: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):  # An infinity is refused with its name, later.
        return array.astype(np.float32, copy=False) if array.dtype.kind in "fV" else array


_Read = tuple[Mapping[str, np.ndarray], str, dict[str, str]]


def _torch(path: Path, key: str) -> _Read:
    torch = _optional("torch", path)
    tensors, note = read_torch(torch, path, key)
    return {name: _array(torch, value, name, path) for name, value in tensors.items()}, note, {}


def _array(torch: Any, value: Any, name: str, path: Path) -> np.ndarray:
    if isinstance(value, np.ndarray):
        return value
    try:
        if value.dtype == torch.bfloat16:  # NumPy has none; jax brings one.
            import ml_dtypes

            return value.detach().view(torch.int16).numpy().view(ml_dtypes.bfloat16)
        return value.detach().numpy()
    except (RuntimeError, TypeError, ValueError):
        raise InputError(
            f"{str(path)!r}: {name!r} is a tensor of layout {value.layout} and type "
            f"{value.dtype}, which is no plain array: save it as float32"
        ) from None


def _safetensors(path: Path, key: str) -> _Read:
    del key
    safetensors = _optional("safetensors", path)
    try:
        with safetensors.safe_open(path, "np") as file:
            about = file.metadata() or {}
        return _optional("safetensors.numpy", path).load_file(path), "", about
    except InputError:
        raise
    except AttributeError as error:  # It asks NumPy for a type by its name.
        raise InputError(
            f"{str(path)!r} has arrays of a type that NumPy has not ({error}): save them as float32"
        ) from None
    except Exception as error:
        fault = "is cut off" if "incomplete" in str(error).lower() else "is damaged"
        raise InputError(f"{str(path)!r} is a safetensors file that {fault}: {error}") from None


def _hdf5(path: Path, key: str) -> _Read:
    del key
    return read_keras(_optional("h5py", path), path, path), "", {}


def _keras_archive(path: Path, key: str) -> _Read:
    del key
    h5py = _optional("h5py", path)
    with zipfile.ZipFile(path) as archive:
        content = archive.read("model.weights.h5")
    return read_keras(h5py, io.BytesIO(content), path), "", {}


READERS: dict[str, Callable[[Path, str], _Read]] = {
    TORCH: _torch,
    SAFETENSORS: _safetensors,
    HDF5: _hdf5,
    KERAS: _keras_archive,
}
