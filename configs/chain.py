"""What a few layers in a row cost: counted, timed and weighed; nothing is trained.

    resinc measure --config=configs/chain.py:layers=1x1-16+5x5-32 --workdir=runs/chain

The default is the 5x5 convolution of Szegedy et al. 2014's inception module (3a) and its input,
taken without the 1x1 convolution before it: 120,422,400 multiply-adds an image, with the layers
above 12,443,648. Half a minute on 2 CPU cores.
"""

from ml_collections import ConfigDict

from configs import base
from resinc.fields import TEXT, Each, Fields, Integer, filled

FIELDS: Fields = {
    "seed": (0, Integer(least=0, most=2**32 - 1)),  # Parameters and input follow from it.
    "input": ((28, 28, 192), Each(Integer(least=1), length=3)),  # h, w, c.
    # In order, joined by "+": KxK-C a convolution of K x K pixels to C channels with ReLU, stride
    # 1; poolK the maximum of K x K pixels, stride K.
    "layers": ("5x5-32", TEXT),
    # Layers timed in turn with `layers` in one process: what else the machine does slows both
    # alike, and their ratio holds. "": none.
    "reference": ("", TEXT),
    "batch_size": (32, Integer(least=1)),  # Images.
    "repeats": (7, Integer(least=1)),  # Timings of each program; odd: the median is one of them.
}


def get_config(arg: str | None = None) -> ConfigDict:
    config = filled(FIELDS)
    config.layers = base.parse_arg(arg, layers=config.layers).layers
    return config
