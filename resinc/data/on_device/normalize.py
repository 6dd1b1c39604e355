"""Normalisation of images, on the device: statistics of the own training split, or given numbers.

Weights of others compute what they were trained to only behind their own normalisation, whatever
images they are tried on: so theirs are numbers, not measurements.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from resinc.errors import InputError
from resinc.registry import lookup

_CHUNK = 4096  # Images per pass over the training set: bounds the int64 copies NumPy makes.


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Normalizer:
    """`(x / 255 - mean) / scale`; float32, each [h, w, c] or [1, 1, c].

    `bgr`: the channels of x are turned round before, to blue, green, red.
    """

    mean: np.ndarray | jax.Array
    scale: np.ndarray | jax.Array
    bgr: bool = dataclasses.field(default=False, metadata={"static": True})


class Fixed(NamedTuple):
    """Numbers for pixels of 0 to 1: one for each channel, in the order after `bgr`, or for all."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    bgr: bool = False


def normalizer(
    images: np.ndarray, kind: str, mean: Sequence[float] = (), std: Sequence[float] = ()
) -> Normalizer:
    """Measure a training split, or take numbers.

    Sums are exact integers, so what is measured has one right value.

    Args:
      images: uint8 [n, h, w, c], the training examples only.
      kind: a key of NORMALIZATIONS.
      mean: of each channel, for the kind "given".
      std: likewise.

    Raises:
      InputError: as `check_normalization`.
    """
    channels = images.shape[-1]
    check_normalization(kind, mean, std, channels)
    how = Fixed(tuple(mean), tuple(std)) if kind == "given" else NORMALIZATIONS[kind]
    if isinstance(how, Fixed):
        shift, scale = (
            np.broadcast_to(np.asarray(values), channels).reshape(1, 1, channels)
            for values in (how.mean, how.std)
        )
        return Normalizer(shift.astype(np.float32), scale.astype(np.float32), how.bgr)
    shift, scale = how(images)
    return Normalizer(shift.astype(np.float32), scale.astype(np.float32))


def configured(images: np.ndarray, section: Any) -> Normalizer:
    """The normalizer that a `config.data` section asks for; see `normalizer`."""
    return normalizer(images, section.normalize, section.mean, section.std)


def fixed(section: Any, channels: int) -> Normalizer:
    """The normalizer that a `config.data` section asks for, where no image is at hand.

    Raises:
      InputError: as `check_normalization`, or it would have to be measured.
    """
    check_fixed(section.normalize, section.name)
    return configured(np.empty((0, 0, 0, channels), np.uint8), section)


def check_fixed(kind: str, name: str) -> None:
    """Refuse what is measured, for a set that is not held in memory.

    Raises:
      InputError: `kind` has no numbers of its own, nor are they given.
    """
    if not isinstance(lookup(NORMALIZATIONS, kind, "normalisation"), Fixed):
        choices = [key for key, how in NORMALIZATIONS.items() if isinstance(how, Fixed)]
        raise InputError(
            f"data.normalize {kind!r} is measured on training images in memory, and those of "
            f"{name!r} are files: choose one of {', '.join(sorted(choices))}"
        )


def check_normalization(
    kind: str, mean: Sequence[float], std: Sequence[float], channels: int
) -> None:
    """Check `config.data.normalize`, `mean` and `std` for images of so many channels.

    Raises:
      InputError: an unknown kind; numbers beside a kind that has its own, or none beside "given";
        another number of them than channels, or one out of its range.
    """
    how = lookup(NORMALIZATIONS, kind, "normalisation")
    named = {"data.mean": mean, "data.std": std}
    if kind != "given":
        for field, values in named.items():
            if len(values):
                raise InputError(
                    f"{field} {tuple(values)} contradicts data.normalize {kind!r}: "
                    "numbers are used by data.normalize=given alone"
                )
        if isinstance(how, Fixed) and len(how.mean) not in (1, channels):
            raise InputError(
                f"data.normalize {kind!r} is for images of {len(how.mean)} channels, "
                f"these have {channels}"
            )
        return
    for field, values in named.items():
        if len(values) != channels:
            raise InputError(
                f"{field} {tuple(values)} is not {channels} numbers: data.normalize=given needs "
                "one for each channel of the images"
            )
        for value in values:
            if isinstance(value, bool | str) or not math.isfinite(value):
                raise InputError(f"{field} {tuple(values)}: {value!r} is not a finite number")
            # Both are often published for pixels of 0 to 255.
            if value > 1 or value < 0 or (value == 0 and field == "data.std"):
                rule = "above 0 and at most 1" if field == "data.std" else "0 to 1"
                raise InputError(
                    f"{field} {tuple(values)}: {value} is not {rule}, as it must be for pixels of "
                    "0 to 1 (divide by 255 what is for 0 to 255)"
                )


def prepare(images: jax.Array, normalizer: Normalizer) -> jax.Array:
    """Normalise, for evaluation: u8 [b, h, w, c] -> f32 [b, h, w, c]."""
    scaled = images.astype(jnp.float32) / 255
    if normalizer.bgr:
        scaled = scaled[..., ::-1]
    return (scaled - jnp.asarray(normalizer.mean)[None]) / jnp.asarray(normalizer.scale)[None]


def _pixel_mean(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    total = np.zeros(images.shape[1:], np.int64)
    for start in range(0, len(images), _CHUNK):
        total += images[start : start + _CHUNK].sum(axis=0, dtype=np.int64)
    return total / (255 * len(images)), np.ones(images.shape[1:])


def _channel(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    channels = images.shape[-1]
    counts = np.zeros((channels, 256), np.int64)
    for start in range(0, len(images), _CHUNK):
        for channel in range(channels):
            pixels = images[start : start + _CHUNK, ..., channel].ravel()
            counts[channel] += np.bincount(pixels, minlength=256)
    value = np.arange(256)
    n, total, squares = counts.sum(1), counts @ value, counts @ value**2
    # Python's integers: n * squares passes 2**63 for large sets.
    exact = zip(n.tolist(), total.tolist(), squares.tolist(), strict=True)
    variance = [(a * q - t**2) / a**2 for a, t, q in exact]
    deviation = np.sqrt(variance) / 255
    deviation[deviation == 0] = 1  # A constant channel stays as it is.
    return (total / n / 255).reshape(1, 1, -1), deviation.reshape(1, 1, -1)


# torchvision's: the mean and deviation of ImageNet's training images.
_IMAGENET = Fixed((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
# Caffe's ImageNet networks and Keras' ResNets: pixels of 0 to 255 as blue, green, red, minus the
# mean of each (keras.applications.imagenet_utils, mode "caffe").
_CAFFE = Fixed((103.939 / 255, 116.779 / 255, 123.68 / 255), (1 / 255,), bgr=True)

NORMALIZATIONS: dict[str, Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]] | Fixed] = {
    "pixel_mean": _pixel_mean,  # He et al.: the mean image is subtracted, the scale stays.
    "channel": _channel,  # Mean and standard deviation of each channel.
    "none": Fixed((0.0,), (1.0,)),  # Pixels of 0 to 1.
    "imagenet": _IMAGENET,
    "half": Fixed((0.5,), (0.5,)),  # Pixels of -1 to 1, as the Inception networks were trained.
    "caffe": _CAFFE,
    "given": Fixed((), ()),  # By config.data.mean and config.data.std.
}
