"""One photograph, 500x375, to a random 224x224 box: our decoder against others, on one core."""

import importlib.util
import io
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from experiments.benchmarks.harness import Results
from experiments.benchmarks.photographs import photographs

CALL = 16  # Photographs of one call.
SIZE = 224


def run(results: Results, quick: bool = False) -> None:
    sides = ["ours", "libjpeg-turbo", "pillow", "whole"]
    if importlib.util.find_spec("cv2"):
        sides += ["opencv", "opencv resize"]
    work = {side: {"module": "decode", "side": side} for side in sides}
    # A box of 8 to 100 % of the area, and the largest, where all decode everything.
    for case in ("train", "evaluate"):
        given = {side: arguments | {"view": case} for side, arguments in work.items()}
        results.compare(given, cores=1, turns=1 if quick else 9, case=case)


def prepare(side: str, view: str) -> tuple[Callable[[], None], dict[str, Any]]:
    """The worker's: CALL photographs, each to the box that our view draws."""
    from resinc.data.image_files.bilinear import Box
    from resinc.data.image_files.view import EvaluationView, TrainingView, uniforms

    files = photographs(CALL)
    ours = TrainingView(SIZE) if view == "train" else EvaluationView(SIZE, 256)
    drawn = itertools.count()

    def box(example: int) -> Box:
        if view == "train":
            return TrainingView(SIZE)._box(375, 500, uniforms(0, 0, example, 44)[4:])
        side = SIZE * 375 / 256
        return Box((375 - side) / 2, (500 - side) / 2, side, side)

    def call() -> None:
        for file, example in zip(files, drawn, strict=False):
            if side == "ours":
                ours(file, 0, 0, example)
            else:
                OTHERS[side](file, box(example))

    return call, {"images": CALL, "bytes_each": sum(map(len, files)) // CALL}


def _bare(file: bytes, box: Any) -> None:
    """Neither cut out nor resized: what is left if all else took no time."""
    import simplejpeg

    simplejpeg.decode_jpeg(file)


def _pillow(file: bytes, box: Any) -> np.ndarray:
    """As torchvision's transforms on a PIL image."""
    from PIL import Image

    image = Image.open(io.BytesIO(file)).convert("RGB")
    region = (box.left, box.top, box.left + box.width, box.top + box.height)
    return np.asarray(image.resize((SIZE, SIZE), Image.Resampling.BILINEAR, box=region))


def _whole(file: bytes, box: Any) -> np.ndarray:
    """Ours, never scaled while it is decoded."""
    import simplejpeg

    from resinc.data.image_files.bilinear import resize

    return resize(simplejpeg.decode_jpeg(file), box, (SIZE, SIZE))


def _opencv(file: bytes, box: Any) -> np.ndarray:
    import cv2

    return _area(cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_COLOR_RGB), box)


def _opencv_resize(file: bytes, box: Any) -> np.ndarray:
    import simplejpeg

    return _area(simplejpeg.decode_jpeg(file), box)


def _area(pixels: Any, box: Any) -> np.ndarray:
    import cv2

    cv2.setNumThreads(1)
    top, left = round(box.top), round(box.left)
    part = pixels[top : top + round(box.height), left : left + round(box.width)]
    return cv2.resize(part, (SIZE, SIZE), interpolation=cv2.INTER_AREA)


OTHERS: dict[str, Callable[[bytes, Any], Any]] = {
    "libjpeg-turbo": _bare,
    "pillow": _pillow,
    "whole": _whole,
    "opencv": _opencv,
    "opencv resize": _opencv_resize,
}
