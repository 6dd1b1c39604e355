"""All layouts by name. To add one: its Layout, and its line here."""

import re

from resinc.errors import InputError
from resinc.weights import inceptions, keras_inceptions, resnets
from resinc.weights.files import Arrays
from resinc.weights.layout import Layout

OWN = Layout(
    about="our own paths, scanned blocks written out",
    model=lambda section: {},
    module=lambda path: path,
    dialect=None,
    marks=(r"params/.*",),
)

LAYOUTS: dict[str, Layout] = {
    "resinc": OWN,
    "torchvision-resnet": resnets.TORCHVISION,
    "cifar-resnet": resnets.CIFAR,
    "torchvision-googlenet": inceptions.GOOGLENET,
    "torchvision-inception_v3": inceptions.INCEPTION_V3,
    "torchvision-alexnet": inceptions.ALEXNET,
    "keras-resnet50": resnets.KERAS_RESNET50,
    "keras-inception_v3": keras_inceptions.KERAS_INCEPTION_V3,
    "keras-inception_resnet_v2": keras_inceptions.KERAS_INCEPTION_RESNET_V2,
}


def guess(arrays: Arrays) -> str:
    """The layout whose names these are.

    Raises:
      InputError: none, or more than one; lists the choices.
    """

    def has(pattern: str) -> bool:
        return any(re.fullmatch(pattern, name) for name in arrays)

    fitting = [
        name
        for name, layout in LAYOUTS.items()
        if all(map(has, layout.marks)) and not any(map(has, layout.absent))
    ]
    if len(fitting) == 1:
        return fitting[0]
    first = ", ".join(sorted(arrays)[:3])
    fit = f"fit {' and '.join(fitting)}" if fitting else "fit no layout"
    raise InputError(
        f"the names in the file ({first}, ...) {fit}: give --layout, one of {', '.join(LAYOUTS)}"
    )
