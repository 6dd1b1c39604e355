"""Is trying all filter sizes better than choosing one? Szegedy et al. 2014, section 4 and Fig. 2.

Networks of the CIFAR family with equally many blocks and equally many multiply-adds: each block is
one filter (1x1, 3x3, 5x5, or pooling and 1x1), or an inception module of all four.
"""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from experiments.depth import BLOCK, RECIPES, caveats, dataset_of, shared_fields
from resinc.errors import InputError
from resinc.launch.sweep import Cell
from resinc.registry import lookup
from resinc.report import Line, Panel, Report, Row, Table
from resinc.report.arms import last_errors, settled
from resinc.report.figure import INK, colours
from resinc.report.panels import dots, finals
from resinc.report.statistics import Difference, difference, judge
from resinc.report.table import ERROR_HEADER, error_cells, percent
from resinc.report.trend import numbers

# Block -> (name, depth, width). Three blocks a stage. The widths were found by search: multiply-
# adds as near as may be to those of a residual network of 20 layers and width 16.
SINGLE = {
    "only_1x1": ("1x1 only", 11, 69),
    "only_3x3": ("3x3 only", 11, 23),
    "only_5x5": ("5x5 only", 11, 14),
    "only_pool": ("pooling only", 11, 69),
}
MODULES = {
    "inception_naive": ("naive module", 11, 23),
    "inception": ("reduced module", 20, 40),
}
NETWORKS = SINGLE | MODULES
REFERENCE = ("residual", 20, 16)
BRANCHES = {"branch1": "1x1", "branch2": "3x3", "branch3": "5x5", "branch4": "pooling"}
PROBE = "branches"

MARGIN = 0.5  # Percentage points.
CLAIM = "Using all filter sizes side by side beats choosing any one of them at equal cost."
RULE = (
    "The best of the four networks of one filter is compared with the better of the two of modules "
    "(each the lowest mean validation error), by test error at the last step. The claim is "
    f"supported if the whole 95 % interval (Welch, over seeds) of single filter minus module is "
    f"above {MARGIN:g} percentage points, refuted if it is below, undecided else."
)
COST = (
    "Three blocks a stage, widths such that multiply-adds for one image agree within 5 %. A block "
    "of one filter or of the naive module is one convolution deep (11 weighted layers in all), one "
    "of the reduced module two (20)."
)
CAPTION = (
    "Left: error at the last step, mean ± standard deviation over seeds; faint dots are the single "
    "runs. Middle: mean square of what each branch of the reduced module puts out, per number, so "
    "that wide branches count no more than narrow ones; test images, mean over seeds. Right: test "
    "error when a branch puts out zeros in all modules of a trained network."
)


def sweep(dataset: str = "digits", seeds: int = 3, steps: int = 0) -> Iterator[Cell]:
    """Yield the cells, the modules and so longest first.

    Args:
      dataset: a key of `depth.RECIPES`.
      seeds: how many, from 0.
      steps: optimizer updates; 0 keeps the recipe's. The schedule scales with it.

    Raises:
      InputError: an unknown dataset, or nothing to run.
    """
    _, recipe, path, args = lookup(RECIPES, dataset, "dataset")
    shared = shared_fields(recipe, seeds, steps)
    for block in reversed(NETWORKS):
        _, depth, width = NETWORKS[block]
        probes = {"probes": (PROBE,)} if block in MODULES else {}
        for seed in range(seeds):
            overrides = {"seed": seed, "model.width": width}
            yield Cell(path, {"depth": depth, "block": block, **args}, overrides, shared | probes)


def report(rows: Sequence[Row]) -> Report:
    """The figure, the table and the verdict; works on partial results.

    Raises:
      InputError: `rows` are not of this experiment.
    """
    known = [row for row in rows if row.config.get(BLOCK) in NETWORKS]
    if not known:
        raise InputError("none of the runs is of a block of filters: nothing to report")
    dataset, title = dataset_of(known[0])
    single, module = chosen(known, SINGLE), chosen(known, MODULES)
    gain = advantage(known, single, module)
    return Report(
        title=f"All filter sizes or one on {title}",
        number=9,
        claim=CLAIM,
        verdict=settled(judge(gain, MARGIN), rows),
        answer=answer(known, single, module),
        panels=show(known),
        table=table(known),
        caption=CAPTION,
        notes=[*notes(known, module, gain), *caveats(rows, dataset)],
        method=[("Verdict", RULE), ("Equal cost", COST)],
    )


def chosen(rows: Sequence[Row], blocks: Sequence[str] | Mapping[str, Any]) -> str | None:
    """The block of lowest mean validation error; None unless two seeds of every one are done."""
    errors = finals(rows, "validation", BLOCK)
    if any(len(errors.get(block, ())) < 2 for block in blocks):
        return None
    return min(blocks, key=lambda block: statistics.fmean(errors[block]))


def errors_on_test(rows: Sequence[Row], block: str) -> list[float]:
    """Of its finished runs, at the last step, %."""
    return last_errors((row for row in rows if row.config[BLOCK] == block), "test")


