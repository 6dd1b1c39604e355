"""What a few layers in a row cost: counted, timed and weighed; nothing is trained.

    resinc measure --config=configs/chain.py:layers=1x1-16+5x5-32 --workdir=runs/chain

The default is the 5x5 convolution of Szegedy et al. 2014's inception module (3a) and its input,
taken without the 1x1 convolution before it: 120,422,400 multiply-adds an image, with the layers
above 12,443,648. Half a minute on 2 CPU cores.
"""

from ml_collections import ConfigDict

from configs import base


def get_config(arg: str | None = None) -> ConfigDict:
    args = base.parse_arg(arg, layers="5x5-32")
    config = ConfigDict()
    config.seed = 0  # Parameters and input follow from it.
    config.input = (28, 28, 192)  # h, w, c.
    # In order, joined by "+": KxK-C a convolution of K x K pixels to C channels with ReLU, stride
    # 1; poolK the maximum of K x K pixels, stride K.
    config.layers = args.layers
    # Layers timed in turn with `layers` in one process: what else the machine does slows both
    # alike, and their ratio holds. "": none.
    config.reference = ""
    config.batch_size = 32  # Images.
    config.repeats = 7  # Timings of each program; odd, so that the median is one of them.
    return config
