"""The cost of a network as a table: per layer, block or stage."""

import csv as csv_lib
import dataclasses
import io
import sys

from rich.table import Table

from resinc import output
from resinc.cost.count import Cost, Layer
from resinc.networks.paths import GROUPS
from resinc.registry import lookup

HEADER = ("layer", "kind", "output shape", "parameters", "multiply-adds", "activations")


@dataclasses.dataclass(frozen=True)
class Row:
    """One line: a layer, or a block or stage with the sums of its layers.

    Attributes:
      kind: of a layer; of a group, how many layers with multiply-adds it has.
      shape: of the last output for one image, without the batch axis.
      multiply_adds: for one image.
      activations: outputs of convolutions and dense layers for one image.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    multiply_adds: int
    activations: int

    def plain(self) -> tuple[str | int, ...]:
        """Cells as a CSV file holds them."""
        shape = "x".join(map(str, self.shape))
        return self.name, self.kind, shape, self.parameters, self.multiply_adds, self.activations

    def cells(self) -> tuple[str, ...]:
        """Cells for reading."""
        return tuple(f"{c:,}" if isinstance(c, int) else c for c in self.plain())


def table(cost: Cost, by: str = "layer") -> list[Row]:
    """Rows in the order in which the network computes; they sum to the totals of `cost`.

    Args:
      by: "layer", "block" or "stage".

    Raises:
      InputError: another `by`.
    """
    group = lookup(GROUPS, by, "grouping")
    groups: dict[str, list[Layer]] = {}
    for layer in cost.layers:
        groups.setdefault(group(layer.path), []).append(layer)
    return [
        Row(
            name=name,
            kind=_layer_kind(layers[0]) if by == "layer" else _group_kind(layers),
            shape=layers[-1].shape,
            parameters=sum(layer.parameters for layer in layers),
            multiply_adds=sum(layer.multiply_adds for layer in layers),
            activations=sum(layer.activations for layer in layers),
        )
        for name, layers in groups.items()
    ]


def _layer_kind(layer: Layer) -> str:
    return layer.kind if layer.calls <= 1 else f"{layer.kind} (applied {layer.calls} times)"


def _group_kind(layers: list[Layer]) -> str:
    kinds = [layer.kind for layer in layers if layer.multiply_adds]
    return ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))


def totals(cost: Cost) -> str:
    """e.g. "weighted depth 20, 269,722 parameters (0.27 M), 40,551,040 multiply-adds (40.6 M)"."""
    what = ("parameters", "multiply-adds", "activations per image")
    parts = [
        f"{number:,} {name} ({_millions(number)})"
        for number, name in zip(_totals(cost), what, strict=True)
    ]
    return ", ".join([f"weighted depth {cost.depth}", *parts])


def _totals(cost: Cost) -> tuple[int, int, int]:
    return cost.parameters, cost.multiply_adds, cost.activations


def _millions(number: int) -> str:
    return f"{number / 1e6:.2f} M" if number < 1e6 else f"{number / 1e6:,.1f} M"


def as_text(cost: Cost, by: str = "layer") -> str:
    """The table as lines of aligned plain text, totals last."""
    lines = [HEADER, *(row.cells() for row in table(cost, by))]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = []
    for line in lines:
        left = [cell.ljust(width) for cell, width in zip(line[:2], widths[:2], strict=True)]
        right = [cell.rjust(width) for cell, width in zip(line[2:], widths[2:], strict=True)]
        text.append("  ".join(left + right))
    return "\n".join([*text, "", totals(cost)]) + "\n"


def as_csv(cost: Cost, by: str = "layer") -> str:
    """Header, rows, and a last row "total" whose kind is the weighted depth; numbers plain."""
    out = io.StringIO()
    writer = csv_lib.writer(out, lineterminator="\n")
    writer.writerow(HEADER)
    for row in table(cost, by):
        writer.writerow(row.plain())
    writer.writerow(("total", f"depth {cost.depth}", "", *_totals(cost)))
    return out.getvalue()


def print_summary(cost: Cost, by: str = "layer", csv: bool = False) -> None:
    """Write the table to stdout: CSV if asked, drawn on a terminal, plain text into a pipe."""
    if csv:
        sys.stdout.write(as_csv(cost, by))
    elif sys.stdout.isatty():
        drawn = Table()
        for i, name in enumerate(HEADER):
            drawn.add_column(name, justify="left" if i < 2 else "right", no_wrap=i != 1)
        for row in table(cost, by):
            drawn.add_row(*row.cells())
        output.console().print(drawn, soft_wrap=False)
        print(totals(cost))
    else:
        sys.stdout.write(as_text(cost, by))
