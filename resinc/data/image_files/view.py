"""What of an image a network sees: boxes by the published rules, drawn from (seed, epoch, id).

The same on any host, in any order, at any batch size. Geometry as in torchvision's transforms.
"""

import dataclasses
import math

import numpy as np
from PIL import Image

from resinc.data.image_files.bilinear import Box
from resinc.data.image_files.decode import Picture
from resinc.errors import InputError

_ATTEMPTS = 10  # At a box that fits, then the largest centre box; torchvision's number.
_GREY = np.array([0.299, 0.587, 0.114])  # ITU-R 601-2, as Pillow weighs.


@dataclasses.dataclass(frozen=True)
class TrainingView:
    """A random box of 8 to 100 % of the area, resized; mirrored half of the time.

    Szegedy et al. 2014, section 6: "sizes distributed evenly between 8% and 100% of the image area
    and aspect ratio chosen randomly between 3/4 and 4/3". torchvision: RandomResizedCrop.
    """

    size: int  # Pixels of a side of the result.
    area: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)  # Width over height; uniform in its logarithm.
    flip: bool = True
    jitter: float = 0.0  # Brightness, contrast, saturation: each times 1 - jitter to 1 + jitter.

    def __call__(self, encoded: bytes, seed: int, epoch: int, example: int) -> np.ndarray:
        """uint8 [size, size, 3]; may be read-only.

        Raises:
          BadImage: it cannot be decoded whole.
        """
        draw = uniforms(seed, epoch, example, 4 + 4 * _ATTEMPTS)
        picture = Picture(encoded)
        box = self._box(picture.height, picture.width, draw[4:])
        (pixels,) = picture.resized([box], (self.size, self.size))
        if self.jitter:
            pixels = _jittered(pixels, 1 + self.jitter * (2 * draw[1:4] - 1))
        return _mirrored(pixels) if self.flip and draw[0] < 0.5 else pixels

    def _box(self, height: int, width: int, draw: np.ndarray) -> Box:
        low, high = self.area
        for area, ratio, top, left in draw.reshape(_ATTEMPTS, 4).tolist():
            pixels = height * width * (low + (high - low) * area)
            aspect = self.ratio[0] * (self.ratio[1] / self.ratio[0]) ** ratio
            w, h = round(math.sqrt(pixels * aspect)), round(math.sqrt(pixels / aspect))
            if 0 < w <= width and 0 < h <= height:
                return Box(int(top * (height - h + 1)), int(left * (width - w + 1)), h, w)
        w, h = width, height
        if width < height * self.ratio[0]:
            h = max(1, min(height, round(width / self.ratio[0])))
        elif width > height * self.ratio[1]:
            w = max(1, min(width, round(height * self.ratio[1])))
        return Box((height - h) // 2, (width - w) // 2, h, w)


@dataclasses.dataclass(frozen=True)
class EvaluationView:
    """The shorter side resized to `shorter_side`, then the centre. torchvision: Resize, CenterCrop.

    Only the box is resized: the same pixels as of the whole image resized and then cropped.
    """

    size: int  # Pixels of a side of the result.
    shorter_side: int  # At least `size`; 256 for 224.

    def __post_init__(self) -> None:
        if self.size > self.shorter_side:
            raise InputError(
                f"an evaluation crop of {self.size} pixels does not fit into a shorter side of "
                f"{self.shorter_side}"
            )

    def __call__(
        self, encoded: bytes, seed: int = 0, epoch: int = 0, example: int = 0
    ) -> np.ndarray:
        """uint8 [size, size, 3]; nothing is drawn.

        Raises:
          BadImage: it cannot be decoded whole.
        """
        picture = Picture(encoded)
        h, w = self._resized(picture)
        # Half a pixel is rounded as torchvision does: to even.
        centre = round((h - self.size) / 2), round((w - self.size) / 2)
        return self._cut(picture, [centre])[0]

    def ten(self, encoded: bytes) -> np.ndarray:
        """uint8 [10, size, size, 3]: four corners and the centre, then the same mirrored.

        Krizhevsky et al. 2012, section 4.1; torchvision: TenCrop, in its order.

        Raises:
          BadImage: it cannot be decoded whole.
        """
        picture = Picture(encoded)
        h, w = self._resized(picture)
        bottom, right = h - self.size, w - self.size
        corners = [(0, 0), (0, right), (bottom, 0), (bottom, right)]
        five = self._cut(picture, [*corners, (round(bottom / 2), round(right / 2))])
        return np.concatenate([five, five[:, :, ::-1]])

    def _resized(self, picture: Picture) -> tuple[int, int]:
        """h, w of the whole image, resized."""
        short = min(picture.height, picture.width)
        long = int(self.shorter_side * max(picture.height, picture.width) / short)
        upright = picture.height >= picture.width
        return (long, self.shorter_side) if upright else (self.shorter_side, long)

    def _cut(self, picture: Picture, corners: list[tuple[int, int]]) -> np.ndarray:
        h, w = self._resized(picture)
        y, x = picture.height / h, picture.width / w
        boxes = [Box(t * y, left * x, self.size * y, self.size * x) for t, left in corners]
        return np.stack(picture.resized(boxes, (self.size, self.size), beyond=True))


def uniforms(seed: int, epoch: int, example: int, count: int) -> np.ndarray:
    """float64 [count] in [0, 1), a function of the three numbers alone.

    Raw bits of a counter-based generator: NumPy keeps them over versions, unlike distributions.
    """
    raw = np.random.Philox(key=[seed, epoch], counter=[0, 0, 0, example]).random_raw(count)
    return (raw >> np.uint64(11)) * 2.0**-53


def _mirrored(pixels: np.ndarray) -> np.ndarray:
    """`pixels[:, ::-1]`, copied a channel at a time: a fifth of the time."""
    mirrored = np.empty_like(pixels)
    for channel in range(3):
        mirrored[..., channel] = pixels[:, ::-1, channel]
    return mirrored


def _jittered(pixels: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Brightness, contrast about the mean grey, and saturation, in this order.

    All three are one affine map of the colours, so what passes 0 or 255 is cut off once, at the
    end; torchvision does so after each, and shuffles them.
    """
    brightness, contrast, saturation = factors.tolist()
    mean = brightness * float(pixels.mean(axis=(0, 1)) @ _GREY)
    mixed = saturation * np.eye(3) + (1 - saturation) * _GREY[None]
    table = np.column_stack([contrast * brightness * mixed, np.full(3, (1 - contrast) * mean)])
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(image.convert("RGB", tuple(table.ravel().tolist())))
