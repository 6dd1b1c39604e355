"""CIFAR-10 and CIFAR-100 by the protocol of He et al. 2015, section 4.2.

    resinc train --config=configs/cifar.py:depth=56,block=residual --workdir=runs/cifar10-56

64k steps of 128 images, learning rate 0.1 divided by 10 at 32k and 48k, weight decay 1e-4,
momentum 0.9, 4-pixel padding, random crop and flip. The paper reports (Table 6, test error of the
last step) 8.75 % for depth 20, 7.51 for 32, 7.17 for 44, 6.97 for 56 and 6.43 for 110.

`:network=NAME` takes any network of resinc.zoo instead, e.g. nin or inception-resnet-20.
"""

from ml_collections import ConfigDict

from configs import base


def get_config(arg: str | None = None) -> ConfigDict:
    args = base.parse_arg(arg, depth=20, block="residual", dataset="cifar10", network="")
    config = base.get_config()
    config.model.depth = args.depth
    config.model.block = args.block
    base.use_network(config, args.network)
    config.data.name = args.dataset
    config.data.augment = "crop_flip"
    if config.model.depth >= 110:
        # "we use 0.01 to warm up the training until the training error is below 80% (about 400
        # iterations)": 400 of 64,000 steps, scaled with `steps` like the rest of the schedule.
        config.schedule.warmup = 400 / 64_000
    return config
