"""Bytes of an image file -> pixels, on the host. Which kind of file it is, its first bytes say.

libjpeg-turbo decodes JPEG, at a half, a quarter or an eighth where that is enough; Pillow the rest
(CMYK, 16 bits, palettes, other formats) and all resizing. What cannot be decoded whole is a
`BadImage`, never a black or grey picture.
"""

import io
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import simplejpeg
from PIL import Image

from resinc.data.image_files.images import BadImage

_ORIENTATION = 274  # The EXIF tag.


class _Turn(NamedTuple):
    """How a stored image becomes upright, and which of its sides are counted from the far end."""

    method: Image.Transpose
    rows: bool
    columns: bool


_TURNS = {  # EXIF 2.3, section 4.6.4.
    2: _Turn(Image.Transpose.FLIP_LEFT_RIGHT, False, True),
    3: _Turn(Image.Transpose.ROTATE_180, True, True),
    4: _Turn(Image.Transpose.FLIP_TOP_BOTTOM, True, False),
    5: _Turn(Image.Transpose.TRANSPOSE, False, False),
    6: _Turn(Image.Transpose.ROTATE_270, True, False),
    7: _Turn(Image.Transpose.TRANSVERSE, True, True),
    8: _Turn(Image.Transpose.ROTATE_90, False, True),
}
_FACTORS = (8, 4, 2)  # Of scaled decoding; those between 1 and 2 take longer than the whole image.
# What libjpeg says (jerror.h) where pixels are lost; its other warnings are about pedantry.
_LOST = ("premature end", "bad huffman code", "instead of rst")


class Box(NamedTuple):
    """A part of an image, in its pixels; need not begin or end at whole ones."""

    top: float
    left: float
    height: float
    width: float


