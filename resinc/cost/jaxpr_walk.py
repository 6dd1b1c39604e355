"""Follow the values of a jaxpr from parameters and input to output.

Two facts are kept per value. One is the parameters it was made from, if it does not depend on the
input: where such a value meets the input, a layer is at work, and the parameter's path names it.
(The name stack would not do: `nn.remat` and `nn.scan` put other names on it.) The other is the
number of weighted layers on the longest way to it from the input: at the output, that is the depth.
A scan is walked once per iteration, so that scanned and unrolled networks look the same.
"""

import math
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from resinc.networks import paths


class Value(NamedTuple):
    """What is known of one variable.

    Attributes:
      depth: weighted layers on the longest way from the input; -1 if it does not depend on it.
      leaves: paths of the parameters it was made from, empty once the input is mixed in.
    """

    depth: int = -1
    leaves: tuple[str, ...] = ()


class Event(NamedTuple):
    """A parameter (None: nothing trained) met the input; `padding`: multiply-adds with zeros."""

    leaf: str | None
    kind: str
    multiply_adds: int
    padding: int
    shape: tuple[int, ...]


def walk(
    jaxpr: Any, inputs: Iterable[Value], sizes: dict[str, int]
) -> tuple[list[Value], list[Event]]:
    known: dict[Any, Value] = dict(zip(jaxpr.invars, inputs, strict=True))
    events: list[Event] = []

    def read(variable: Any) -> Value:
        # A literal is unhashable in some versions; like a constant it is neither data nor weight.
        return Value() if hasattr(variable, "val") else known.get(variable, Value())

    for equation in jaxpr.eqns:
        outputs, more = _apply(equation, [read(v) for v in equation.invars], sizes)
        events += more
        known.update(zip(equation.outvars, outputs, strict=True))
    return [read(variable) for variable in jaxpr.outvars], events


def _apply(
    equation: Any, inputs: list[Value], sizes: dict[str, int]
) -> tuple[list[Value], list[Event]]:
    name = equation.primitive.name
    if name == "scan":
        return _scan(equation, inputs, sizes)
    bodies = list(_bodies(equation))
    if name == "cond":
        walked = [walk(body, inputs[1:], sizes) for body in bodies]
        return max(walked, key=lambda branch: sum(e.multiply_adds for e in branch[1]))
    if len(bodies) == 1 and len(bodies[0].invars) == len(inputs):
        return walk(bodies[0], inputs, sizes)
    if any(_multiplies(body) for body in bodies):
        raise ValueError(f"multiply-adds inside {name!r} cannot be counted: runs unknown times")
    return _primitive(equation, inputs, sizes)


def _bodies(equation: Any) -> Iterator[Any]:
    """Jaxprs that an equation calls: jit, remat, custom gradients, branches, loops."""
    for value in equation.params.values():
        for item in value if isinstance(value, tuple | list) else (value,):
            item = getattr(item, "jaxpr", item)
            if hasattr(item, "eqns"):
                yield item


def _multiplies(jaxpr: Any) -> bool:
    return any(
        equation.primitive.name in _COUNTS or any(map(_multiplies, _bodies(equation)))
        for equation in jaxpr.eqns
    )


def _scan(
    equation: Any, inputs: list[Value], sizes: dict[str, int]
) -> tuple[list[Value], list[Event]]:
    (body,) = _bodies(equation)
    # Read off the shapes, because the parameters that count them differ between versions of JAX:
    # inputs are constants, carry, slices; outputs are carry, slices.
    slices = sum(
        inner.aval.shape != outer.aval.shape
        for inner, outer in zip(body.invars, equation.invars, strict=True)
    )
    carried = sum(
        inner.aval.shape == outer.aval.shape
        for inner, outer in zip(body.outvars, equation.outvars, strict=True)
    )
    first = len(inputs) - slices
    fixed, carry = inputs[: first - carried], inputs[first - carried : first]
    collected: list[Value] = [Value()] * (len(body.outvars) - carried)
    events: list[Event] = []
    steps = range(equation.params["length"])
    for step in reversed(steps) if equation.params["reverse"] else steps:
        sliced = [
            value._replace(leaves=tuple(paths.stacked_name(path, step) for path in value.leaves))
            for value in inputs[first:]
        ]
        outputs, more = walk(body, fixed + carry + sliced, sizes)
        events += more
        carry = outputs[:carried]
        collected = [
            Value(max(old.depth, new.depth), new.leaves)
            for old, new in zip(collected, outputs[carried:], strict=True)
        ]
    return carry + collected, events


def _primitive(
    equation: Any, inputs: list[Value], sizes: dict[str, int]
) -> tuple[list[Value], list[Event]]:
    depth = max((value.depth for value in inputs), default=-1)
    leaves = tuple(dict.fromkeys(leaf for value in inputs for leaf in value.leaves))
    shape = equation.outvars[0].aval.shape[1:] if equation.outvars else ()
    events = []
    name = equation.primitive.name
    if name in _COUNTS:
        kind, count = _COUNTS[name]
        # A kernel may be made from several arrays (weight normalisation): the largest names it.
        owner = max(leaves, key=lambda leaf: sizes.get(leaf, 0), default=None)
        events.append(Event(owner, kind, *count(equation), shape))
        depth += depth >= 0 and owner is not None
    elif depth >= 0:
        events = [Event(leaf, "", 0, 0, shape) for leaf in leaves]
    result = Value(depth, leaves if depth < 0 else ())
    return [result] * len(equation.outvars), events


def _conv(equation: Any) -> tuple[int, int]:
    """(output elements x kernel pixels x input channels of a group, of which with the padding)."""
    numbers, params = equation.params["dimension_numbers"], equation.params
    image, kernel, out = (v.aval.shape for v in (*equation.invars[:2], equation.outvars[0]))
    total = math.prod(out) * math.prod(kernel) // kernel[numbers.rhs_spec[0]]
    part = 1.0
    for i, (low, _) in enumerate(params["padding"]):
        size = image[numbers.lhs_spec[2 + i]]
        starts = [
            at * params["window_strides"][i] - low for at in range(out[numbers.out_spec[2 + i]])
        ]
        steps = [at * params["rhs_dilation"][i] for at in range(kernel[numbers.rhs_spec[2 + i]])]
        inside = sum(0 <= start + step < size for start in starts for step in steps)
        part *= inside / (len(starts) * len(steps))
    return total, total - round(total * part)


def _dot(equation: Any) -> tuple[int, int]:
    (contracted, _), _ = equation.params["dimension_numbers"]
    shape = equation.invars[0].aval.shape
    return equation.outvars[0].aval.size * math.prod(shape[axis] for axis in contracted), 0


_COUNTS = {"conv_general_dilated": ("conv", _conv), "dot_general": ("dense", _dot)}
