"""A small set of flowers, prepared as TFDS does, without TensorFlow."""

import io

import numpy as np

from tests.data.pictures import encode

LABELS = {"train": [0, 1, 1, 0, 1, 0, 0], "test": [1, 0, 1]}


def prepare(directory, labels=LABELS):
    """DIRECTORY/flowers/1.2.10; each image has a colour of its own."""
    import tensorflow_datasets as tfds

    class Flowers(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        name = "flowers"
        VERSION = tfds.core.Version("1.2.10")

        def _info(self):
            label = tfds.features.ClassLabel(names=["rose", "tulip"])
            features = {"image": tfds.features.Image(shape=(None, None, 3)), "label": label}
            return tfds.core.DatasetInfo(
                builder=self,
                description="A few flowers.",
                features=tfds.features.FeaturesDict(features),
            )

        def _split_generators(self, dl_manager):
            return {split: self._generate_examples(split) for split in labels}

        def _generate_examples(self, split):
            for key, label in enumerate(labels[split]):
                colour = (30 * key, 200 * abs(label), 100 * (split == "test"))
                pixels = np.full((40, 50, 3), colour, np.uint8)
                yield key, {"image": io.BytesIO(encode(pixels)), "label": label}

    tfds.disable_progress_bar()
    Flowers(data_dir=str(directory)).download_and_prepare(file_format="array_record")
    return directory
