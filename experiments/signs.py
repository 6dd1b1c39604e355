"""How well does the five-stage ResNet-50 that is taught with SIGNS learn them? A fact.

As it is taught and as a practitioner would train it, in 20 epochs either way. The test error is
shown in evaluation mode, by BatchNorm's running statistics, and in training mode, by those of the
weights at the last step: at Keras's decay of 0.99 the running ones are behind. A published run of
the Keras version reached 87.5 % test accuracy.
"""

import statistics
from collections.abc import Iterator, Sequence

from resinc.errors import InputError
from resinc.launch.cell import Cell
from resinc.registry import lookup
from resinc.report import Line, Panel, Report, Row, Table
from resinc.report.arms import Arm, ended
from resinc.report.colours import INK, OTHERS
from resinc.report.metrics import digits
from resinc.report.panels import each_run
from resinc.runs.status import CellState

RECIPE, PROBE = "configs/signs.py", "running_statistics"
NETWORKS = {
    "practice": Arm("trained as a practitioner would", recipe="practice"),
    "taught": Arm("trained as it is taught", recipe="taught"),
}
COLOURS = dict(zip(NETWORKS, OTHERS, strict=False))
MODES = {"evaluation": "evaluation mode", "training": "training mode"}
MARKERS = {"evaluation": "filled", "training": "hollow"}
PUBLISHED = 12.5  # Test error, %, of the Keras version.


def sweep(
    recipes: tuple[str, ...] = ("practice", "taught"), seeds: int = 5, steps: int = 0
) -> Iterator[Cell]:
    """Yield the cells, seed by seed.

    Args:
      recipes: keys of NETWORKS.
      seeds: how many, from 0.
      steps: optimizer updates; 0 keeps the recipe's 20 epochs.

    Raises:
      InputError: an unknown recipe, or nothing to run.
    """
    if not recipes or seeds < 1 or steps < 0:
        raise InputError(f"recipes {recipes}, seeds {seeds} or steps {steps} leave nothing to run")
    for recipe in recipes:
        lookup(NETWORKS, recipe, "recipe")
    shared = {"probes": (PROBE,), **({"steps": steps} if steps else {})}
    for seed in range(seeds):
        for recipe in recipes:
            labels = {"recipe": recipe}
            yield Cell(RECIPE, {"recipe": recipe}, {"seed": seed}, shared, labels=labels)


def report(rows: Sequence[Row]) -> Report:
    """Median and every seed, in both modes; works on partial results."""
    missing = [row.name for row in rows if not row.done and row.state != CellState.DIVERGED]
    diverged = [row.name for row in rows if row.state == CellState.DIVERGED]
    notes = [f"Not done, not counted: {'; '.join(missing)}."] if missing else []
    notes += [f"Diverged, counted as chance: {'; '.join(diverged)}."] if diverged else []
    return Report(
        title="ResNet-50 in five stages on SIGNS",
        answer=answer(rows),
        panels=show(rows),
        table=table(rows),
        caption="Left: a thin line per seed, in evaluation mode. Right: every circle is a seed at "
        "the last step, the bar their median; filled: evaluation mode, by BatchNorm's running "
        "statistics; hollow: training mode, by statistics of training images, taken anew.",
        notes=notes,
    )


def errors(row: Row) -> dict[str, float]:
    """Mode -> test error at the last step, %; {} of a run that has not ended.

    Of one that diverged it is chance, in either mode.
    """
    end = ended(row, "test")
    if end is None:
        return {}
    found = {"evaluation": 100 * end.error}
    if row.state == CellState.DIVERGED:
        return found | {"training": 100 * end.error}
    probed = row.measurements.get(PROBE, {}).get(str(row.steps))
    return found | ({"training": 100 * probed["training"]["error"]} if probed else {})


def answer(rows: Sequence[Row]) -> str:
    """What was seen, in one sentence."""
    parts = []
    for recipe, networks in NETWORKS.items():
        medians = {
            mode: 100 - statistics.median(found)
            for mode in MODES
            if (found := _of(rows, recipe, mode))
        }
        if medians:
            seeds = len(_of(rows, recipe, "evaluation"))
            told = " and ".join(f"{digits(medians[m])} % in {MODES[m]}" for m in medians)
            parts.append(f"{networks.name} {told} ({seeds} seed{'s' * (seeds > 1)})")
    if not parts:
        return "No run on SIGNS is done yet."
    epochs = 32 * max(row.steps for row in rows) / 1_080
    return (
        f"Median test accuracy on SIGNS after {epochs:.3g} epochs: {'; '.join(parts)}; published: "
        f"{100 - PUBLISHED:g} %."
    )


def show(rows: Sequence[Row]) -> list[Panel]:
    """Test errors against steps, and every seed at the last one."""

    def curve(row: Row) -> dict[int, float]:
        return {point.step: 100 * point.error for point in row.evals.get("test", ())}

    curves = [
        line
        for recipe, networks in NETWORKS.items()
        for line in each_run(networks.name, COLOURS[recipe], networks.select(rows), curve)
    ]
    lines: list[Line] = []
    names: list[str] = []
    for recipe, networks in NETWORKS.items():
        for mode, words in MODES.items():
            place, found = len(names), _of(rows, recipe, mode)
            names.append(f"{networks.name.removeprefix('trained ')}, {words}")
            lines.append(Line("", COLOURS[recipe], found, [place] * len(found), width=0,
                              marker=MARKERS[mode]))  # fmt: skip
            if found:
                middle = statistics.median(found)
                lines.append(Line("", COLOURS[recipe], [middle] * 2, (place - 0.3, place + 0.3)))
    if any(len(line.x) for line in lines):
        published = (-0.5, len(names) - 0.5)
        lines.append(Line("published", INK, [PUBLISHED] * 2, published, dashed=True))
    return [
        Panel("as training proceeds", "steps", "test error (%)", curves),
        Panel("at the last step", "test error (%)", "", lines, names=names),
    ]


def table(rows: Sequence[Row]) -> Table:
    """One line per recipe and mode: the median, and every seed."""
    lines = []
    for recipe, networks in NETWORKS.items():
        planned = len(networks.select(rows))
        for mode, words in MODES.items():
            found = _of(rows, recipe, mode)
            done = str(len(found)) if len(found) == planned else f"{len(found)} of {planned}"
            median = f"{statistics.median(found):.2f}" if found else "–"
            each = ", ".join(f"{error:.2f}" for error in sorted(found)) or "–"
            lines.append([networks.name, words, done, median, each])
    lines.append(["published (Keras)", "evaluation mode", "1", f"{PUBLISHED:.2f}", "12.50"])
    return Table(
        ["network", "BatchNorm", "seeds", "median test error %", "every seed %"],
        lines,
        numeric=3,
        caption="At the last step, on 1,080 training and 120 test images; nothing is held out. "
        "Evaluation mode normalises by running statistics. Training mode normalises by those of "
        "256 training images at the last step, so that no test image tells of another.",
    )


def _of(rows: Sequence[Row], recipe: str, mode: str) -> list[float]:
    found = [errors(row) for row in NETWORKS[recipe].select(rows)]
    return [modes[mode] for modes in found if mode in modes]
