"""The original distributions of data sets, read into arrays; nothing is extracted to disk."""

import gzip
import io
import pickle
import tarfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from resinc.data.sets import signs
from resinc.data.sets.original import Archive, Original
from resinc.data.spec import Spec
from resinc.errors import InputError


def read_archive(spec: Spec, path: Path) -> Archive:
    """Read `path` in whichever of the set's formats it is, and check it against `spec`.

    Args:
      spec: cifar10 and cifar100: the binary or python tar.gz, or its unpacked folder;
        mnist and fashion_mnist: a folder with the four idx files, gzipped or not;
        signs: a folder, see `signs.read`.
      path: the archive.

    Raises:
      InputError: not there, truncated, not one of the formats, or not this data set.
    """
    try:
        archive = FORMATS[spec.name](spec, path)
        for name, size in (("train", spec.train_size), ("test", spec.test_size)):
            _check(spec, name, size, archive.splits[name])
    # The last five are what a corrupt pickle or tar may end in.
    except (
        OSError, EOFError, tarfile.TarError, zlib.error, pickle.UnpicklingError,
        ValueError, KeyError, IndexError, TypeError, AttributeError,
    ) as error:  # fmt: skip
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"cannot read {spec.name} from archive {path}: {reason}") from error
    return archive


def _check(spec: Spec, name: str, size: int, split: Original) -> None:
    if split.image.shape != (size, *spec.image_shape) or split.image.dtype != np.uint8:
        raise ValueError(
            f"its {name} images are {split.image.dtype} {split.image.shape}, "
            f"not uint8 {(size, *spec.image_shape)}"
        )
    if split.label.shape != (size,):
        raise ValueError(f"it has {split.label.size} {name} labels for {size} images")
    if split.label.min() < 0 or split.label.max() >= spec.num_classes:
        raise ValueError(f"a {name} label is outside 0..{spec.num_classes - 1}")


def _members(path: Path, wanted: Iterable[str]) -> dict[str, bytes]:
    """The wanted files by base name, from a tar archive or a folder."""
    wanted = set(wanted)
    if path.is_dir():
        return {p.name: p.read_bytes() for p in path.iterdir() if p.name in wanted and p.is_file()}
    found = {}
    with tarfile.open(path, "r:*") as tar:
        for member in tar:
            name = member.name.rsplit("/", 1)[-1]
            if name in wanted and member.isfile():
                found[name] = tar.extractfile(member).read()  # type: ignore[union-attr]
    return found


class _Layout(NamedTuple):
    """File names of one CIFAR archive: each a binary form `NAME.bin` and a pickled form `NAME`."""

    train: tuple[str, ...]
    test: tuple[str, ...]
    binary_names: tuple[str, ...]  # Text files of label names: fine, then coarse.
    pickled_meta: str
    meta_keys: tuple[str, ...]
    label_keys: tuple[str, ...]  # In the pickles: fine, then coarse.


_LAYOUTS = {
    "cifar10": _Layout(
        train=tuple(f"data_batch_{i}" for i in range(1, 6)),
        test=("test_batch",),
        binary_names=("batches.meta.txt",),
        pickled_meta="batches.meta",
        meta_keys=("label_names",),
        label_keys=("labels",),
    ),
    "cifar100": _Layout(
        train=("train",),
        test=("test",),
        binary_names=("fine_label_names.txt", "coarse_label_names.txt"),
        pickled_meta="meta",
        meta_keys=("fine_label_names", "coarse_label_names"),
        label_keys=("fine_labels", "coarse_labels"),
    ),
}


