"""A folder of image files like ImageNet: its sizes, its formats, and what can be wrong with a file.

    python -m experiments.benchmarks.imagenet_like DIR --classes 1000 --each 5

Made up, so it teaches a network nothing but the colour of a class; what reads, decodes, orders,
skips and evaluates files is put to the test by it.
"""

import argparse
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from experiments.benchmarks.photographs import encoded, photograph

# Height and width; most of ImageNet's photographs have 375x500 pixels.
SIZES = (*[(375, 500)] * 6, (500, 375), (333, 500), (480, 640), (1200, 1600), (96, 72))


def write(root: Path, classes: int, each: int, tests: int = 1) -> list[Path]:
    """Write root/train/CLASS/FILE and root/val/CLASS/FILE; the same for the same numbers.

    Every format that ImageNet is known for is there once: CMYK and grey JPEG, PNG by the name of
    JPEG, 16 bits, turned by EXIF. So is every defect: cut off, empty, a web page, a link to
    nothing; and one class folder more that holds no image.

    Args:
      root: a new folder.
      classes: with images; at least 9.
      each: training images of a class.
      tests: images to test of a class.

    Returns:
      The training files that cannot be used.
    """
    random = np.random.RandomState(0)
    photographs = [photograph(seed, *size) for seed, size in enumerate(SIZES)]
    for split, count in (("train", each), ("val", tests)):
        for label in range(classes):
            folder = root / split / f"n{label:08d}"
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = _tinted(photographs[random.randint(len(SIZES))], label, random)
                (folder / f"{folder.name}_{number}.JPEG").write_bytes(encoded(pixels))
    folders = sorted((root / "train").iterdir())
    for folder, (name, content) in zip(folders, _formats(photographs[0]), strict=False):
        (folder / f"{folder.name}_0.JPEG").unlink()
        (folder / name).write_bytes(content)
    (root / "train" / f"n{classes:08d}").mkdir()
    return [_spoiled(folder, defect) for folder, defect in zip(folders[5:], _DEFECTS, strict=False)]


def _tinted(pixels: np.ndarray, label: int, random: np.random.RandomState) -> np.ndarray:
    """Rolled at random, in the colour of one of 1,000 classes."""
    height, width, _ = pixels.shape
    rolled = np.roll(pixels, (random.randint(height), random.randint(width)), axis=(0, 1))
    colour = np.array([label % 10, label // 10 % 10, label // 100 % 10])
    return np.clip(rolled + (10 * colour - 45), 0, 255).astype(np.uint8)


def _formats(pixels: np.ndarray) -> Iterator[tuple[str, bytes]]:
    from PIL import Image

    image = Image.fromarray(pixels)
    turned = Image.Exif()
    turned[274] = 6  # The orientation of a camera held upright.
    deep = Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)
    for name, of, kind, options in (
        ("cmyk.JPEG", image.convert("CMYK"), "JPEG", {}),
        ("grey.JPEG", image.convert("L"), "JPEG", {}),
        ("png.JPEG", image, "PNG", {}),
        ("deep.png", deep, "PNG", {}),
        ("turned.JPEG", image, "JPEG", {"exif": turned}),
    ):
        file = io.BytesIO()
        of.save(file, kind, **options)
        yield name, file.getvalue()


_DEFECTS = ("cut", "empty", "page", "link")


def _spoiled(folder: Path, defect: str) -> Path:
    file = folder / f"{folder.name}_0.JPEG"
    content = file.read_bytes()
    if defect == "link":
        file.unlink()
        file.symlink_to(folder / "nowhere.JPEG")
        return file
    page = b"<!DOCTYPE html>\n<html><body>404 not found</body></html>"
    file.write_bytes({"cut": content[: len(content) // 2], "empty": b"", "page": page}[defect])
    return file


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("root", type=Path)
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--each", type=int, default=5)
    arguments = parser.parse_args()
    write(arguments.root, arguments.classes, arguments.each)
