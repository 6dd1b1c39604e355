"""MNIST and Fashion-MNIST: 28x28 grey images, one tenth of the CIFAR schedule.

resinc train --config=configs/mnist.py:dataset=fashion_mnist,depth=20 --workdir=runs/fashion-20
"""

from ml_collections import ConfigDict

from configs import base


def get_config(arg: str | None = None) -> ConfigDict:
    args = base.parse_arg(arg, depth=20, block="residual", dataset="mnist")
    config = base.get_config()
    config.steps = 6_400
    config.model.depth = args.depth
    config.model.block = args.block
    config.data.name = args.dataset
    config.data.augment = "crop"  # A mirrored digit or left shoe is another thing: no flip.
    config.data.crop_pad = 2
    config.eval_every_steps = 500
    config.checkpoint_every_steps = 500
    return config
