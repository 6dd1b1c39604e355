"""JPEG files of made-up photographs: 500x375, spectrum 1/f, some 130 KB, as ImageNet's are."""

import io

import numpy as np


def photographs(count: int, height: int = 375, width: int = 500) -> list[bytes]:
    """JPEG of quality 92."""
    return [encoded(photograph(seed, height, width)) for seed in range(count)]


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
