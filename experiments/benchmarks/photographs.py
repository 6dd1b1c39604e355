"""JPEG files of made-up photographs: 500x375, spectrum 1/f, some 130 KB, as ImageNet's are."""

import io
import os
from pathlib import Path

import numpy as np


def photographs(count: int, height: int = 375, width: int = 500) -> list[bytes]:
    """JPEG of quality 92."""
    return [encoded(photograph(seed, height, width)) for seed in range(count)]


def fill(folder: Path, count: int, classes: int) -> None:
    """FOLDER/train/CLASS/FILE, a new folder: `count` names of the first 16 photographs.

    The files are in memory: a disk is not what is compared.
    """
    folder.mkdir()
    kinds = []
    for number, file in enumerate(photographs(16)):
        kinds.append(folder / f"{number}.jpg")
        kinds[-1].write_bytes(file)
    for label in range(classes):
        place = folder / "train" / f"{label:03d}"
        place.mkdir(parents=True)
        for number in range(count // classes):
            os.link(kinds[number % len(kinds)], place / f"{number:05d}.jpg")


def photograph(seed: int, height: int, width: int) -> np.ndarray:
    """uint8 [h, w, 3]: noise whose amplitude falls with frequency, mostly grey."""
    noise = np.random.RandomState(seed).standard_normal((height, width, 3))
    y, x = np.fft.fftfreq(height)[:, None, None], np.fft.rfftfreq(width)[None, :, None]
    spectrum = np.fft.rfft2(noise, axes=(0, 1)) / (np.hypot(y, x) + 1 / width)
    image = np.fft.irfft2(spectrum, s=(height, width), axes=(0, 1))
    image = (image - image.mean()) / image.std()
    image = 1.2 * image.mean(axis=2, keepdims=True) + 0.4 * image
    return np.clip(128 + 50 * image, 0, 255).astype(np.uint8)


def encoded(pixels: np.ndarray) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=92)
    return file.getvalue()
