"""Inception, residual, or both? Szegedy et al. 2016 (Inception-ResNet), at equal cost, over depth.

The module of `inception.py` with and without a shortcut around it, beside plain and residual blocks
of equally many multiply-adds and equal depth.
"""

import statistics
from collections.abc import Iterator, Sequence

from experiments.depth import BLOCK, DEPTH, RECIPES, caveats, dataset_of, shared_fields
from experiments.inception import advantage, chosen, errors_on_test, multiply_adds
from resinc.errors import InputError
from resinc.launch.sweep import Cell
from resinc.registry import lookup
from resinc.report import Panel, Report, Row, Table
from resinc.report.arms import settled
from resinc.report.figure import colours
from resinc.report.panels import finals, over_seeds
from resinc.report.statistics import judge
from resinc.report.table import ERROR_HEADER, error_cells

NAMES = {
    "plain": "plain",
    "residual": "residual",
    "inception": "inception",
    "inception_residual": "inception and residual",
}
PARTS, BOTH = ("residual", "inception"), "inception_residual"
# Depth -> width of inception blocks, found by search: multiply-adds as near as may be to those of
# plain and residual blocks of width 16.
WIDTHS = {8: 37, 20: 40, 56: 41}
PLAIN_WIDTH = 16

MARGIN = 0.5  # Percentage points.
CLAIM = "Inception modules with shortcuts around them beat either idea alone at equal cost."
RULE = (
    "At the greatest depth of which all are finished, the combination is compared with the better "
    "(lowest mean validation error) of residual and inception blocks, by test error at the last "
    "step. The claim is supported if the whole 95 % interval (Welch, over seeds) of the better one "
    f"minus the combination is above {MARGIN:g} percentage points, refuted if it is below, "
    "undecided else."
)
CAPTION = (
    "Error at the last step against depth, mean ± standard deviation over seeds; faint dots are "
    "the single runs. At each depth all networks have the same multiply-adds, within 5 %."
)


def sweep(
    dataset: str = "digits",
    depths: tuple[int, ...] = tuple(WIDTHS),
    seeds: int = 3,
    steps: int = 0,
) -> Iterator[Cell]:
    """Yield the cells, the deepest and so longest first.

    Args:
      dataset: a key of `depth.RECIPES`.
      depths: keys of WIDTHS.
      seeds: how many, from 0.
      steps: optimizer updates; 0 keeps the recipe's. The schedule scales with it.

    Raises:
      InputError: an unknown dataset, a depth without a width of equal cost, or nothing to run.
    """
    _, recipe, path, args = lookup(RECIPES, dataset, "dataset")
    unknown = sorted(set(depths) - WIDTHS.keys())
    if unknown or not depths:
        raise InputError(
            f"depths {depths} must be some of {', '.join(map(str, WIDTHS))}: for these there are "
            "widths of equal cost"
        )
    shared = shared_fields(recipe, seeds, steps)
    for depth in sorted(set(depths), reverse=True):
        for block in reversed(NAMES):
            for seed in range(seeds):
                overrides = {"seed": seed, "model.width": width(block, depth)}
                yield Cell(path, {"depth": depth, "block": block, **args}, overrides, shared)


def width(block: str, depth: int) -> int:
    """Channels of the stem."""
    return WIDTHS[depth] if block.startswith("inception") else PLAIN_WIDTH


def report(rows: Sequence[Row]) -> Report:
    """The figure, the table and the verdict; works on partial results.

    Raises:
      InputError: `rows` are not of this experiment.
    """
    known = [row for row in rows if row.config.get(BLOCK) in NAMES and DEPTH in row.config]
    if not known:
        raise InputError("none of the runs says its model.block and model.depth: nothing to report")
    dataset, title = dataset_of(known[0])
    deepest = compared(known)
    part = chosen(deepest, PARTS)
    gain = advantage(deepest, part, BOTH)
    return Report(
        title=f"Inception, residual or both on {title}",
        number=9,
        part=1,
        claim=CLAIM,
        verdict=settled(judge(gain, MARGIN), rows),
        answer=answer(deepest),
        panels=show(known),
        table=table(known),
        caption=CAPTION,
        notes=[*notes(known), *caveats(rows, dataset)],
        method=[("Verdict", RULE)],
    )


def compared(rows: Sequence[Row]) -> list[Row]:
    """The runs of the greatest depth of which two seeds of both parts and of both are done."""
    for depth in sorted({row.config[DEPTH] for row in rows}, reverse=True):
        group = [row for row in rows if row.config[DEPTH] == depth]
        if chosen(group, (*PARTS, BOTH)):
            return group
    return []


def answer(rows: Sequence[Row]) -> str:
    """What was seen at the depth compared, in one sentence."""
    if not rows:
        return "Too few runs are done to compare inception, residual and their combination."
    means = {block: errors_on_test(rows, block) for block in NAMES}
    said = [f"{NAMES[b]} {statistics.fmean(e):.1f} %" for b, e in means.items() if e]
    depth = rows[0].config[DEPTH]
    return f"Test error at {depth} layers and equal multiply-adds: {', '.join(said)}."


def notes(rows: Sequence[Row]) -> list[str]:
    """At every depth, what each part gains from the other."""
    out = []
    for depth in sorted({row.config[DEPTH] for row in rows}):
        group = [row for row in rows if row.config[DEPTH] == depth]
        for block in PARTS:
            change = advantage(group, block, BOTH)
            if change:
                out.append(
                    f"{depth} layers, {NAMES[block]} minus combination, test error: "
                    f"{change.text(' points')}."
                )
    return out


def show(rows: Sequence[Row]) -> list[Panel]:
    """Training and test error over depth."""
    palette = colours(range(len(NAMES)))
    depths = sorted({row.config[DEPTH] for row in rows})
    panels = []
    for split, title in (("train", "training error"), ("test", "test error")):
        lines = []
        for i, (block, name) in enumerate(NAMES.items()):
            found = finals([row for row in rows if row.config[BLOCK] == block], split, DEPTH)
            percents = {depth: [100 * e for e in errors] for depth, errors in found.items()}
            lines.append(over_seeds(name, palette[i], percents))
        panels.append(Panel(title, "depth (weighted layers)", "error (%)", lines, x_ticks=depths))
    return panels


def table(rows: Sequence[Row]) -> Table:
    """One line per block and depth: mean ± std over the finished seeds."""
    header = ["block", "depth", "width", "multiply-adds", *ERROR_HEADER]
    lines = []
    for block, name in NAMES.items():
        for depth in sorted({row.config[DEPTH] for row in rows if row.config[BLOCK] == block}):
            group = [r for r in rows if (r.config[BLOCK], r.config[DEPTH]) == (block, depth)]
            widths = "/".join(sorted({str(row.config.get("model.width", "–")) for row in group}))
            costs = multiply_adds(group)
            lines.append([name, str(depth), widths, costs, *error_cells(group)])
    caption = "At the last step; mean ± sample standard deviation over the finished seeds."
    return Table(header, lines, numeric=len(header) - 1, caption=caption)
