"""A data set as a run uses it: held in memory, or image files that are read when they are needed.

`find` tells which from `config.data`: what `resinc.data.DATASETS` names is held; any other name is
of image files, a folder of class folders or a set that TFDS prepared.
"""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from resinc.data.image_files.image_sets import open_splits
from resinc.data.image_files.images import BadImage, Part
from resinc.data.image_files.records import MissingSet
from resinc.data.image_files.streamed import Streamed, View
from resinc.data.on_device import normalize
from resinc.data.on_device.normalize import Normalizer
from resinc.data.sets.stored import data_directory
from resinc.data.share import ALONE, Share
from resinc.data.source import Resident, Source
from resinc.data.spec import DATASETS, Spec, Split, Splits
from resinc.data.splits import load
from resinc.errors import InputError
from resinc.registry import did_you_mean, lookup

# Of config.data: what only image files have, each 0 where nothing is asked.
_OF_FILES = "image_size", "shorter_side", "jitter"


class Dataset(Protocol):
    """The examples of one set.

    Attributes:
      spec: its sizes, known before an example is read.
    """

    @property
    def spec(self) -> Spec: ...

    def read(self) -> None:
        """Read what is held in memory; of image files nothing.

        Raises:
          InputError: it is missing or damaged.
        """

    def provenance(self) -> dict[str, Any]:
        """What identifies the examples, ready for JSON."""

    def normalizer(self) -> Normalizer:
        """That which `config.data.normalize` asks for."""

    def source(
        self, seed: int, batch_size: int, ahead: int = 1, share: Share = ALONE, crops: int = 1
    ) -> Source:
        """Batches of it; to be closed.

        Args:
          seed: of the order, and of what is drawn of an image on the host.
          batch_size: global.
          ahead: batches that one call of a program takes: at least as many are read ahead.
          share: of a batch that is this process's.
          crops: of each image in an evaluation, 1 or 10.

        Raises:
          InputError: the batch does not divide, or there are no such crops.
        """

    def some(self, split: str, most: int) -> Split:
        """At most so many examples, evenly from a whole split: neighbours may resemble each other.

        Raises:
          InputError: the split has no examples, or one of these cannot be used.
        """

    def digest(self, split: str) -> str:
        """Of which examples a split has, in their order: half of a sha256, hex."""


def find(section: Any) -> Dataset:
    """The set that `config.data` names; of one in memory nothing is read yet.

    Raises:
      InputError: there is none of that name, its files are not where they should be, or a field
        does not suit its kind.
    """
    return InMemory(section) if section.name in DATASETS else ImageFiles(section)


def no_examples(split: str, section: Any) -> InputError:
    """The sentence for a split that is empty."""
    held_out = f"data.validation_size is {section.validation_size}"
    return InputError(f"this run has no {split} examples: {held_out}")


