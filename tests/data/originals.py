"""Tiny archives in the formats in which CIFAR and MNIST are distributed, with known content."""

import dataclasses
import gzip
import io
import pickle
import tarfile

import numpy as np

from resinc.data import DATASETS

TRAIN, TEST = 20, 6


def tiny(name):
    """The set's specification with few examples."""
    return dataclasses.replace(DATASETS[name], train_size=TRAIN, test_size=TEST, validation_size=4)


def content(spec, seed=0):
    """{"train": (image, label), "test": ...}, every image different."""
    random = np.random.RandomState(seed)
    return {
        split: (
            random.randint(0, 256, (size, *spec.image_shape)).astype(np.uint8),
            random.randint(0, spec.num_classes, size),
        )
        for split, size in (("train", spec.train_size), ("test", spec.test_size))
    }


def batches(spec, sets):
    """Yield (base name, image, label) as CIFAR is cut up."""
    image, label = sets["train"]
    if spec.name == "cifar10":
        for i in range(5):
            part = slice(i * TRAIN // 5, (i + 1) * TRAIN // 5)
            yield f"data_batch_{i + 1}", image[part], label[part]
        yield "test_batch", *sets["test"]
    else:
        yield "train", image, label
        yield "test", *sets["test"]


def tar(path, files, mode="w:gz"):
    with tarfile.open(path, mode) as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def cifar_binary(folder, spec, sets):
    files = {}
    for name, image, label in batches(spec, sets):
        columns = [label, label // 5][::-1] if spec.name == "cifar100" else [label]
        planes = image.transpose(0, 3, 1, 2).reshape(len(image), -1)
        records = np.concatenate([np.stack(columns, 1).astype(np.uint8), planes], axis=1)
        files[f"{spec.name}-bin/{name}.bin"] = records.tobytes()
    if spec.name == "cifar10":
        names = "".join(f"class{i}\n" for i in range(10)) + "\n"
        files[f"{spec.name}-bin/batches.meta.txt"] = names.encode()
    return tar(folder / "binary.tar.gz", files)


def cifar_python(folder, spec, sets):
    files = {}
    for name, image, label in batches(spec, sets):
        batch = {b"data": image.transpose(0, 3, 1, 2).reshape(len(image), -1)}
        if spec.name == "cifar100":
            batch |= {b"fine_labels": label.tolist(), b"coarse_labels": (label // 5).tolist()}
        else:
            batch |= {b"labels": label.tolist()}
        files[f"{spec.name}-py/{name}"] = pickle.dumps(batch, protocol=3)
    return tar(folder / "python.tar.gz", files)


def cifar_folder(folder, spec, sets):
    """The binary archive, unpacked."""
    with tarfile.open(cifar_binary(folder, spec, sets)) as archive:
        archive.extractall(folder, filter="data")
    return folder / f"{spec.name}-bin"


def idx(array):
    head = bytes((0, 0, 8, array.ndim)) + np.array(array.shape, ">u4").tobytes()
    return head + array.astype(np.uint8).tobytes()


def idx_folder(folder, spec, sets):
    for split, prefix in (("train", "train"), ("test", "t10k")):
        image, label = sets[split]
        images = gzip.compress(idx(image[..., 0]))
        (folder / f"{prefix}-images-idx3-ubyte.gz").write_bytes(images)
        (folder / f"{prefix}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(label)))
    return folder


WRITERS = {
    "cifar10-binary": ("cifar10", cifar_binary),
    "cifar10-python": ("cifar10", cifar_python),
    "cifar10-folder": ("cifar10", cifar_folder),
    "cifar100-binary": ("cifar100", cifar_binary),
    "cifar100-python": ("cifar100", cifar_python),
    "mnist": ("mnist", idx_folder),
    "fashion_mnist": ("fashion_mnist", idx_folder),
}
