"""Bytes of an image file -> pixels, on the host. Which kind of file it is, its first bytes say.

libjpeg-turbo decodes JPEG, at a half, a quarter or an eighth where that is enough; Pillow the rest
(CMYK, 16 bits, palettes, other formats). What cannot be decoded whole is a `BadImage`, never a
black or grey picture.
"""

import io
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import simplejpeg
from PIL import Image

from resinc.data.image_files.bilinear import Box, resize
from resinc.data.image_files.images import BadImage

_ORIENTATION = 274  # The EXIF tag.


class _Turn(NamedTuple):
    """How a stored image becomes upright: sides turned round, then whether they change places."""

    rows: bool
    columns: bool
    swapped: bool


_TURNS = {  # EXIF 2.3, section 4.6.4.
    2: _Turn(False, True, False),
    3: _Turn(True, True, False),
    4: _Turn(True, False, False),
    5: _Turn(False, False, True),
    6: _Turn(True, False, True),
    7: _Turn(True, True, True),
    8: _Turn(False, True, True),
}
_UPRIGHT = _Turn(False, False, False)
_FACTORS = (8, 4, 2)  # Of scaled decoding; those between 1 and 2 take longer than the whole image.
# What libjpeg says (jerror.h) where pixels are lost; its other warnings are about pedantry.
_LOST = ("premature end", "bad huffman code", "instead of rst")


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
        self._size, self._turn = (height, width), _TURNS.get(orientation, _UPRIGHT)
        self.height, self.width = (width, height) if self._turn.swapped else (height, width)

    def resized(
        self, boxes: Sequence[Box], size: tuple[int, int], beyond: bool = False
    ) -> list[np.ndarray]:
        """Cut boxes of one size out and scale each to `size`; see `bilinear.resize`.

        Returns:
          uint8 [*size, 3] of each; may be read-only.

        Raises:
          BadImage: it is truncated or corrupt.
        """
        boxes = [self._in_stored(box) for box in boxes]
        size = size[::-1] if self._turn.swapped else size
        pixels, factor = self._pixels(boxes[0], size)
        scaled = [Box(*(side / factor for side in box)) for box in boxes]
        return [self._upright(resize(pixels, box, size, beyond)) for box in scaled]

    def _in_stored(self, box: Box) -> Box:
        """A box of the upright image, in the image as it is stored."""
        top, left, height, width = box
        if self._turn.swapped:
            top, left, height, width = left, top, width, height
        top = self._size[0] - top - height if self._turn.rows else top
        left = self._size[1] - left - width if self._turn.columns else left
        return Box(top, left, height, width)

    def _upright(self, pixels: np.ndarray) -> np.ndarray:
        pixels = pixels[::-1] if self._turn.rows else pixels
        pixels = pixels[:, ::-1] if self._turn.columns else pixels
        return pixels.swapaxes(0, 1) if self._turn.swapped else pixels

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
