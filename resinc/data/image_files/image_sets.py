"""Open a set of encoded images by name and folder, and say which of its examples are for what."""

from pathlib import Path

import numpy as np

from resinc.data.image_files.folder import FolderImages, split_folders
from resinc.data.image_files.images import BadImage, ImageSet, Part
from resinc.data.image_files.records import RecordImages, find_version, split_names
from resinc.data.splits import hold_out
from resinc.errors import InputError
from resinc.file_paths import show


def open_splits(
    name: str,
    directory: Path,
    validation_size: int = -1,
    split_seed: int = 0,
    on_error: str = "stop",
) -> dict[str, Part]:
    """List the examples of a set: "train", "test" and perhaps "validation"; none is read.

    Where only one set besides the training images has labels, it is the test set, whatever its
    name: ImageNet's 50,000 "validation" images are what papers report, so nothing may be chosen by
    them.

    Args:
      name: of a TFDS set, e.g. "imagenet2012"; not used where `directory` holds a folder `train`.
      directory: train/CLASS/FILE and val/CLASS/FILE or test/CLASS/FILE; or a TFDS directory.
      validation_size: training examples to hold out; -1: none.
      split_seed: of which.
      on_error: "skip" takes class folders that are empty.

    Raises:
      InputError: there is no such set, a part of it is missing, or too many are to be held out.
    """
    if (directory / "train").is_dir():
        sets = _folders(directory, on_error == "skip")
    else:
        sets = _records(find_version(directory, name))
    train = sets["train"]
    if "test" not in sets and "validation" in sets:
        sets["test"] = sets.pop("validation")
    if validation_size > 0 and "validation" in sets:
        raise InputError(
            f"data.validation_size {validation_size}: {show(directory)} has validation images of "
            "its own; leave it at -1"
        )
    if not -1 <= validation_size < len(train):
        raise InputError(
            f"data.validation_size {validation_size} is neither -1 (none) nor between 0 and "
            f"{len(train) - 1}: {show(directory)} has {len(train)} training images and at least "
            "one must stay"
        )
    parts = {split: Part(images, np.arange(len(images))) for split, images in sets.items()}
    if validation_size > 0:
        kept, held_out = hold_out(len(train), validation_size, split_seed)
        parts |= {"train": Part(train, kept), "validation": Part(train, held_out)}
    # Ids follow this order, and with them what is drawn of an image in training.
    return {split: parts[split] for split in ("train", "validation", "test") if split in parts}


def _folders(root: Path, allow_empty: bool) -> dict[str, ImageSet]:
    folders = split_folders(root)
    train = FolderImages(folders["train"], allow_empty=allow_empty)
    sets: dict[str, ImageSet] = {"train": train}
    for split in folders.keys() - {"train"}:
        sets[split] = FolderImages(folders[split], train.classes, allow_empty)
    return sets


def _records(home: Path) -> dict[str, ImageSet]:
    stored = split_names(home)
    if "train" not in stored:
        raise InputError(f"{show(home)} has no split 'train': it has {', '.join(stored)}")
    named = [split for split in ("train", "validation", "test") if split in stored]
    sets: dict[str, ImageSet] = {split: RecordImages(home, split) for split in named}
    for split in named:
        try:
            sets[split].read(0)
        except BadImage:  # Without labels, as ImageNet's test images: they cannot be evaluated.
            del sets[split]
    return sets
