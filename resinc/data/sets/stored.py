"""Read a prepared set from a TFDS directory into memory, without TensorFlow."""

import io
import json
import os
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from resinc.data.spec import Spec, Split
from resinc.errors import InputError
from resinc.file_paths import read_path

_CHUNK = 2048  # Records in flight between file and array: bounds the memory beside the result.


class Condition(NamedTuple):
    """What a look at the files says; nothing is decoded."""

    state: str  # "ready", "missing" or "damaged".
    reason: str = ""
    replaceable: bool = True  # False: readable to somebody else, so not ours to overwrite.


def data_directory(directory: str | Path | None) -> Path:
    """`directory`, else TFDS_DATA_DIR, else ~/tensorflow_datasets."""
    chosen = str(directory or "") or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
    return read_path(chosen)


def directory_of(spec: Spec, directory: Path) -> Path:
    """`directory`, or the one above it where it is the folder of the set: name or name/version."""
    whole = Path(os.path.abspath(directory))
    above = {spec.name: whole.parent, spec.version: whole.parent.parent}.get(whole.name)
    for place in (directory, above):
        if place is not None and set_directory(spec, place).is_dir():
            return place
    return directory


def set_directory(spec: Spec, directory: Path) -> Path:
    """Where TFDS keeps the set: `directory`/name/version."""
    return directory / spec.name / spec.version


def mend(spec: Spec, directory: Path | str) -> str:
    """The command that prepares the set there."""
    bring = "" if spec.remotes else " --from FOLDER"
    return f"resinc data prepare {spec.name} --dir {shlex.quote(str(directory))}{bring}"


def condition(spec: Spec, directory: Path) -> Condition:
    """Look at the files of a set in milliseconds: all there, whole, as many records as promised."""
    home = set_directory(spec, directory)
    try:
        text = (home / "dataset_info.json").read_text(encoding="utf-8")
    except PermissionError as error:
        return Condition("damaged", f"{error.filename} is not readable", replaceable=False)
    except (FileNotFoundError, NotADirectoryError):
        if home.exists():
            return Condition("damaged", "dataset_info.json is missing")
        return Condition("missing")
    try:
        info = json.loads(text)
        lengths = {s["name"]: [int(n) for n in s["shardLengths"]] for s in info["splits"]}
        stored = info.get("fileFormat", "tfrecord")
        others = [
            a["fileFormat"] for a in info.get("alternativeFileFormats", ()) if "fileFormat" in a
        ]
    except (ValueError, KeyError, TypeError, AttributeError):
        return Condition("damaged", "dataset_info.json is not what TFDS writes")
    if "array_record" not in (stored, *others):
        return Condition(
            "damaged", f"it is stored as {stored}, not array_record", replaceable=False
        )
    for split, size in (("train", spec.train_size), ("test", spec.test_size)):
        if sum(lengths.get(split, ())) != size:
            found = sum(lengths.get(split, ()))
            return Condition("damaged", f"its {split} split has {found} examples instead of {size}")
        # Whole names: a copy beside a shard, " (1)", ".part" or "~", is none.
        number = "[0-9]" * 5
        shards = sorted(home.glob(f"{spec.name}-{split}.array_record-{number}-of-{number}"))
        if len(shards) != len(lengths[split]):
            reason = f"{len(shards)} of the {len(lengths[split])} {split} files are there"
            return Condition("damaged", reason)
        for shard, length in zip(shards, lengths[split], strict=True):
            if not os.access(shard, os.R_OK):
                return Condition("damaged", f"{shard} is not readable", replaceable=False)
            if reason := _shard_damage(shard, length):
                return Condition("damaged", f"{shard.name}: {reason}")
    return Condition("ready")


