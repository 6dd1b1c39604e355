"""torchvision's DataLoader and tf.data, as their own examples of ImageNet read and crop images.

Imports nothing of resinc: these sides run by an interpreter that need not have it.
"""

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

AREA, RATIO = (0.08, 1.0), (3 / 4, 4 / 3)


def prepare(
    side: str, folder: str, batch: int, size: int
) -> tuple[Callable[[], None], dict[str, Any]]:
    """The worker's: a pass over FOLDER/train a call."""
    workers = len(os.sched_getaffinity(0))
    if side.startswith("torchvision"):
        return _torchvision(folder, batch, size, workers, normalized="normalized" in side)
    return _tf_data(folder, batch, size, workers, fused="fused" in side)


def _torchvision(
    folder: str, batch: int, size: int, workers: int, normalized: bool
) -> tuple[Callable[[], None], dict[str, Any]]:
    """ImageFolder with Pillow, and processes, which stay from pass to pass.

    Normalized it gives float32, as references/classification does; else uint8, as ours.
    """
    declared = _declared_operators()  # Kept as long as torchvision is used.
    import torch
    from torchvision import datasets, transforms

    last: list[Any] = [transforms.PILToTensor()]
    if normalized:
        mean, deviation = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
        last = [transforms.ToTensor(), transforms.Normalize(mean, deviation)]
    box = transforms.RandomResizedCrop(size, AREA, RATIO)
    view = transforms.Compose([box, transforms.RandomHorizontalFlip(), *last])
    images = datasets.ImageFolder(f"{folder}/train", view)
    loader = torch.utils.data.DataLoader(
        images, batch, shuffle=True, num_workers=workers, persistent_workers=True
    )

    def call() -> None:
        for _ in loader:
            pass

    return call, {"images": len(images), "operators": "declared" if declared else "compiled"}


def _declared_operators() -> Any:
    """Let torchvision be imported where its compiled operators do not load; none is used.

    So it is with its wheel for CUDA beside a PyTorch for CPUs: it then looks for these two in vain.
    """
    import torch

    try:
        importlib.import_module("torchvision")
    except RuntimeError:
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "FRAGMENT")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        return library
    return None


def _tf_data(
    folder: str, batch: int, size: int, workers: int, fused: bool
) -> tuple[Callable[[], None], dict[str, Any]]:
    """Fused, only the rows and columns of the box are decoded; else the whole image.

    Resized without antialiasing, as tf.image.resize does unless told otherwise: less work than
    ours and torchvision's.
    """
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(workers)
    tf.config.threading.set_inter_op_parallelism_threads(workers)
    files = sorted(Path(folder, "train").glob("*/*.jpg"))
    classes = {name: label for label, name in enumerate(sorted({f.parent.name for f in files}))}
    labels = [classes[file.parent.name] for file in files]

    def view(path: Any, label: Any) -> tuple[Any, Any]:
        content = tf.io.read_file(path)
        begin, extent, _ = tf.image.sample_distorted_bounding_box(
            tf.image.extract_jpeg_shape(content),
            tf.zeros((1, 0, 4)),
            aspect_ratio_range=RATIO,
            area_range=AREA,
            max_attempts=10,
            use_image_if_no_bounding_boxes=True,
        )
        box = [begin[0], begin[1], extent[0], extent[1]]
        if fused:
            image = tf.image.decode_and_crop_jpeg(content, box, channels=3)
        else:
            image = tf.image.crop_to_bounding_box(tf.io.decode_jpeg(content, channels=3), *box)
        image = tf.image.random_flip_left_right(tf.image.resize(image, (size, size)))
        return tf.cast(tf.round(image), tf.uint8), label

    options = tf.data.Options()
    options.threading.private_threadpool_size = workers
    dataset = (
        tf.data.Dataset.from_tensor_slices(([str(file) for file in files], labels))
        .shuffle(len(files))
        .map(view, num_parallel_calls=workers)
        .batch(batch)
        .prefetch(2)
        .with_options(options)
    )

    def call() -> None:
        for _ in dataset:
            pass

    return call, {"images": len(files)}