def _read_cifar(spec: Spec, path: Path) -> Archive:
    layout = _LAYOUTS[spec.name]
    pickled = (*layout.train, *layout.test)
    binary = tuple(f"{name}.bin" for name in pickled)
    files = _members(path, (*binary, *pickled, *layout.binary_names, layout.pickled_meta))
    if all(name in files for name in binary):
        parse, suffix = _parse_binary, ".bin"
        names = [files.get(n, b"").decode("ascii").split() for n in layout.binary_names]
    elif all(name in files for name in pickled):
        parse, suffix = _parse_pickle, ""
        meta = _unpickle(files[layout.pickled_meta]) if layout.pickled_meta in files else {}
        names = [[_text(n) for n in meta.get(k.encode(), [])] for k in layout.meta_keys]
    else:
        raise ValueError(
            f"it holds neither {', '.join(binary)} nor {', '.join(pickled)}"
            f" (found: {', '.join(sorted(files)) or 'none of them'})"
        )

    def join(batches: tuple[str, ...]) -> Original:
        parts = [parse(spec, layout, files[batch + suffix]) for batch in batches]
        image = np.concatenate([planes for planes, _ in parts])
        labels = np.concatenate([rows for _, rows in parts])  # [n, fine and perhaps coarse].
        coarse = labels[:, 1] if len(layout.label_keys) == 2 else None
        return Original(image, labels[:, 0], coarse)

    splits = {"train": join(layout.train), "test": join(layout.test)}
    return Archive(splits, names[0], names[1] if len(names) == 2 else [])


def _parse_binary(spec: Spec, layout: _Layout, data: bytes) -> tuple[np.ndarray, np.ndarray]:
    # A record is its labels, the fine one last, then the red, green and blue planes.
    count = len(layout.label_keys)
    h, w, c = spec.image_shape
    records = np.frombuffer(data, np.uint8).reshape(-1, count + h * w * c)
    return _planes(spec, records[:, count:]), records[:, :count][:, ::-1].astype(np.int64)


def _parse_pickle(spec: Spec, layout: _Layout, data: bytes) -> tuple[np.ndarray, np.ndarray]:
    batch = _unpickle(data)
    labels = [np.asarray(batch[key.encode()], np.int64) for key in layout.label_keys]
    return _planes(spec, np.asarray(batch[b"data"])), np.stack(labels, axis=1)


def _planes(spec: Spec, rows: np.ndarray) -> np.ndarray:
    h, w, c = spec.image_shape
    return rows.reshape(-1, c, h, w).transpose(0, 2, 3, 1)


class _ArraysOnly(pickle.Unpickler):
    """Builds containers and arrays; anything else a pickle may call is refused."""

    def find_class(self, module: str, name: str) -> Any:
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name == "_reconstruct":
            return np._core.multiarray._reconstruct  # type: ignore[attr-defined]
        if module == "numpy" and name in ("ndarray", "dtype"):
            return getattr(np, name)
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no CIFAR batch holds")


def _unpickle(data: bytes) -> dict[bytes, Any]:
    """A batch, written by Python 2: its strings are bytes."""
    content = _ArraysOnly(io.BytesIO(data), encoding="bytes").load()
    if not isinstance(content, dict):
        raise ValueError("a batch is not a dictionary")
    return content


def _text(name: bytes | str) -> str:
    return name.decode("ascii") if isinstance(name, bytes) else name


def _read_idx(spec: Spec, path: Path) -> Archive:
    """The four idx files of MNIST and its look-alikes."""
    if not path.is_dir():
        raise ValueError("it is not a folder holding the four idx files")
    stems = [remote.filename.removesuffix(".gz") for remote in spec.remotes]
    files = _members(path, (*stems, *(f"{stem}.gz" for stem in stems)))
    missing = [f"{stem}.gz" for stem in stems if not {stem, f"{stem}.gz"} & files.keys()]
    if missing:
        raise ValueError(f"{', '.join(missing)} missing")

    def array(stem: str, rank: int) -> np.ndarray:
        data = files[stem] if stem in files else gzip.decompress(files[f"{stem}.gz"])
        # Magic number: two zeros, 8 for unsigned bytes, the rank; then the sizes, big-endian.
        if data[:4] != bytes((0, 0, 8, rank)):
            raise ValueError(f"{stem} is not an idx file of rank {rank}")
        sizes = np.frombuffer(data, ">u4", count=rank, offset=4)
        return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(sizes.astype(int))

    splits = {}
    for name, prefix in (("train", "train"), ("test", "t10k")):
        image = array(f"{prefix}-images-idx3-ubyte", 3)[..., None]
        splits[name] = Original(image, array(f"{prefix}-labels-idx1-ubyte", 1).astype(np.int64))
    return Archive(splits, [], [])


FORMATS: dict[str, Callable[[Spec, Path], Archive]] = {
    "cifar10": _read_cifar,
    "cifar100": _read_cifar,
    "mnist": _read_idx,
    "fashion_mnist": _read_idx,
    "signs": signs.read,
}
