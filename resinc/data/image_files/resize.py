"""Store a set of image files anew, with small images and as array_record: where decoding is slow,
or where a network folder is slow to open a million files."""

import collections
import contextlib
import io
import itertools
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg

from resinc import output
from resinc.cores import available_cores
from resinc.data.bars import bar, bars
from resinc.data.image_files.bilinear import Box
from resinc.data.image_files.decode import Picture
from resinc.data.image_files.faults import Faults
from resinc.data.image_files.image_sets import open_splits
from resinc.data.image_files.images import BadImage, Part
from resinc.data.sets.stored import data_directory
from resinc.data.spec import DATASETS
from resinc.errors import InputError
from resinc.file_paths import read_path, show

_QUALITY = 95  # Of the JPEG; what is lost is less than the next resizing loses.
_VERSION = "1.0.0"


def store_smaller(
    name: str,
    directory: str | Path | None,
    origin: str | Path | None,
    shorter_side: int,
    on_error: str = "stop",
) -> Path:
    """Write `directory`/NAME/1.0.0, with the splits and classes of `origin`; no TensorFlow.

    Args:
      name: of the new set; of the old one too, where `origin` is a TFDS directory.
      directory: a TFDS directory, made if need be; None: TFDS_DATA_DIR, else ~/tensorflow_datasets.
      origin: train/CLASS/FILE and so on, or a TFDS directory.
      shorter_side: pixels; smaller images stay as they are, byte for byte.
      on_error: "skip" leaves out what cannot be decoded, and says so.

    Returns:
      The folder of the set.

    Raises:
      InputError: an argument that cannot be used, a set of that name is there already, or an image
        cannot be decoded.
    """
    home = data_directory(directory) / name
    _check(name, home, origin, shorter_side)
    console = output.console(stderr=True)
    parts = open_splits(name, read_path(str(origin)), on_error=on_error)
    faults = Faults(on_error)
    try:
        with bars(console) as progress:
            total = sum(len(part.indices) for part in parts.values())
            _write(name, home.parent, parts, shorter_side, faults, bar(progress, "writing", total))
    except OSError as error:
        raise InputError(f"cannot store {name} in {show(home)}: {error}") from error
    left_out = faults.copy()
    if left_out:
        first, reason = next(iter(left_out.items()))
        console.print(f"{len(left_out):,} images left out, the first {first!r}: {reason}")
    console.print(f"{name} is ready in {home / _VERSION}")
    return home / _VERSION


def _check(name: str, home: Path, origin: str | Path | None, shorter_side: int) -> None:
    if name in DATASETS:
        raise InputError(f"{name} is held in memory: --shorter-side is for sets of image files")
    if not name.isascii() or not name.isidentifier():
        raise InputError(f"{name!r} is no name for a set: letters, digits and _ are")
    if not origin:
        raise InputError(
            "--shorter-side needs --from FOLDER, where the images lie: train/CLASS/FILE, or a TFDS "
            "directory"
        )
    if not 1 <= shorter_side <= 8_192:
        raise InputError(f"--shorter-side {shorter_side} is not between 1 and 8192 pixels")
    if any(home.glob("*/dataset_info.json")):
        raise InputError(f"{show(home)} is there already: remove it, or give another name or --dir")


def smaller(encoded: bytes, shorter_side: int) -> bytes:
    """An image file as a JPEG whose shorter side is so long; of a smaller one the file itself.

    Raises:
      BadImage: it cannot be decoded whole.
    """
    picture = Picture(encoded)
    h, w = picture.height, picture.width
    scale = min(1.0, shorter_side / min(h, w))
    size = max(1, round(h * scale)), max(1, round(w * scale))
    (pixels,) = picture.resized([Box(0, 0, h, w)], size)
    if scale == 1:
        return encoded
    pixels = np.ascontiguousarray(pixels)
    return simplejpeg.encode_jpeg(pixels, quality=_QUALITY, colorsubsampling="420")


def _examples(part: Part, shorter_side: int, faults: Faults) -> Iterator[tuple[int, bytes, int]]:
    """(place, file, label) of the examples that can be used, in order; threads decode ahead."""

    def read(index: int) -> tuple[bytes, int] | None:
        try:
            encoded = part.images.read(index)
            return smaller(encoded.image, shorter_side), encoded.label
        except BadImage as error:
            faults.met(part.images.name(index), str(error))
            return None

    threads = len(available_cores())
    begun: collections.deque[Future] = collections.deque()
    places = iter(part.indices.tolist())
    with ThreadPoolExecutor(threads, thread_name_prefix="resinc-decode") as pool:
        try:
            begun += [pool.submit(read, index) for index in itertools.islice(places, 8 * threads)]
            for place in itertools.count():
                if not begun:
                    return
                example = begun.popleft().result()
                begun += [pool.submit(read, index) for index in itertools.islice(places, 1)]
                if example:
                    yield place, *example
        finally:
            for future in begun:
                future.cancel()


def _write(
    set_name: str, directory: Path, parts: dict[str, Part], side: int, faults: Faults, advance: Any
) -> None:
    import tensorflow_datasets as tfds

    features = {
        "image": tfds.features.Image(shape=(None, None, 3)),
        "label": tfds.features.ClassLabel(names=list(parts["train"].images.classes)),
    }

    class Builder(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
        name = set_name
        VERSION = tfds.core.Version(_VERSION)

        def _info(self) -> Any:
            return tfds.core.DatasetInfo(
                builder=self,
                description=f"{set_name}, the shorter side at most {side} pixels.",
                features=tfds.features.FeaturesDict(features),
                supervised_keys=("image", "label"),
                disable_shuffling=True,  # Read in any order: it would only be written twice.
            )

        def _split_generators(self, dl_manager: Any) -> dict[str, Iterator]:
            return {split: self._generate_examples(part) for split, part in parts.items()}

        def _generate_examples(self, part: Part) -> Iterator:
            for place, encoded, label in _examples(part, side, faults):
                yield place, {"image": io.BytesIO(encoded), "label": label}
                advance(1)

    tfds.disable_progress_bar()
    with contextlib.redirect_stdout(io.StringIO()):
        Builder(data_dir=str(directory)).download_and_prepare(file_format="array_record")
