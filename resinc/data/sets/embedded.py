"""Sets that need neither a download nor a directory."""

import importlib.util
from pathlib import Path

import numpy as np

from resinc.data.spec import Spec, Split

_TEST_SEED = 20151210  # Of the digits' test set; apart from split_seed, so that it never moves.


def digits(spec: Spec) -> tuple[Split, Split]:
    """scikit-learn's 1,797 images of handwritten digits, 8x8, 16 grey levels.

    The set has no official split: 360 test images are drawn once and for all.
    """
    table = _digits_table()
    image = np.rint(table[:, :-1] * (255 / 16)).astype(np.uint8).reshape(-1, *spec.image_shape)
    whole = Split(image, table[:, -1].astype(np.int32))
    order = np.random.RandomState(_TEST_SEED).permutation(len(whole))
    test, train = np.sort(order[: spec.test_size]), np.sort(order[spec.test_size :])
    return (
        Split(whole.image[train], whole.label[train]),
        Split(whole.image[test], whole.label[test]),
    )


def _digits_table() -> np.ndarray:
    """[1797, 65]: the 64 pixels, 0 to 16, and the label."""
    # Importing scikit-learn takes 2 s, which every cell of a sweep would pay: read its file.
    package = importlib.util.find_spec("sklearn")
    for folder in package.submodule_search_locations or () if package else ():
        path = Path(folder, "datasets", "data", "digits.csv.gz")
        if path.is_file():
            return np.loadtxt(path, delimiter=",", dtype=np.int64)
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    return np.column_stack([pixels, labels]).astype(np.int64)


def synthetic(spec: Spec) -> tuple[Split, Split]:
    """One coarse random pattern per class, faint under noise: learnable, and quick to make."""
    h, w, c = spec.image_shape
    random = np.random.RandomState(0)
    # 4x4 patches of constant colour. Integers throughout: the same bits on every machine.
    patterns = random.randint(96, 160, (spec.num_classes, 4, 4, c))
    patterns = patterns.repeat(h // 4, axis=1).repeat(w // 4, axis=2)

    def draw(size: int) -> Split:
        label = random.permutation(np.arange(size) % spec.num_classes).astype(np.int32)
        noise = random.randint(-96, 96, (size, h, w, c))
        return Split((patterns[label] + noise).astype(np.uint8), label)

    return draw(spec.train_size), draw(spec.test_size)


MAKERS = {"digits": digits, "synthetic": synthetic}
