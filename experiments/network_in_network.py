"""What do 1x1 convolutions, pooling and global average pooling do? Lin et al. 2013.

Network in Network against the same network without its 1x1 convolutions, as it is and widened to
equal parameters and to equal multiply-adds; and against a fully connected head. Besides, what a 1x1
convolution and a pooling change: shapes, multiply-adds and time of a 3x3 convolution behind them.

BatchNorm in all of them, and on the digits no dropout: in 120 steps the authors' network learns too
little without the one (24 % training error at width 48, one seed) and with the other (36 % at their
rate of 0.5; 0.3 % as it is here).
"""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from configs import cifar, digits
from experiments.depth import shared_fields
from experiments.multiplications import factor, formula, platform
from resinc.errors import InputError
from resinc.launch.sweep import Cell
from resinc.registry import lookup
from resinc.report import Panel, Report, Row, Table
from resinc.report.arms import last_errors, settled
from resinc.report.figure import INK, colours
from resinc.report.panels import dots
from resinc.report.statistics import Difference, Verdict, difference, judge
from resinc.report.table import ERROR_HEADER, error_cells


class Recipe(NamedTuple):
    """A data set.

    Attributes:
      title: its name in print.
      path: of the recipe.
      module: of the recipe.
      args: what it takes besides the network.
      shared: fields of every network.
      widths: of the networks of VARIANTS, in that order; a test counts them.
    """

    title: str
    path: str
    module: Any
    args: dict[str, str]
    shared: dict[str, Any]
    widths: tuple[int, ...]


NIN, BARE, PARAMETERS, MULTIPLY_ADDS, DENSE = VARIANTS = (
    "Network in Network",
    "without 1x1",
    "without 1x1, equal parameters",
    "without 1x1, equal multiply-adds",
    "dense head, equal parameters",
)
# Variant -> (model.variant, model.head).
FIELDS = {
    NIN: ("mlpconv", "mean"),
    BARE: ("conv", "mean"),
    PARAMETERS: ("conv", "mean"),
    MULTIPLY_ADDS: ("conv", "mean"),
    DENSE: ("mlpconv", "dense"),
}
RECIPES = {
    "digits": Recipe(
        "scikit-learn's digits",
        "configs/digits.py",
        digits,
        {},
        {"model.norm": "batch", "model.dropout": 0.0},
        (32, 32, 43, 42, 31),
    ),
    "cifar10": Recipe(
        "CIFAR-10",
        "configs/cifar.py",
        cifar,
        {"dataset": "cifar10"},
        {"model.norm": "batch"},
        (192, 192, 273, 257, 177),
    ),
}
# What is timed on 28x28x192, relative to the last one alone.
FOLLOWING = "3x3-64"
CHAINS = ("1x1-32", "pool2", f"1x1-32+{FOLLOWING}", f"pool2+{FOLLOWING}")

CLAIM = (
    "1x1 convolutions (Network in Network) and global average pooling do better than wider plain "
    "convolutions and a fully connected head at equal cost."
)
RULE = (
    "Test error at the last step, over seeds, of three networks minus that of Network in Network: "
    "without 1x1 convolutions but as many parameters; without them but as many multiply-adds; with "
    "a fully connected head but as many parameters (each within 5 %). The claim is supported if "
    "all three 95 % intervals (Welch, not corrected for being three) lie above zero, refuted if "
    "one lies below."
)
CAPTION = (
    "Left: error at the last step, mean ± standard deviation over seeds; faint dots are the single "
    "runs. Middle: cost relative to Network in Network. Right: multiply-adds and time of layers on "
    f"28x28x192, relative to a {FOLLOWING} convolution on it, with that convolution and without."
)