class InMemory:
    """A small set: all of it in host memory, and whole on every device."""

    def __init__(self, section: Any):
        """Of `config.data`; see `find`."""
        self.spec: Spec = lookup(DATASETS, section.name, "dataset")
        self._section = section
        for field in _OF_FILES:
            if section[field]:
                raise InputError(
                    f"data.{field} {section[field]} is for sets of image files: the images of "
                    f"{section.name!r} are {'x'.join(map(str, self.spec.image_shape))} as they are"
                )
        channels = self.spec.image_shape[-1]
        normalize.check_normalization(section.normalize, section.mean, section.std, channels)

    @functools.cached_property
    def splits(self) -> Splits:
        return load(self._section)

    def read(self) -> None:
        _ = self.splits

    def provenance(self) -> dict[str, Any]:
        return self.splits.provenance()

    def normalizer(self) -> Normalizer:
        return normalize.configured(self.splits.train.image, self._section)

    def source(
        self, seed: int, batch_size: int, ahead: int = 1, share: Share = ALONE, crops: int = 1
    ) -> Resident:
        if crops != 1:
            raise InputError(
                f"{crops} crops of an image are cut from its file: {self.spec.name!r} has none, "
                "its images are seen whole"
            )
        return dataclasses.replace(self._resident, seed=seed, batch_size=batch_size, share=share)

    @functools.cached_property
    def _resident(self) -> Resident:
        """In some order: what is held is the same in all."""
        return Resident.of(self.splits, 0, 1)

    def some(self, split: str, most: int) -> Split:
        given = self._split(split)
        taken = slice(None, None, max(1, len(given) // most))
        return Split(given.image[taken][:most], given.label[taken][:most])

    def digest(self, split: str) -> str:
        return self._split(split).digest()

    def _split(self, name: str) -> Split:
        split: Split = getattr(self.splits, name)
        if not len(split):
            raise no_examples(name, self._section)
        return split


class ImageFiles:
    """A set of any size, read by threads: its files are listed, and none is opened yet."""

    def __init__(self, section: Any):
        """Of `config.data`; see `find`."""
        self._section = section
        size = section.image_size
        self._parts = _open(section)
        if not size:
            raise InputError(
                f"data.image_size 0: the images of {section.name!r} are files of any size; give "
                "the pixels of a side that the network sees, e.g. 224"
            )
        # 256 for 224, as in every paper since Krizhevsky et al. 2012; torchvision: 342 for 299.
        shorter_side = section.shorter_side or round(size * 256 / 224)
        # Brings two decoders, which a set in memory need not have.
        from resinc.data.image_files.view import EvaluationView, TrainingView

        self._training = TrainingView(size, flip=section.mirror, jitter=section.jitter)
        self._evaluation = EvaluationView(size, shorter_side)
        sizes = {name: len(part.indices) for name, part in self._parts.items()}
        self.spec = Spec(
            name=section.name,
            image_shape=(size, size, 3),
            num_classes=len(self._parts["train"].images.classes),
            train_size=sizes["train"] + sizes.get("validation", 0),
            test_size=sizes.get("test", 0),
            validation_size=sizes.get("validation", 0),
            validation_source="its own, or held out by data.validation_size",
        )
        self._normalizer = normalize.fixed(section, 3)

    def read(self) -> None:
        """Nothing is held."""

    def provenance(self) -> dict[str, Any]:
        parts = {name: part.provenance() for name, part in self._parts.items()}
        return {"name": self.spec.name, **parts}

    def normalizer(self) -> Normalizer:
        return self._normalizer

    def source(
        self, seed: int, batch_size: int, ahead: int = 1, share: Share = ALONE, crops: int = 1
    ) -> Streamed:
        views: dict[int, View] = {
            1: self._evaluation,
            10: lambda encoded, *_: self._evaluation.ten(encoded),
        }
        if crops not in views:
            raise InputError(f"{crops} crops of an image are neither 1 nor 10")
        return Streamed(
            self._parts,
            self._training,
            views[crops],
            self.spec.image_shape[0],
            seed,
            batch_size,
            on_error=self._section.on_error,
            share=share,
            threads=self._section.threads,
            ahead=max(self._section.read_ahead, ahead),
            crops=crops,
        )

    def some(self, split: str, most: int) -> Split:
        part = self._part(split)
        taken = part.indices[:: max(1, len(part.indices) // most)][:most].tolist()
        images = np.empty((len(taken), *self.spec.image_shape), np.uint8)
        labels = np.empty(len(taken), np.int32)
        for place, index in enumerate(taken):
            try:
                encoded = part.images.read(index)
                images[place] = self._evaluation(encoded.image)
            except BadImage as error:
                raise InputError(
                    f"image {part.images.name(index)!r} cannot be used: {error}; mend it or remove "
                    "it from the set"
                ) from None
            labels[place] = encoded.label
        return Split(images, labels)

    def digest(self, split: str) -> str:
        return self._part(split).digest()

    def _part(self, name: str) -> Part:
        if name not in self._parts:
            raise no_examples(name, self._section)
        return self._parts[name]


def _open(section: Any) -> Mapping[str, Part]:
    directory = data_directory(section.dir)
    try:
        return open_splits(
            section.name, directory, section.validation_size, section.split_seed, section.on_error
        )
    except MissingSet as error:
        # A recipe of image files, and no name of DATASETS that was misspelt.
        if section.image_size and not did_you_mean(section.name, DATASETS):
            raise MissingSet(
                f"{error}; or let data.dir be a folder of train/CLASS/FILE and val/CLASS/FILE"
            ) from None
        try:
            lookup(DATASETS, section.name, "data.name")
        except InputError as unknown:
            raise InputError(f"{unknown}; as a set of image files: {error}") from None
        raise
