"""A set of encoded images, as long as one likes: files are read when an example is asked for."""

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np


class Encoded(NamedTuple):
    """One example as it is stored."""

    image: bytes  # A JPEG, PNG, ... file.
    label: int  # 0 <= label < k.


class BadImage(ValueError):
    """An example that cannot be used; the text says why, without its name."""


class ImageSet(Protocol):
    """One split: random access, from many threads at once.

    Attributes:
      classes: names of the k classes; a label is a place in it.
    """

    @property
    def classes(self) -> Sequence[str]: ...

    def __len__(self) -> int: ...

    def read(self, index: int) -> Encoded:
        """The example, 0 <= index < n.

        Raises:
          BadImage: there is no file any more, or it may not be read, or the label is none.
          OSError: the disk or the network folder failed: no fault of the example.
        """

    def name(self, index: int) -> str:
        """What a person finds the example by."""

    def fingerprint(self) -> str:
        """Of which examples these are, hex; computed within a second, so not of every pixel."""


class Part(NamedTuple):
    """The examples of a split: some of a set, in the order of their ids."""

    images: ImageSet
    indices: np.ndarray  # int [n], places in `images`.

    def provenance(self) -> dict[str, Any]:
        """What identifies the examples, ready for JSON."""
        return {"size": len(self.indices), "fingerprint": self.images.fingerprint()}

    def digest(self) -> str:
        """Of which examples these are, in this order: half of a sha256, hex."""
        content = self.images.fingerprint().encode() + self.indices.astype("<i8").tobytes()
        return hashlib.sha256(content).hexdigest()[:32]
