"""ResNet as one writes it in Keras on JAX: functional, `compile`, `train_on_batch`; no flags."""

from collections.abc import Callable
from typing import Any

import jax
import keras
from keras import layers

from experiments.benchmarks.ours import configuration
from resinc.data import DATASETS
from resinc.networks.cifar import blocks_per_stage


def resnet(n: int, classes: int, image_shape: tuple[int, int, int], width: int = 16) -> Any:
    """He et al. 2015, section 4.2, option A: [b, h, w, c] -> logits [b, k]."""

    def unit(x: Any, features: int, stride: int = 1) -> Any:
        conv = layers.Conv2D(features, 3, stride, padding="same", use_bias=False)
        return layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(conv(x))

    images = keras.Input(image_shape)
    x = layers.ReLU()(unit(images, width))
    for i in range(3):
        features = width * 2**i
        for j in range(n):
            stride = 2 if i and not j else 1
            y = unit(layers.ReLU()(unit(x, features, stride)), features)
            if stride == 2:
                extra = features - x.shape[-1]
                pads = ((0, 0), (0, 0), (0, 0), (extra // 2, extra - extra // 2))
                x = keras.ops.pad(x[:, ::2, ::2], pads)
            x = layers.ReLU()(y + x)
    return keras.Model(images, layers.Dense(classes)(layers.GlobalAveragePooling2D()(x)))


def network(config: Any) -> Any:
    spec = DATASETS[config.data.name]
    n = blocks_per_stage(config.model.depth)
    return resnet(n, spec.num_classes, spec.image_shape, config.model.width)


def prepare(
    recipe: str, evaluating: bool = False, **fields: Any
) -> tuple[Callable[[], None], dict[str, Any]]:
    """As `ours.prepare`. Keras fetches the loss, and the accuracy of an evaluation, itself."""
    config = configuration(recipe, **fields)
    spec = DATASETS[config.data.name]
    model = network(config)
    section = config.optimizer
    model.compile(
        # Its weight decay does not pass through the momentum: as many operations, other numbers.
        keras.optimizers.SGD(
            section.lr, momentum=section.momentum, weight_decay=section.weight_decay
        ),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"] if evaluating else [],
        jit_compile=True,
    )
    x = jax.random.normal(jax.random.key(0), (config.batch_size, *spec.image_shape))
    labels = jax.random.randint(jax.random.key(1), (config.batch_size,), 0, spec.num_classes)
    run = model.test_on_batch if evaluating else model.train_on_batch
    about = {"parameters": sum(weight.value.size for weight in model.trainable_weights)}
    return lambda: run(x, labels), about
