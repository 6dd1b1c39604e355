"""What a layout is: how another framework names and turns the weights of one of our networks."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from resinc.errors import InputError
from resinc.weights.files import Arrays
from resinc.weights.variables import Flat


class Dialect(NamedTuple):
    """How a framework writes what every layer has.

    Attributes:
      separator: between a layer's name and its variable's.
      variables: our leaf -> its name. "norm_bias" is the bias of a norm.
      axes: of a kernel, by rank: theirs[axes] is ours (`numpy.transpose`).
    """

    separator: str
    variables: Mapping[str, str]
    axes: Mapping[int, tuple[int, ...]]


# Ours: [h, w, in, out] and [in, out].
TORCH = Dialect(
    separator=".",
    variables={
        "kernel": "weight",
        "bias": "bias",
        "scale": "weight",
        "norm_bias": "bias",
        "mean": "running_mean",
        "var": "running_var",
    },
    axes={4: (2, 3, 1, 0), 2: (1, 0)},
)
KERAS = Dialect(
    separator="/",
    variables={
        "kernel": "kernel",
        "bias": "bias",
        "scale": "gamma",
        "norm_bias": "beta",
        "mean": "moving_mean",
        "var": "moving_variance",
    },
    axes={},
)


def _as_it_is(arrays: Arrays, like: Flat) -> Arrays:
    del like
    return arrays


def _no_other_names(arrays: Arrays) -> dict[str, str]:
    del arrays
    return {}


def keras_head(arrays: Arrays) -> dict[str, str]:
    """Names of the only dense layer -> those of the head: whoever puts one on a base names it."""
    dense = [name for name, array in arrays.items() if name.endswith("/kernel") and array.ndim == 2]
    if len(dense) != 1:
        return {}
    layer = dense[0].removesuffix("/kernel")
    return {f"{layer}/{variable}": f"predictions/{variable}" for variable in ("kernel", "bias")}


class Layout(NamedTuple):
    """The names of one family of networks in one framework.

    Attributes:
      about: where these names are from.
      model: (config.model) -> field -> the values under which the network computes the same. Names
        and shapes alone cannot tell: the stride of a bottleneck leaves no trace in them.
      module: path of one of our modules -> their layer's name; None: they have no such layer.
      dialect: None: names and values are our own.
      marks: names that a file of this layout has, as regular expressions.
      normalize: the `config.data.normalize` under which its published weights were trained; "": not
        known.
      absent: names that it has not, where others have the same marks.
      flattened: path of a dense layer -> channels of the feature map that it gets flattened:
        PyTorch flattens [c, h, w], we [h, w, c].
      rename: (arrays) -> name in the file -> name as `module` has it, where names vary from file to
        file.
      prepare: (renamed arrays, our variables) -> arrays, for what is not a matter of names.
    """

    about: str
    model: Callable[[Any], Mapping[str, tuple[Any, ...]]]
    module: Callable[[str], str | None]
    dialect: Dialect | None
    marks: tuple[str, ...]
    normalize: str = ""
    absent: tuple[str, ...] = ()
    flattened: Mapping[str, int] = {}
    rename: Callable[[Arrays], Mapping[str, str]] = _no_other_names
    prepare: Callable[[Arrays, Flat], Arrays] = _as_it_is

    def name(self, path: str, ours: Flat) -> str | None:
        """Their name of our array at `path`, one of `ours`; None: they have none."""
        if self.dialect is None:
            return path
        module, _, leaf = path.partition("/")[2].rpartition("/")
        layer = self.module(module)
        if leaf == "bias" and f"params/{module}/kernel" not in ours:
            leaf = "norm_bias"
        variable = self.dialect.variables.get(leaf)
        if layer is None or variable is None:
            return None
        return f"{layer}{self.dialect.separator}{variable}"

    def axes(self, rank: int) -> tuple[int, ...]:
        """theirs[axes] is ours."""
        return (self.dialect.axes if self.dialect else {}).get(rank, tuple(range(rank)))


# What a network of any other framework has: shortcut and branch are added as they are.
PLAIN_SUM: Mapping[str, tuple[Any, ...]] = {
    "norm": ("batch",),
    "padding": ("zero",),
    "merge": ("add",),
    "branch_scale": (1.0,),
    "shortcut_scale": (1.0,),
    "learned_scale": (False,),
}


def check_model(name: str, layout: Layout, section: Any) -> None:
    """Check that a layout's weights mean in a `config.model` section what they mean elsewhere.

    Raises:
      InputError: a field under which the same weights compute something else.
    """
    for field, values in layout.model(section).items():
        if section[field] not in values:
            allowed = " or ".join(repr(value) for value in values)
            raise InputError(
                f"layout {name!r} is of networks with model.{field} {allowed}, "
                f"not {section[field]!r}"
            )
