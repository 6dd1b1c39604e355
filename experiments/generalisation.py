"""Does a plain network too deep fail in training or overfit? He et al. 2015, section 1.

The runs are those of `depth.py`: give the same --root, and nothing is trained twice.
"""

import statistics
from collections.abc import Sequence

from scipy import stats

from experiments.depth import BLOCK, DEPTH, dataset_of, sweep
from resinc.errors import InputError
from resinc.report import Line, Panel, Report, Row, Table
from resinc.report.arms import ended, settled
from resinc.report.figure import INK, colours
from resinc.report.panels import over_seeds
from resinc.report.statistics import Difference, Verdict, difference, judge
from resinc.report.table import percent
from resinc.report.trend import Trend, trend

__all__ = ["report", "sweep"]

CLAIM = (
    "Doing well on training is the prerequisite: a plain network too deep fails on the test set "
    "because it fails in training, not because it overfits."
)
MARGIN = 2.0  # Percentage points.
RULE = (
    "Of plain networks, the deepest is compared with the shallower one of lowest training error. "
    "The claim is supported if training error rises by more than 2 points and the gap (test minus "
    "training error) does not: whole 95 % intervals (Welch, over seeds) above and below that "
    "margin. It is refuted if training error does not rise, or if the gap rises too."
)
CAPTION = (
    "Left: every run, test error against training error at the last step; on the dashed line the "
    "two are equal. Right: test minus training error against depth, mean ± standard deviation over "
    "seeds; faint dots are the single runs."
)


def report(rows: Sequence[Row]) -> Report:
    """The figure, the table and the verdict; works on partial results.

    Raises:
      InputError: `rows` are not of this experiment.
    """
    known = [row for row in rows if DEPTH in row.config and BLOCK in row.config]
    if not known:
        raise InputError("none of the runs says its model.depth and model.block: nothing to report")
    _, title = dataset_of(known[0])
    found = trend([row for row in known if row.config[BLOCK] == "plain"], DEPTH)
    rise, widening = changes(known, found)
    return Report(
        title=f"Training and test error on {title}",
        number=5,
        claim=CLAIM,
        verdict=settled(decide(rise, widening), rows),
        answer=answer(found, rise, widening),
        panels=show(known),
        table=table(known),
        caption=CAPTION,
        notes=notes(known, rise, widening),
        method=[("Verdict", RULE)],
    )


def changes(rows: Sequence[Row], found: Trend) -> tuple[Difference | None, Difference | None]:
    """Points by which plain networks' training error and gap rise from the best to the deepest."""
    gaps = {
        depth: [gap(row) for row in rows if _is(row, "plain", depth) and ended(row, "test")]
        for depth in (found.large, found.small)
    }
    rise = difference(*([100 * e for e in es] for es in (found.large_errors, found.small_errors)))
    return rise, difference(gaps[found.large], gaps[found.small])


def decide(rise: Difference | None, widening: Difference | None) -> Verdict:
    """By RULE."""
    trains_worse, overfits = judge(rise, MARGIN), judge(widening, MARGIN)
    if trains_worse == Verdict.SUPPORTED and overfits == Verdict.REFUTED:
        return Verdict.SUPPORTED
    if trains_worse == Verdict.REFUTED or overfits == Verdict.SUPPORTED:
        return Verdict.REFUTED
    return Verdict.UNDECIDED


def gap(row: Row) -> float:
    """Test minus training error of a run that ended, percentage points."""
    train, test = ended(row, "train"), ended(row, "test")
    assert train is not None
    assert test is not None
    return 100 * (test.error - train.error)


def answer(found: Trend, rise: Difference | None, widening: Difference | None) -> str:
    """What was seen, in one sentence."""
    if rise is None or widening is None:
        return "Too few runs are done to compare training and test error over depth."
    return (
        f"From {found.small} to {found.large} layers the plain networks' training error rises by "
        f"{rise.mean:.1f} points and the gap between test and training error changes by "
        f"{widening.mean:+.1f} points."
    )


def notes(rows: Sequence[Row], rise: Difference | None, widening: Difference | None) -> list[str]:
    """The tests behind the sentence, and the rank correlation over all runs."""
    out = []
    for what, change in (("Training error", rise), ("Gap", widening)):
        if change:
            out.append(f"{what}, plain, deepest minus best shallower: {change.text(' points')}.")
    done = [row for row in rows if row.final("train") and row.final("test")]
    if len(done) > 3:
        found = stats.spearmanr(
            [row.final("train").error for row in done],  # type: ignore[union-attr]
            [row.final("test").error for row in done],  # type: ignore[union-attr]
        )
        out.append(
            f"Rank correlation of training and test error over {len(done)} runs: "
            f"{found.statistic:.2f} (Spearman)."
        )
    missing = [row.name for row in rows if not row.done]
    if missing:
        out.append(f"Not counted, because they are not done: {'; '.join(missing)}.")
    return out


def show(rows: Sequence[Row]) -> list[Panel]:
    """Test against training error, and their gap over depth."""
    blocks = sorted({row.config[BLOCK] for row in rows})
    palette = colours(range(len(blocks)))
    points, gaps, highest = [], [], 1.0
    for i, block in enumerate(blocks):
        done = [row for row in rows if _is(row, block) and row.final("test")]
        errors = [
            (100 * row.final("train").error, 100 * row.final("test").error)  # type: ignore[union-attr]
            for row in done
        ]
        highest = max([highest, *(error for pair in errors for error in pair)])
        xs, ys = [x for x, _ in errors], [y for _, y in errors]
        points.append(Line(block, palette[i], xs, ys, width=0, marker="filled"))
        depths = sorted({row.config[DEPTH] for row in done})
        groups = {d: [gap(row) for row in done if _is(row, block, d)] for d in depths}
        gaps.append(over_seeds(block, palette[i], groups))
    equal = Line("equal", INK, (0, highest), (0, highest), width=1.0, dashed=True)
    depths = sorted({row.config[DEPTH] for row in rows})
    return [
        Panel("every run", "training error (%)", "test error (%)", [*points, equal]),
        Panel(
            "gap over depth",
            "depth (weighted layers)",
            "test minus training error (points)",
            gaps,
            x_ticks=depths,
            log_x=max(depths) > 20 * min(depths),
        ),
    ]


def table(rows: Sequence[Row]) -> Table:
    """One line per block and depth."""
    header = ["block", "depth", "seeds", "training error %", "test error %", "gap, points"]
    lines = []
    for block, depth in sorted({(row.config[BLOCK], row.config[DEPTH]) for row in rows}):
        done = [row for row in rows if _is(row, block, depth) and row.final("test")]
        errors = {s: [p.error for row in done if (p := row.final(s))] for s in ("train", "test")}
        gaps = [gap(row) for row in done]
        mean = f"{statistics.fmean(gaps):.2f}" if gaps else "–"
        cells = [percent(errors["train"]), percent(errors["test"]), mean]
        lines.append([block, str(depth), str(len(done)), *cells])
    caption = "At the last step; mean ± sample standard deviation over the finished seeds."
    return Table(header, lines, numeric=5, caption=caption)


def _is(row: Row, block: str, depth: int = 0) -> bool:
    return row.config[BLOCK] == block and depth in (0, row.config[DEPTH])
