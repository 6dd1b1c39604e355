"""Images and image files for tests: smooth, so that an edge is where it should be or is not."""

import io

import numpy as np
from PIL import Image


def smooth(height, width, seed=0):
    """uint8 [height, width, 3]: waves of 30 pixels and more, another in each channel."""
    random = np.random.RandomState(seed)
    y, x = np.mgrid[:height, :width]
    waves = [
        sum(
            np.sin(2 * np.pi * (y * a + x * b) / 60 + c)
            for a, b, c in random.uniform(-1, 1, (3, 3)) * [1, 1, 3]
        )
        for _ in range(3)
    ]
    return np.clip(128 + 40 * np.stack(waves, axis=-1), 0, 255).astype(np.uint8)


def encode(pixels, kind="JPEG", mode=None, **options):
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    file = io.BytesIO()
    if kind == "JPEG":
        options = {"quality": 95} | options
    (image.convert(mode) if mode else image).save(file, kind, **options)
    return file.getvalue()


def html():
    return b"<!DOCTYPE html>\n<html><body>404 not found</body></html>"


def folder(root, counts, split="train", size=(40, 48)):
    """ROOT/SPLIT/CLASS/N.jpg: as many files as `counts` says of each class, each of one colour."""
    for number, (name, count) in enumerate(counts.items()):
        place = root / split / name
        place.mkdir(parents=True)
        for at in range(count):
            colour = np.full((*size, 3), (number * 40 % 256, at % 256, 128), np.uint8)
            (place / f"{at:03d}.jpg").write_bytes(encode(colour))
    return root