def sweep(dataset: str = "digits", seeds: int = 5, steps: int = 0) -> Iterator[Cell]:
    """Yield the training runs, then the measurements, the longest first.

    Args:
      dataset: a key of RECIPES.
      seeds: of the training runs, from 0; of the measurements three at most.
      steps: optimizer updates; 0 keeps the recipe's.

    Raises:
      InputError: an unknown dataset, or nothing to run.
    """
    recipe = lookup(RECIPES, dataset, "dataset")
    shared = recipe.shared | shared_fields(recipe.module, seeds, steps)
    for seed in range(seeds):
        for variant, width in zip(VARIANTS, recipe.widths, strict=True):
            form, head = FIELDS[variant]
            fields = {"model.variant": form, "model.head": head, "model.width": width}
            args = {"network": "nin", **recipe.args}
            yield Cell(recipe.path, args, {"seed": seed, **fields}, shared)
    timed = {"reference": FOLLOWING, "batch_size": 8}
    for layers in CHAINS[::-1]:
        for seed in range(min(seeds, 3)):
            chain = {"layers": layers}
            yield Cell("configs/chain.py", chain, {"seed": seed}, timed, task="measure")


def report(rows: Sequence[Row]) -> Report:
    """The figure, the table and the verdict; works on partial results.

    Raises:
      InputError: `rows` are not of this experiment.
    """
    nets = [row for row in rows if row.config.get("model.name") == "nin"]
    if not nets:
        raise InputError("none of the runs is of a Network in Network: nothing to report")
    recipe = lookup(RECIPES, nets[0].config.get("data.name", ""), "dataset")
    runs = {variant: of(nets, recipe, variant) for variant in VARIANTS}
    chains = {
        layers: [
            row
            for row in rows
            if row.done and row.config.get("layers") == layers and "time" in row.measurements
        ]
        for layers in CHAINS
    }
    found = {variant: gain(runs, variant) for variant in (PARAMETERS, MULTIPLY_ADDS, DENSE)}
    return Report(
        title=f"1x1 convolutions and global average pooling on {recipe.title}",
        number=7,
        claim=CLAIM,
        verdict=settled(decide(found), rows),
        answer=answer(runs, chains, found, recipe),
        panels=show(runs, chains),
        table=table(runs),
        caption=CAPTION,
        notes=notes(rows, chains, found),
        method=[("Verdict", RULE)],
    )


def of(rows: Sequence[Row], recipe: Recipe, variant: str) -> list[Row]:
    """The rows of one variant, whatever their state."""
    width = recipe.widths[VARIANTS.index(variant)]
    wanted = (*FIELDS[variant], width)
    fields = ("model.variant", "model.head", "model.width")
    return [row for row in rows if tuple(row.config.get(field) for field in fields) == wanted]


def gain(runs: Mapping[str, Sequence[Row]], variant: str) -> Difference | None:
    """Points of test error that a variant has more than Network in Network."""
    return difference(last_errors(runs[variant], "test"), last_errors(runs[NIN], "test"))


def decide(found: Mapping[str, Difference | None]) -> Verdict:
    """By RULE."""
    verdicts = {judge(change, 0.0) for change in found.values()}
    if Verdict.REFUTED in verdicts:
        return Verdict.REFUTED
    return verdicts.pop() if len(verdicts) == 1 else Verdict.UNDECIDED


def answer(
    runs: Mapping[str, Sequence[Row]],
    chains: Mapping[str, Sequence[Row]],
    found: Mapping[str, Difference | None],
    recipe: Recipe,
) -> str:
    """What was seen, in one sentence."""
    tests = {variant: last_errors(rows, "test") for variant, rows in runs.items()}
    if not tests[NIN]:
        return f"No Network in Network has finished on {recipe.title} yet."
    parts = [f"{NIN} ends at {statistics.fmean(tests[NIN]):.2f} % test error"]
    for variant, change in found.items():
        if change:
            how = {
                Verdict.SUPPORTED: "worse",
                Verdict.REFUTED: "better",
                Verdict.UNDECIDED: "not told apart",
            }[judge(change, 0.0)]
            parts.append(f"{variant}: {statistics.fmean(tests[variant]):.2f} % ({how})")
    said = f"On {recipe.title} {'; '.join(parts)} ({len(tests[NIN])} seeds)"
    reduced, pooled = (chains[f"{first}+{FOLLOWING}"] for first in ("1x1-32", "pool2"))
    if reduced and pooled:
        shapes = [shape(rows[0], 0) for rows in (reduced, pooled)]
        said += (
            f". A 1x1 convolution turns {shapes[0]}, pooling {shapes[1]}: with them, a {FOLLOWING} "
            f"convolution is {speed(reduced)} and {speed(pooled)} times faster"
        )
    return f"{said}."


