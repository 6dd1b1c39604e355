"""A folder of class folders of image files: ROOT/CLASS/FILE."""

import hashlib
import itertools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from resinc.data.image_files.images import BadImage, Encoded
from resinc.errors import InputError
from resinc.file_paths import show

# Of what a file is said to be; what it is, the decoder looks up in its first bytes.
SUFFIXES = (".jpg", ".jpeg", ".jpe", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm")
_SIZES = 1_000  # Files whose sizes the fingerprint knows: a network folder gives some 2,000/s.


class FolderImages:
    """The images of a folder; labels are the places of the class folders in sorted order.

    Hidden files and those without an image's suffix are left out. Opening reads names alone: 0.7 s
    for 100,000 files.
    """

    def __init__(self, root: Path, classes: Sequence[str] = (), allow_empty: bool = False):
        """List the files.

        Args:
          root: of the class folders.
          classes: where another split fixes them: its folders are the only ones allowed.
          allow_empty: take a class folder that has no image.

        Raises:
          InputError: no class folders, one of an unknown class, an empty one, or no right to read.
        """
        self._root = root
        try:
            found = _class_folders(root)
            self.classes = list(classes) or found
            if unknown := sorted(set(found) - set(self.classes)):
                raise InputError(
                    f"class folder {show(root / unknown[0])} has no counterpart among the "
                    f"{len(self.classes)} classes of the training images"
                )
            self._files = [_images(root / name) if name in found else [] for name in self.classes]
        except OSError as error:
            raise InputError(f"{show(error.filename)}: {error.strerror}") from None
        self._starts = np.cumsum([0, *map(len, self._files)])
        for name, files in zip(self.classes, self._files, strict=True):
            # Another split need not have all classes; a folder there without an image is a mistake.
            if not files and name in found and not allow_empty:
                raise InputError(
                    f"class folder {show(root / name)} holds no image ({', '.join(SUFFIXES)}; "
                    "folders inside of it are not looked into): fill it or remove it, or set "
                    "data.on_error=skip"
                )
        if not len(self):
            raise InputError(f"{show(root)} holds no image")

    def __len__(self) -> int:
        return int(self._starts[-1])

    def read(self, index: int) -> Encoded:
        path, label = self._place(index)
        try:
            with open(path, "rb") as file:
                return Encoded(file.read(), label)
        except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
            raise BadImage(f"{error.strerror}") from None

    def name(self, index: int) -> str:
        return self._place(index)[0]

    def fingerprint(self) -> str:
        """Of all names, and of the sizes of some: a set stored anew in smaller images differs."""
        digest = hashlib.sha256()
        for name, files in zip(self.classes, self._files, strict=True):
            digest.update("\0".join([name, *files, ""]).encode("utf-8", "surrogateescape"))
        for index in range(0, len(self), -(-len(self) // _SIZES)):
            path, _ = self._place(index)
            size = os.path.getsize(path) if os.path.exists(path) else -1
            digest.update(f"{size} ".encode())
        return digest.hexdigest()

    def _place(self, index: int) -> tuple[str, int]:
        label = int(np.searchsorted(self._starts, index, side="right")) - 1
        file = self._files[label][index - int(self._starts[label])]
        return os.path.join(self._root, self.classes[label], file), label


def split_folders(root: Path) -> dict[str, Path]:
    """Where the splits of a set lie: "train", "validation" and "test", those that are there.

    "val" and "valid" name the validation images too.

    Raises:
      InputError: there is no folder `train`.
    """
    names = {"train": ("train",), "validation": ("val", "valid", "validation"), "test": ("test",)}
    found = {
        split: next((root / name for name in choices if (root / name).is_dir()), None)
        for split, choices in names.items()
    }
    if found["train"] is None:
        raise InputError(
            f"{show(root)} has no folder 'train': images are looked for in train/CLASS/FILE and "
            "val/CLASS/FILE or test/CLASS/FILE"
        )
    return {split: path for split, path in found.items() if path is not None}


def _class_folders(root: Path) -> list[str]:
    with os.scandir(root) as entries:
        shown = [entry for entry in entries if not entry.name.startswith(".")]
    folders = sorted(entry.name for entry in shown if entry.is_dir())
    if not folders:
        loose = next(itertools.islice(_image_names(shown), 1), None)
        inside = f": {loose!r} lies there without a class" if loose else ""
        raise InputError(f"{show(root)} has no class folders{inside}")
    return folders


def _images(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(_image_names(entries))


def _image_names(entries: Iterator[os.DirEntry] | Sequence[os.DirEntry]) -> Iterator[str]:
    for entry in entries:
        name = entry.name
        if name.lower().endswith(SUFFIXES) and not name.startswith(".") and not entry.is_dir():
            yield name
