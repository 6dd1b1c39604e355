"""What is known of each data set before it is read: shapes, sizes, where it comes from."""

import dataclasses
import hashlib
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Remote:
    """One file of the original distribution."""

    url: str
    size: int  # Bytes.
    sha256: str  # Hex; as tensorflow-datasets records it in url_checksums/.

    @property
    def filename(self) -> str:
        return self.url.rsplit("/", 1)[-1]


@dataclasses.dataclass(frozen=True)
class Spec:
    """A data set's fixed facts."""

    name: str
    image_shape: tuple[int, int, int]  # h, w, c.
    num_classes: int
    train_size: int  # Of the original training set: the validation examples still in it.
    test_size: int
    validation_size: int  # Default number of training examples held out.
    validation_source: str  # Where that number comes from.
    version: str = ""  # Of the TFDS builder; "" for a set that needs no directory.
    remotes: tuple[Remote, ...] = ()  # None: its users bring the files.

    @property
    def embedded(self) -> bool:
        """Whether the set is made on the spot, from scikit-learn or from a formula."""
        return not self.version


@dataclasses.dataclass(frozen=True)
class Split:
    """Examples in host memory."""

    image: np.ndarray  # uint8 [n, h, w, c].
    label: np.ndarray  # int32 [n], 0 <= label < k.

    def __len__(self) -> int:
        return len(self.label)

    def digest(self) -> str:
        """Of these examples in this order: half of a sha256, hex."""
        labels = np.ascontiguousarray(self.label, dtype="<i4")
        content = np.ascontiguousarray(self.image).tobytes() + labels.tobytes()
        return hashlib.sha256(content).hexdigest()[:32]


@dataclasses.dataclass(frozen=True)
class Splits:
    """A loaded data set. `validation` may be empty; `test` is evaluated, never selected on."""

    train: Split
    validation: Split
    test: Split
    spec: Spec
    split_seed: int
    held_out: np.ndarray  # int64 [v], sorted: the validation examples within the original set.
    checksum: str  # sha256, hex, over all images and labels before splitting.

    def provenance(self) -> dict[str, Any]:
        """What identifies the data of a run, ready for JSON."""
        held_out = np.ascontiguousarray(self.held_out, dtype="<i8")
        return {
            "name": self.spec.name,
            "checksum": self.checksum,
            "split_seed": self.split_seed,
            "train_size": len(self.train),
            "validation_size": len(self.validation),
            "test_size": len(self.test),
            "validation_sha256": hashlib.sha256(held_out.tobytes()).hexdigest(),
        }


def channels(name: str) -> int:
    """Of the images of a set; what is decoded from image files has 3."""
    return DATASETS[name].image_shape[-1] if name in DATASETS else 3


_TORONTO = "https://www.cs.toronto.edu/~kriz/"
_MNIST = "https://storage.googleapis.com/cvdf-datasets/mnist/"
_FASHION = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"

DATASETS = {
    "digits": Spec(
        name="digits",
        image_shape=(8, 8, 1),
        num_classes=10,
        train_size=1_437,
        test_size=360,
        validation_size=157,
        validation_source="the rest after 1,280 training images, ten batches of 128",
    ),
    "synthetic": Spec(
        name="synthetic",
        image_shape=(32, 32, 3),
        num_classes=10,
        train_size=2_048,
        test_size=500,
        validation_size=256,
        validation_source="an eighth of the training set",
    ),
    "cifar10": Spec(
        name="cifar10",
        image_shape=(32, 32, 3),
        num_classes=10,
        train_size=50_000,
        test_size=10_000,
        validation_size=5_000,
        validation_source="the 45k/5k split of He et al. 2015, section 4.2",
        version="3.0.2",
        remotes=(
            Remote(
                _TORONTO + "cifar-10-binary.tar.gz",
                170_052_171,
                "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            ),
        ),
    ),
    "cifar100": Spec(
        name="cifar100",
        image_shape=(32, 32, 3),
        num_classes=100,
        train_size=50_000,
        test_size=10_000,
        validation_size=5_000,
        validation_source="the 45k/5k split of He et al. 2015, section 4.2",
        version="3.0.2",
        remotes=(
            Remote(
                _TORONTO + "cifar-100-binary.tar.gz",
                168_513_733,
                "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
            ),
        ),
    ),
    "mnist": Spec(
        name="mnist",
        image_shape=(28, 28, 1),
        num_classes=10,
        train_size=60_000,
        test_size=10_000,
        validation_size=5_000,
        validation_source="as for CIFAR; no paper fixes it",
        version="3.0.1",
        remotes=(
            Remote(
                _MNIST + "train-images-idx3-ubyte.gz",
                9_912_422,
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            ),
            Remote(
                _MNIST + "train-labels-idx1-ubyte.gz",
                28_881,
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            ),
            Remote(
                _MNIST + "t10k-images-idx3-ubyte.gz",
                1_648_877,
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            ),
            Remote(
                _MNIST + "t10k-labels-idx1-ubyte.gz",
                4_542,
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            ),
        ),
    ),
    "fashion_mnist": Spec(
        name="fashion_mnist",
        image_shape=(28, 28, 1),
        num_classes=10,
        train_size=60_000,
        test_size=10_000,
        validation_size=5_000,
        validation_source="as for CIFAR; no paper fixes it",
        version="3.0.1",
        remotes=(
            Remote(
                _FASHION + "train-images-idx3-ubyte.gz",
                26_421_880,
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            ),
            Remote(
                _FASHION + "train-labels-idx1-ubyte.gz",
                29_515,
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            ),
            Remote(
                _FASHION + "t10k-images-idx3-ubyte.gz",
                4_422_102,
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            ),
            Remote(
                _FASHION + "t10k-labels-idx1-ubyte.gz",
                5_148,
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            ),
        ),
    ),
    "signs": Spec(
        name="signs",
        image_shape=(64, 64, 3),
        num_classes=6,
        train_size=1_080,
        test_size=120,
        validation_size=0,
        validation_source="the published runs train on all; 216 of its own were held out to choose",
        version="1.0.0",
    ),
}
