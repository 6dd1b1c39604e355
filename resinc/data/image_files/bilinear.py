"""A box of an image to another size, by Pillow's bilinear filter: with antialiasing.

fast_image_resize (`cykooz_resizer`) applies that filter by SIMD in a quarter of Pillow's time, with
the same bits on every CPU. Where it has no wheel (Linux on ARM) Pillow does it. The two round
differently: by 2 grey levels at most, 0.2 on average.
"""

import math
import threading
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

try:
    import cykooz_resizer as fast
except ImportError:
    fast = None


class Box(NamedTuple):
    """A part of an image, in its pixels; need not begin or end at whole ones."""

    top: float
    left: float
    height: float
    width: float


def resize(pixels: np.ndarray, box: Box, size: tuple[int, int], beyond: bool = False) -> np.ndarray:
    """Scale a box to `size`.

    Args:
      pixels: uint8 [h, w, 3].
      box: inside the image.
      size: h, w.
      beyond: let the filter see what borders on the box, as after resizing the whole image; else
        it is resized as if it were all there is.

    Returns:
      uint8 [*size, 3]; may be read-only.
    """
    height, width, _ = pixels.shape
    # The filter's support: one pixel of the result to each side, and one for rounding.
    rim_y, rim_x = (box.height / size[0] + 1, box.width / size[1] + 1) if beyond else (0, 0)
    top, left = max(0, math.floor(box.top - rim_y)), max(0, math.floor(box.left - rim_x))
    bottom = min(height, math.ceil(box.top + box.height + rim_y))
    right = min(width, math.ceil(box.left + box.width + rim_x))
    y, x = max(0.0, box.top - top), max(0.0, box.left - left)
    # Rounding may carry the sum a little beyond the end.
    inside = Box(y, x, min(box.height, bottom - top - y), min(box.width, right - left - x))
    part = pixels[top:bottom, left:right]
    return _by_simd(part, inside, size) if fast else _by_pillow(part, inside, size)


def _by_pillow(pixels: np.ndarray, box: Box, size: tuple[int, int]) -> np.ndarray:
    image = Image.fromarray(np.ascontiguousarray(pixels))
    height, width, _ = pixels.shape
    ends = min(width, box.left + box.width), min(height, box.top + box.height)
    region = (box.left, box.top, *ends)
    return np.asarray(image.resize(size[::-1], Image.Resampling.BILINEAR, box=region))


def _by_simd(pixels: np.ndarray, box: Box, size: tuple[int, int]) -> np.ndarray:
    height, width, _ = pixels.shape
    options = _own.options
    if box != (0, 0, height, width):
        options = options.copy()
        options.crop_box = fast.CropBox(box.left, box.top, box.width, box.height)
    source = fast.ImageData(width, height, fast.PixelType.U8x3, pixels.tobytes())
    result = fast.ImageData(size[1], size[0], fast.PixelType.U8x3)
    _own.resizer.resize(source, result, options)
    return np.frombuffer(result.get_buffer(), np.uint8).reshape(*size, 3)


class _Own(threading.local):
    """Each thread's: a resizer is locked while it is used."""

    def __init__(self) -> None:
        self.resizer = fast.Resizer()
        self.options = fast.ResizeOptions(fast.ResizeAlg.convolution(fast.FilterType.bilinear))


_own: Any = _Own() if fast else None