def advantage(rows: Sequence[Row], single: str | None, other: str | None) -> Difference | None:
    """Test error of `single` minus that of `other`, percentage points."""
    if single is None or other is None:
        return None
    return difference(errors_on_test(rows, single), errors_on_test(rows, other))


def answer(rows: Sequence[Row], single: str | None, module: str | None) -> str:
    """What was seen, in one sentence."""
    if single is None or module is None:
        return "Too few runs are done to compare single filters with inception modules."
    errors = {block: statistics.fmean(errors_on_test(rows, block)) for block in (single, module)}
    return (
        f"At equal multiply-adds the {NETWORKS[module][0]} ends at {errors[module]:.1f} % test "
        f"error, the best single filter ({NETWORKS[single][0]}) at {errors[single]:.1f} %."
    )


def notes(rows: Sequence[Row], module: str | None, gain: Difference | None) -> list[str]:
    """The test behind the verdict, every single filter, and which branch is used."""
    out = []
    if gain:
        out.append(f"Best single filter minus module, test error: {gain.text(' points')}.")
    for block, (name, *_) in SINGLE.items():
        change = advantage(rows, block, module)
        if change:
            out.append(f"{name} minus module, test error: {change.text(' points')}.")
    for block, (name, *_) in MODULES.items():
        found = _measured(rows, block)
        if found:
            energy = {b: statistics.fmean(_energy(found, b)) for b in BRANCHES}
            lost = {b: statistics.fmean(m["dropped"][b] for m in found) for b in BRANCHES}
            most, worst = max(energy, key=energy.__getitem__), max(lost, key=lost.__getitem__)
            out.append(
                f"Of the {name}, the {BRANCHES[most]} branch has the most energy "
                f"({energy[most]:.3f} per number, mean over modules); dropping the "
                f"{BRANCHES[worst]} branch costs most ({100 * lost[worst]:.1f} % test error)."
            )
    return out


def table(rows: Sequence[Row]) -> Table:
    """One line per network: mean ± std over the finished seeds."""
    header = ["block", "width", "depth", "multiply-adds", *ERROR_HEADER]
    header += [f"without {branch} %" for branch in BRANCHES.values()]
    lines = []
    for block, (name, depth, width) in NETWORKS.items():
        group = [row for row in rows if row.config[BLOCK] == block]
        measured = _measured(rows, block)
        lost = [percent([found["dropped"][branch] for found in measured]) for branch in BRANCHES]
        cells = [name, str(width), str(depth), multiply_adds(group), *error_cells(group)]
        lines.append([*cells, *lost])
    caption = (
        "At the last step; mean ± sample standard deviation over the finished seeds. Last columns: "
        "test error when a branch is dropped in all modules."
    )
    return Table(header, lines, numeric=len(header) - 1, caption=caption)


def multiply_adds(rows: Sequence[Row]) -> str:
    """Of one network for one image."""
    known = [int(r.provenance["multiply_adds"]) for r in rows if "multiply_adds" in r.provenance]
    return numbers(known) if known else "–"


def show(rows: Sequence[Row]) -> list[Panel]:
    """Errors; energy of the branches; errors without them."""
    palette = colours(range(4))
    names = [name for name, *_ in NETWORKS.values()]
    errors = []
    for split, words, colour, marker in (
        ("train", "training", INK, "hollow"),
        ("test", "test", palette[1], "filled"),
    ):
        found = finals(rows, split, BLOCK)
        groups = [[100 * e for e in found.get(block, ())] for block in NETWORKS]
        errors.append(dots(words, colour, groups, marker))
    reduced = _measured(rows, "inception")
    energies = []
    for i, (branch, name) in enumerate(BRANCHES.items()):
        means = _energy(reduced, branch)
        energies.append(Line(name, palette[i], range(1, len(means) + 1), means, marker="filled"))
    dropped = []
    for i, (block, (name, *_)) in enumerate(MODULES.items()):
        measured = _measured(rows, block)
        groups = [[100 * found["error"] for found in measured]]
        groups += [[100 * found["dropped"][b] for found in measured] for b in BRANCHES]
        dropped.append(dots(name, palette[3 * i], groups))
    return [
        Panel("at the last step", "error (%)", "", errors, names=names),
        Panel("energy, reduced module", "module, input to output", "mean square", energies),
        Panel(
            "a branch dropped",
            "test error (%)",
            "",
            dropped,
            names=["none", *(f"without {name}" for name in BRANCHES.values())],
        ),
    ]


def _measured(rows: Sequence[Row], block: str) -> list[dict[str, Any]]:
    """What the probe found at the last step of the finished runs."""
    done = [row for row in rows if row.config[BLOCK] == block and row.done]
    found = [row.measurements.get(PROBE, {}).get(str(row.step)) for row in done]
    return [value for value in found if value]


def _energy(measured: Sequence[Mapping[str, Any]], branch: str) -> list[float]:
    """Per module in depth order, mean over seeds."""
    modules = sorted(measured[0]["energy"]) if measured else []
    return [statistics.fmean(f["energy"][module][branch] for f in measured) for module in modules]
