"""An image classification set that TFDS has prepared as array_record; no TensorFlow is needed."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from resinc.data.image_files.images import BadImage, Encoded
from resinc.errors import InputError
from resinc.file_paths import show


class MissingSet(InputError):
    """Nothing of that name lies there."""


class RecordImages:
    """One split of DIRECTORY/NAME/VERSION."""

    def __init__(self, home: Path, split: str):
        """Look at what is there; no example is read.

        Args:
          home: the folder that holds dataset_info.json.
          split: as TFDS names it.

        Raises:
          InputError: no such split, another format than array_record, a missing shard, or features
            that are not one image and one label.
        """
        self._home, self._split = home, split
        self._size = _check_shards(home, _info(home), split)
        self._source, features = _open(home, split)
        self._image, self._label = _keys(home, features)
        names = features[self._label].names
        self.classes: Sequence[str] = list(names) if names else []

    def __len__(self) -> int:
        return self._size

    def read(self, index: int) -> Encoded:
        from tensorflow_datasets.proto import tf_example_pb2

        record = self._source[
            index
        ]  # A list of one would start a pool of threads: 0.4 ms, not 0.03.
        feature = tf_example_pb2.Example.FromString(record).features.feature
        label = int(feature[self._label].int64_list.value[0])
        if not 0 <= label < len(self.classes):
            raise BadImage(f"its label {label} is none of the {len(self.classes)} classes")
        return Encoded(feature[self._image].bytes_list.value[0], label)

    def name(self, index: int) -> str:
        return f"example {index} of split {self._split!r} in {self._home}"

    def fingerprint(self) -> str:
        """Of what TFDS notes of the set: sizes and checksums of its shards, its classes."""
        digest = hashlib.sha256(self._split.encode())
        for name in ("dataset_info.json", "features.json"):
            digest.update((self._home / name).read_bytes())
        digest.update("\0".join(self.classes).encode())
        return digest.hexdigest()


def find_version(directory: Path, name: str) -> Path:
    """The newest version of a set: `directory`/NAME/1.2.3, or `directory` itself if it is one.

    Raises:
      MissingSet: there is none.
    """
    places = [directory / name, directory, directory.parent]
    for place in places:
        if (place / "dataset_info.json").is_file():
            return place
        found = [path.parent for path in place.glob("[0-9]*.[0-9]*.[0-9]*/dataset_info.json")]
        if place.name == Path(name).name and found:
            return max(
                found, key=lambda path: [int(n) for n in path.name.split(".") if n.isdigit()]
            )
    raise MissingSet(
        f"no version of {name} lies in {show(directory / name)}: prepare it by "
        f"`tfds build {name} --file_format=array_record --data_dir {directory}` on a machine with "
        "TensorFlow"
    )


def split_names(home: Path) -> list[str]:
    """The splits that are stored.

    Raises:
      InputError: dataset_info.json cannot be read.
    """
    return [split["name"] for split in _info(home)["splits"] if int(sum(_lengths(split)))]


def _info(home: Path) -> dict[str, Any]:
    path = home / "dataset_info.json"
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
        for split in info["splits"]:
            _lengths(split)
    except OSError as error:
        raise InputError(f"{show(path)}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f"{show(path)} is not what TFDS writes") from None
    return info


def _lengths(split: dict[str, Any]) -> list[int]:
    return [int(length) for length in split.get("shardLengths", ())]


def _check_shards(home: Path, info: dict[str, Any], split: str) -> int:
    """The number of examples; every file of them is there."""
    found = {entry["name"]: _lengths(entry) for entry in info["splits"]}
    if split not in found:
        raise InputError(f"{show(home)} has no split {split!r}: it has {', '.join(found)}")
    others = [entry.get("fileFormat") for entry in info.get("alternativeFileFormats", ())]
    stored = info.get("fileFormat", "tfrecord")
    if "array_record" not in (stored, *others):
        raise InputError(
            f"{show(home)} is stored as {stored}, of which examples cannot be read in any order: "
            f"`tfds convert_format --dataset_dir {home} --out_file_format array_record` converts it"
        )
    count = len(found[split])
    for number in range(count):
        name = f"{info['name']}-{split}.array_record-{number:05d}-of-{count:05d}"
        if not (home / name).is_file():
            raise InputError(
                f"shard {name!r} is missing from {show(home)}: without it the numbers of all later "
                "examples would be others, so data.on_error=skip does not pass over it"
            )
    return sum(found[split])


def _open(home: Path, split: str) -> tuple[Any, Any]:
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder_from_directory(home)
        raw = tfds.decode.DeserializeMethod.RAW_BYTES
        source = builder.as_data_source(split, deserialize_method=raw)
        return source, builder.info.features
    except MemoryError:
        raise
    # Readers raise from C++, protobuf and etils.
    except Exception as error:
        words = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{show(home)} cannot be opened: {words[:200]}") from error


def _keys(home: Path, features: Any) -> tuple[str, str]:
    """Names of the image and of the label."""
    import tensorflow_datasets as tfds

    kinds = {"image": tfds.features.Image, "label": tfds.features.ClassLabel}
    keys = []
    for kind, wanted in kinds.items():
        fitting = [name for name, feature in features.items() if isinstance(feature, wanted)]
        # Of several, that of the usual name: CIFAR-100 has "coarse_label" too.
        (key,) = (
            fitting if len(fitting) == 1 else [name for name in fitting if name == kind] or [""]
        )
        if not key:
            raise InputError(
                f"{show(home)} is no set of images and labels: it has "
                f"{len(fitting)} features of kind {kind} ({', '.join(features)})"
            )
        keys.append(key)
    return keys[0], keys[1]