def read(
    spec: Spec, directory: Path, advance: Callable[[int], object] = lambda count: None
) -> tuple[Split, Split]:
    """Decode the whole set, once: (train, test), in the order in which TFDS stores it.

    Args:
      spec: the set; its sizes, shape and classes are checked.
      directory: a TFDS directory, which holds name/version/.
      advance: called with the number of examples decoded since the last call.

    Raises:
      InputError: missing or damaged, with the directory and the command that mends it.
    """
    found = condition(spec, directory)
    if found.state == "missing":
        raise InputError(
            f"{spec.name} {spec.version} is not in {directory} (searched: data.dir, else "
            f"TFDS_DATA_DIR, else ~/tensorflow_datasets); prepare it with: {mend(spec, directory)}"
        )
    if found.state == "damaged":
        raise _damaged(spec, directory, found.reason, found.replaceable)
    try:
        return (
            _read_split(spec, directory, "train", spec.train_size, advance),
            _read_split(spec, directory, "test", spec.test_size, advance),
        )
    except MemoryError:
        raise
    # The readers' own errors come from C++, protobuf, zlib and Pillow and share no base class.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise _damaged(spec, directory, reason) from error


def _damaged(spec: Spec, directory: Path, reason: str, replaceable: bool = True) -> InputError:
    where = f"{spec.name} in {set_directory(spec, directory)}"
    if replaceable:
        return InputError(
            f"{where} is damaged ({reason}); prepare it again with: {mend(spec, directory)}"
        )
    return InputError(
        f"{where} cannot be used ({reason}); prepare it elsewhere with: "
        f"{mend(spec, 'ANOTHER_DIRECTORY')}"
    )


def _shard_damage(shard: Path, length: int) -> str:
    from array_record.python.array_record_module import ArrayRecordReader

    # The index sits at the end of the file, so a truncated one fails here.
    try:
        reader = ArrayRecordReader(str(shard))
        try:
            whole, count = reader.ok(), reader.num_records()
        finally:
            reader.close()
    except (RuntimeError, ValueError, OSError) as error:
        return f"truncated or corrupt ({' '.join(str(error).split())[:120]})"
    if not whole:
        return "truncated or corrupt"
    return "" if count == length else f"{count} records instead of {length}"


def _read_split(
    spec: Spec, directory: Path, split: str, size: int, advance: Callable[[int], object]
) -> Split:
    image = np.empty((size, *spec.image_shape), np.uint8)
    label = np.empty(size, np.int32)
    flat = image.reshape(size, -1)
    for at, (encoded, number) in enumerate(_records(spec, directory, split, size)):
        flat[at] = np.frombuffer(_decode(encoded, spec), np.uint8)
        label[at] = number
        if at % _CHUNK == _CHUNK - 1 or at == size - 1:
            advance(at % _CHUNK + 1)
    if label.min() < 0 or label.max() >= spec.num_classes:
        raise ValueError(f"a label is outside 0..{spec.num_classes - 1}")
    return Split(image, label)


def _records(spec: Spec, directory: Path, split: str, size: int) -> Iterator[tuple[bytes, int]]:
    """Yield (PNG, label). TFDS's own decoding is four times slower, hence the raw records."""
    import tensorflow_datasets as tfds
    from tensorflow_datasets.proto import tf_example_pb2

    source = tfds.data_source(
        f"{spec.name}:{spec.version}",
        split=split,
        data_dir=str(directory),
        download=False,
        deserialize_method=tfds.decode.DeserializeMethod.RAW_BYTES,
    )
    for start in range(0, size, _CHUNK):
        for record in source.__getitems__(range(start, min(start + _CHUNK, size))):
            feature = tf_example_pb2.Example.FromString(record).features.feature
            yield feature["image"].bytes_list.value[0], feature["label"].int64_list.value[0]


def _decode(encoded: bytes, spec: Spec) -> bytes:
    from PIL import Image

    h, w, c = spec.image_shape
    mode = {1: "L", 3: "RGB"}[c]
    with Image.open(io.BytesIO(encoded), formats=("PNG",)) as image:
        if image.mode != mode or image.size != (w, h):
            found = f"{image.size[1]}x{image.size[0]} {image.mode}"
            raise ValueError(f"an image is {found} instead of {h}x{w} {mode}")
        return image.tobytes()