class Picture:
    """An image file whose header is read: `height` and `width` as a person sees it, upright.

    EXIF's orientation is obeyed. (torchvision and tf.image ignore it; of ImageNet's photographs
    next to none has one.)
    """

    def __init__(self, encoded: bytes):
        """Read the header.

        Raises:
          BadImage: it is no image.
        """
        self._encoded = encoded
        self._image: Image.Image | None = None
        if simplejpeg.is_jpeg(encoded):
            try:
                h, w, space, _ = simplejpeg.decode_jpeg_header(encoded)
            except ValueError:
                space = ""
            if space in ("YCbCr", "RGB", "Gray"):
                # Pillow needs 60 us to look for EXIF; where there is none, this less than one.
                has_exif = b"Exif\0\0" in encoded[:4096]
                self._stored(h, w, _orientation(_open(encoded)) if has_exif else 1)
                return
        self._image = _open(encoded)
        w, h = self._image.size
        self._stored(h, w, _orientation(self._image))

    def _stored(self, height: int, width: int, orientation: int) -> None:
        self._size, self._orientation = (height, width), orientation
        self.height, self.width = (width, height) if orientation >= 5 else (height, width)

    def resized(
        self, boxes: Sequence[Box], size: tuple[int, int], beyond: bool = False
    ) -> list[Image.Image]:
        """Cut boxes of one size out and scale each to `size` by Pillow's bilinear filter.

        Args:
          boxes: inside the image.
          size: h, w.
          beyond: let the filter see what borders on a box, as after resizing the whole image; else
            each is resized as if it were all there is.

        Returns:
          RGB images.

        Raises:
          BadImage: it is truncated or corrupt.
        """
        turn = _TURNS.get(self._orientation)
        boxes = [self._in_stored(box, turn) for box in boxes]
        size = size[::-1] if self._orientation >= 5 else size
        pixels, factor = self._pixels(boxes[0], size)
        images = [_resize(pixels, Box(*np.divide(box, factor)), size, beyond) for box in boxes]
        return [image.transpose(turn.method) for image in images] if turn else images

    def _in_stored(self, box: Box, turn: _Turn | None) -> Box:
        """A box of the upright image, in the image as it is stored."""
        if turn is None:
            return box
        top, left, height, width = box
        if self._orientation >= 5:
            top, left, height, width = left, top, width, height
        top = self._size[0] - top - height if turn.rows else top
        left = self._size[1] - left - width if turn.columns else left
        return Box(top, left, height, width)

    def _pixels(self, box: Box, size: tuple[int, int]) -> tuple[np.ndarray, int]:
        """uint8 [h, w, 3] as stored, and how much smaller: no more than a box of `size` allows."""
        if self._image is not None:
            pixels = _rgb(self._image)
            if self._image.format == "PNG":
                _verify(self._encoded)
            return pixels, 1
        most = min(box.height / size[0], box.width / size[1])
        factor = next((factor for factor in _FACTORS if factor <= most), 1)
        # The last pixels are of what is left over: 375 at an eighth are 47 of 8, the last of 7.
        h, w = (-(-side // factor) for side in self._size)
        try:
            pixels = simplejpeg.decode_jpeg(
                self._encoded, min_height=h, min_width=w, min_factor=factor
            )
        except ValueError as error:
            # libjpeg goes on, with grey where it knows nothing, and Pillow says nothing of that.
            if any(lost in str(error).lower() for lost in _LOST):
                raise BadImage(f"it is truncated or corrupt: {_words(error)}") from None
            # Harmless: bytes between two markers, an unknown Adobe code, ...
            return _rgb(_open(self._encoded)), 1
        assert pixels.shape[:2] == (h, w), (pixels.shape, self._size, factor)
        return pixels, factor


def _resize(pixels: np.ndarray, box: Box, size: tuple[int, int], beyond: bool) -> Image.Image:
    height, width, _ = pixels.shape
    h, w = size
    # The filter's support: one pixel of the result to each side, and one for rounding.
    rim_y, rim_x = (box.height / h + 1, box.width / w + 1) if beyond else (0, 0)
    top, left = max(0, math.floor(box.top - rim_y)), max(0, math.floor(box.left - rim_x))
    bottom = min(height, math.ceil(box.top + box.height + rim_y))
    right = min(width, math.ceil(box.left + box.width + rim_x))
    part = Image.fromarray(np.ascontiguousarray(pixels[top:bottom, left:right]))
    inside = (
        max(0.0, box.left - left),
        max(0.0, box.top - top),
        min(right - left, box.left + box.width - left),
        min(bottom - top, box.top + box.height - top),
    )
    return part.resize((w, h), Image.Resampling.BILINEAR, box=inside)


def _open(encoded: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(encoded))
    except MemoryError:
        raise
    except Exception as error:
        raise BadImage(_kind(encoded) or _words(error)) from None


def _rgb(image: Image.Image) -> np.ndarray:
    """uint8 [h, w, 3]. Alpha is dropped, as torchvision does."""
    try:
        image.load()
        if image.mode.startswith("I"):  # 16 bits, whatever the file's byte order.
            values = np.asarray(image).astype(np.int64)
            if values.min() < 0 or values.max() > 65_535:
                raise BadImage("its pixels are neither 8 nor 16 bits")
            grey = ((values * 255 + 32_767) // 65_535).astype(np.uint8)
            return np.repeat(grey[..., None], 3, axis=2)
        if image.mode == "F":
            raise BadImage("its pixels are floats, of no known range")
        if image.mode == "P" and "transparency" in image.info:
            image = image.convert("RGBA")  # Straight to RGB, Pillow warns.
        return np.asarray(image.convert("RGB"))
    except (MemoryError, BadImage):
        raise
    # Pillow's decoders raise OSError, SyntaxError, ValueError, struct.error, zlib.error, ...
    except Exception as error:
        raise BadImage(_words(error)) from None


def _verify(encoded: bytes) -> None:
    """Compare the checksums of a PNG, which decoding does not look at."""
    try:
        _open(encoded).verify()
    except (MemoryError, BadImage):
        raise
    except Exception as error:
        raise BadImage(_words(error)) from None


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except MemoryError:
        raise
    except Exception:  # Damaged EXIF, which the pixels do not need.
        return 1


def _kind(encoded: bytes) -> str:
    """What a file is that is no image, where that is easily told."""
    if not encoded:
        return "it is empty"
    start = encoded[:512].lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "it is an HTML page, not an image"
    if not any(encoded[:4096]):
        return "it holds nothing but zeros"
    return f"no image begins with {encoded[:8]!r} and goes on as it does"


def _words(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