def shape(row: Row, i: int) -> str:
    """Of layer i, e.g. "28x28x192 into 28x28x32"."""
    layer = row.measurements["cost"]["layers"][i]
    return " into ".join("x".join(map(str, layer[when])) for when in ("before", "after"))


def speed(rows: Sequence[Row]) -> str:
    """Times faster forward than the reference, mean over seeds."""
    return f"{statistics.fmean(factor(row, 'forward_seconds') for row in rows):.1f}"


def share(rows: Sequence[Row]) -> float:
    """Multiply-adds relative to the reference, which is the last layer on the whole input."""
    h, w, c = rows[0].config["input"]
    size, features = FOLLOWING.partition("x")[0], FOLLOWING.partition("-")[2]
    return formula(rows[0]) / (h * w * int(size) ** 2 * c * int(features))


def table(runs: Mapping[str, Sequence[Row]]) -> Table:
    """One line per variant: cost, and mean ± std of the errors."""
    header = ["network", "width", "parameters", "multiply-adds", *ERROR_HEADER]
    lines = []
    for variant, rows in runs.items():
        line = [variant, str(rows[0].config["model.width"]) if rows else "–"]
        for what in ("parameters", "multiply_adds"):
            count = cost(rows, what)
            line.append(f"{count:,}" if count else "–")
        lines.append([*line, *error_cells(rows)])
    caption = (
        "At the last step; mean ± sample standard deviation over the finished seeds. Width: "
        "channels of most convolutions; 192 in the paper."
    )
    return Table(header, lines, numeric=len(header) - 1, caption=caption)


def cost(rows: Sequence[Row], what: str) -> int:
    """parameters or multiply_adds of a variant; 0: not known yet."""
    return next((int(row.provenance[what]) for row in rows if what in row.provenance), 0)


def notes(
    rows: Sequence[Row],
    chains: Mapping[str, Sequence[Row]],
    found: Mapping[str, Difference | None],
) -> list[str]:
    """The tests behind the verdict, shapes and times, and what is missing."""
    said = [
        f"{variant}, test error minus that of {NIN}: {change.text(' points')}."
        for variant, change in found.items()
        if change
    ]
    for layers, group in chains.items():
        if group:
            times = [f"{1 / factor(row, 'forward_seconds'):.3f}" for row in group]
            said.append(
                f"{layers}: {shape(group[0], 0)}; multiply-adds {share(group):.3f} and forward "
                f"time {', '.join(times)} (by seed) of a {FOLLOWING} on the whole input, on "
                f"{platform(group[0])}."
            )
    missing = [row.name for row in rows if not row.done]
    if missing:
        said.append(f"Not counted, because they are not done: {'; '.join(missing)}.")
    return said


def show(runs: Mapping[str, Sequence[Row]], chains: Mapping[str, Sequence[Row]]) -> list[Panel]:
    """Errors and cost per variant, cost and time per chain."""
    one, two = colours(range(2)).values()
    splits = (("training", "train", one), ("test", "test", two))
    error = [dots(w, c, [last_errors(rows, s) for rows in runs.values()]) for w, s, c in splits]
    costs = [
        dots(words, colour, [_relative(rows, runs[NIN], what) for rows in runs.values()])
        for words, what, colour in (
            ("parameters", "parameters", INK),
            ("multiply-adds", "multiply_adds", one),
        )
    ]
    times = [
        dots("multiply-adds", INK, [[share(rows)] if rows else [] for rows in chains.values()]),
        *(
            dots(
                f"time, {words}",
                colour,
                [[1 / factor(row, name) for row in rows] for rows in chains.values()],
            )
            for words, name, colour in (
                ("forward", "forward_seconds", one),
                ("forward and backward", "step_seconds", two),
            )
        ),
    ]
    relative = f"relative to {FOLLOWING} on 28x28x192"
    return [
        Panel("at the last step", "error (%)", "", error, names=list(runs)),
        Panel("cost", f"relative to {NIN}", "", costs, names=list(runs)),
        Panel("1x1 and pooling", relative, "", times, names=list(chains)),
    ]


def _relative(rows: Sequence[Row], reference: Sequence[Row], what: str) -> list[float]:
    counts = [cost(group, what) for group in (rows, reference)]
    return [counts[0] / counts[1]] if all(counts) else []
