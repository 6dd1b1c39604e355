"""SIGNS: 1,200 photographs of hands that show 0 to 5 fingers, 64x64 RGB, as they are passed around.

There is no public download; `resinc data prepare signs --from DIR` takes either form of the files.
"""

from pathlib import Path

import numpy as np

from resinc.data.sets.original import Archive, Original
from resinc.data.spec import Spec
from resinc.errors import InputError

# Folders of images -> the split they belong to. Published training sets are train and val together.
_FOLDERS = {"train_signs": "train", "val_signs": "train", "test_signs": "test"}
_SUFFIXES = (".jpg", ".jpeg", ".png")


def read(spec: Spec, path: Path) -> Archive:
    """Read either form, in the order of the files.

    Args:
      spec: of the set.
      path: a folder with train_signs.h5 and test_signs.h5, or with the folders train_signs,
        test_signs and perhaps val_signs, whose images are named after their class: "3_x.jpg".

    Raises:
      ValueError: neither form, or a file that is not what it should be.
      InputError: h5py is needed and not installed.
    """
    if not path.is_dir():
        raise ValueError("it is not a folder")
    if all((path / f"{split}_signs.h5").is_file() for split in ("train", "test")):
        splits = {split: _read_h5(path / f"{split}_signs.h5", split) for split in ("train", "test")}
    elif all((path / folder).is_dir() for folder in ("train_signs", "test_signs")):
        splits = _read_folders(spec, path)
    else:
        raise ValueError(
            "it holds neither train_signs.h5 and test_signs.h5 nor folders of images named "
            "train_signs and test_signs"
        )
    return Archive(splits, [str(i) for i in range(spec.num_classes)], [])


def _read_h5(path: Path, split: str) -> Original:
    try:
        import h5py
    except ImportError:
        raise InputError(
            f"reading {path.name} needs h5py: pip install h5py, or bring the folders of images"
        ) from None
    with h5py.File(path) as file:
        return Original(
            np.asarray(file[f"{split}_set_x"]),
            np.asarray(file[f"{split}_set_y"]).reshape(-1).astype(np.int64),
        )


def _read_folders(spec: Spec, path: Path) -> dict[str, Original]:
    from PIL import Image

    h, w, _ = spec.image_shape
    images: dict[str, list[np.ndarray]] = {"train": [], "test": []}
    labels: dict[str, list[int]] = {"train": [], "test": []}
    for folder, split in _FOLDERS.items():
        for file in sorted((path / folder).glob("*")):
            # Hidden: what macOS puts beside a file on a foreign disk ("._3_x.jpg") is no image.
            if file.suffix.lower() not in _SUFFIXES or file.name.startswith("."):
                continue
            if not file.name[0].isdigit():
                raise ValueError(f"{folder}/{file.name} does not begin with its class")
            with Image.open(file) as image:
                if image.mode != "RGB" or image.size != (w, h):
                    found = f"{image.size[1]}x{image.size[0]} {image.mode}"
                    raise ValueError(f"{folder}/{file.name} is {found} instead of {h}x{w} RGB")
                images[split].append(np.asarray(image))
            labels[split].append(int(file.name[0]))
    empty = np.zeros((0, *spec.image_shape), np.uint8)
    return {
        split: Original(
            np.stack(images[split]) if images[split] else empty, np.array(labels[split], np.int64)
        )
        for split in ("train", "test")
    }
