"""Load a set and hold its validation examples out: the same ones for every seed of a sweep."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from resinc.data.spec import DATASETS, Spec, Split, Splits
from resinc.errors import InputError
from resinc.file_paths import writing
from resinc.registry import lookup


def load(section: Any) -> Splits:
    """Read, check and split the data set that a configuration names.

    Args:
      section: `config.data`: `name`, `dir`, `validation_size` (-1: the set's own) and `split_seed`.

    Raises:
      InputError: an unknown name, a `validation_size` or `split_seed` out of range, or a set that
        is missing or damaged; the message has the command that mends it.
    """
    spec = lookup(DATASETS, section.name, "data set")
    # First, because reading takes seconds and this takes none.
    validation_size = _validation_size(spec, section.validation_size)
    if not 0 <= section.split_seed < 2**32:
        raise InputError(f"data.split_seed {section.split_seed} is not between 0 and 2**32 - 1")
    train, test = read_set(spec, section.dir)
    return divide(spec, train, test, validation_size, section.split_seed)


def divide(spec: Spec, train: Split, test: Split, validation_size: int, split_seed: int) -> Splits:
    """Hold `validation_size` examples of `train` out, as `hold_out` says."""
    kept, held_out = hold_out(len(train), validation_size, split_seed)
    return Splits(
        train=Split(train.image[kept], train.label[kept]),
        validation=Split(train.image[held_out], train.label[held_out]),
        test=test,
        spec=spec,
        split_seed=split_seed,
        held_out=held_out,
        checksum=_checksum(train, test),
    )


def hold_out(size: int, validation_size: int, split_seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(kept, held out) of `size` examples, by a permutation seeded with `split_seed`.

    int64, sorted: both parts keep the set's own order. RandomState rather than a Generator: NumPy
    has frozen its stream, so that the split is the same in any version.
    """
    order = np.random.RandomState(split_seed).permutation(size).astype(np.int64)
    return np.sort(order[validation_size:]), np.sort(order[:validation_size])


def _validation_size(spec: Spec, asked: int) -> int:
    if asked == -1:
        return spec.validation_size
    if not 0 <= asked < spec.train_size:
        raise InputError(
            f"data.validation_size {asked} is neither -1 (the set's own, {spec.validation_size}) "
            f"nor between 0 and {spec.train_size - 1}: {spec.name} has {spec.train_size} training "
            "examples and at least one must stay"
        )
    return asked


def read_set(spec: Spec, directory: str | Path) -> tuple[Split, Split]:
    """(train, test) in an order that depends on the examples alone.

    Args:
      spec: of the set.
      directory: of TFDS, "" the default; it may hold `arrays.FILE` in place of TFDS's own files.

    Raises:
      InputError: missing or damaged.
    """
    if spec.embedded:
        from resinc.data.sets import embedded

        return embedded.MAKERS[spec.name](spec)
    from resinc.data.sets import arrays, decoded, stored

    home = stored.directory_of(spec, stored.data_directory(directory))

    def decode() -> tuple[Split, Split]:
        train, test = stored.read(spec, home)
        return _in_canonical_order(train), _in_canonical_order(test)

    if stored.condition(spec, home).state != "ready":
        if (path := stored.set_directory(spec, home) / arrays.FILE).is_file():
            return arrays.load_set(spec, path)
        return decode()  # Which says what is wrong.
    files = stored.set_directory(spec, home).iterdir()
    return decoded.kept(spec, [file for file in files if file.is_file()], decode)


def copy_as_arrays(name: str, directory: str | Path | None, to: Path) -> Path:
    """Write `to`/NAME/VERSION/arrays.npz of a set that is prepared in `directory`.

    The same examples in the same order: a run has the same checksum and bits with either.

    Raises:
      InputError: no such set, one that needs no directory, one that is missing or damaged, or a
        place that cannot be written.
    """
    from resinc.data.sets import arrays, stored

    spec = lookup(DATASETS, name, "data set")
    if spec.embedded:
        raise InputError(f"{name} needs no directory: it is made on the spot")
    pair = read_set(spec, directory or "")
    path = stored.set_directory(spec, to) / arrays.FILE
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        arrays.save(path, pair, compressed=True)
    return path


def _in_canonical_order(split: Split) -> Split:
    """Sort by the bytes of image and label: what TFDS stores differs with how it was prepared.

    The checksum, the split and the order of training then depend on the examples alone.
    """
    rows = split.image.reshape(len(split), -1)
    rows = np.concatenate([rows, split.label.astype(">u4").view(np.uint8).reshape(-1, 4)], axis=1)
    order = np.argsort(rows.view(f"S{rows.shape[1]}").ravel(), kind="stable")
    return Split(split.image[order], split.label[order])


def _checksum(*splits: Split) -> str:
    digest = hashlib.sha256()
    for split in splits:
        digest.update(np.ascontiguousarray(split.image).data)
        digest.update(np.ascontiguousarray(split.label, dtype="<i4").data)
    return digest.hexdigest()
