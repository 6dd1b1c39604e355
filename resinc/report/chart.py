"""What a figure shows, as data; drawn by `figure`."""

from collections.abc import Sequence
from typing import NamedTuple

# Widths of lines in points.
THIN, NORMAL, BOLD = 1.0, 1.8, 2.4


class Line(NamedTuple):
    """Points that belong together.

    Attributes:
      label: its name in the legend; "" keeps it out.
      colour: "#rrggbb".
      x: of the points; may be empty, which leaves an entry of the legend alone.
      y: likewise.
      spread: ± at every point (standard deviation over seeds), in y's unit; in a panel with
        `names`, in x's.
      dots: (x, y) of single runs, drawn faint.
      width: points; 0 draws the markers alone.
      marker: "", "filled", "hollow" or "cross".
      dashed: e.g. of what was published.
    """

    label: str
    colour: str
    x: Sequence[float] = ()
    y: Sequence[float] = ()
    spread: Sequence[float] = ()
    dots: Sequence[tuple[float, float]] = ()
    width: float = NORMAL
    marker: str = ""
    dashed: bool = False


class Grid(NamedTuple):
    """A heat map: one number for each pair of an x and a y.

    Attributes:
      what: the number is, with the unit.
      x: names of the columns, left to right.
      y: names of the rows, from the bottom.
      values: [row][column]; None: there is no number yet.
      scale: numbers at the ends of the colours; the same in panels that are compared.
      crossed: (row, column) of tiles that are marked with a cross.
    """

    what: str
    x: Sequence[str]
    y: Sequence[str]
    values: Sequence[Sequence[float | None]]
    scale: tuple[float, float]
    crossed: Sequence[tuple[int, int]] = ()


# How every heat map is drawn.
GRID_CAPTION = (
    "Maps: mean over seeds; a cross where a run diverged, which counts as chance; a ring where no "
    "run has ended."
)


class Panel(NamedTuple):
    """One pair of axes.

    Attributes:
      title: above it.
      x: name of the axis, with the unit.
      y: likewise.
      lines: in the order of the legend.
      log_x: decades instead of units.
      log_y: likewise.
      x_ticks: where the numbers stand; empty: chosen.
      y_range: lowest and highest; None: what the lines need.
      names: makes it a dot plot: row i from the top is called names[i], and a line gives x = value,
        y = number of the row.
      note: said in the middle of an empty panel.
      grid: makes it a heat map, without lines.
    """

    title: str
    x: str
    y: str
    lines: Sequence[Line] = ()
    log_x: bool = False
    log_y: bool = False
    x_ticks: Sequence[float] = ()
    y_range: tuple[float, float] | None = None
    names: Sequence[str] = ()
    note: str = "no run is done yet"
    grid: Grid | None = None

    @property
    def empty(self) -> bool:
        """Whether there is nothing to see."""
        known = [value for row in self.grid.values for value in row] if self.grid else []
        if any(value is not None for value in known):
            return False
        return not any(len(line.x) or line.dots for line in self.lines)

    def without_empty_rows(self) -> "Panel":
        """Of a dot plot: leave out the names for which there is nothing to see, if not all."""
        seen = {y for line in self.lines for y in (*line.y, *(y for _, y in line.dots))}
        missing = [row for row in range(len(self.names)) if row not in seen]
        if len(missing) in (0, len(self.names)):
            return self

        def up(y: float) -> float:  # Also of what stands between rows.
            return y - sum(row < y for row in missing)

        lines = [
            line._replace(y=[*map(up, line.y)], dots=[(x, up(y)) for x, y in line.dots])
            for line in self.lines
        ]
        names = [name for row, name in enumerate(self.names) if row not in missing]
        return self._replace(lines=lines, names=names)
