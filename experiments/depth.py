"""Do deeper networks train worse, and do shortcuts mend it? He et al. 2015, Fig. 6 and Table 6."""

from collections.abc import Iterator, Sequence
from types import ModuleType

from configs import cifar, digits, mnist
from resinc.errors import InputError
from resinc.launch.sweep import Cell
from resinc.registry import lookup
from resinc.report import Report, Row, Table
from resinc.report.arms import names_of_diverged, settled
from resinc.report.chart import Panel
from resinc.report.figure import INK, colours
from resinc.report.panels import Series, error_curves, final_errors, finals, same_error_axis
from resinc.report.rows import varying
from resinc.report.statistics import Verdict, difference, judge
from resinc.report.table import percent
from resinc.report.trend import MARGIN, Kind, clause, listed, numbers, trend
from resinc.runs.status import CellState

# dataset -> (its name in print, recipe, the recipe's file, what it takes besides depth and block)
RECIPES = {
    "digits": ("scikit-learn's digits", digits, "configs/digits.py", {}),
    "cifar10": ("CIFAR-10", cifar, "configs/cifar.py", {}),
    "cifar100": ("CIFAR-100", cifar, "configs/cifar.py", {"dataset": "cifar100"}),
    "mnist": ("MNIST", mnist, "configs/mnist.py", {}),
    "fashion_mnist": ("Fashion-MNIST", mnist, "configs/mnist.py", {"dataset": "fashion_mnist"}),
}
# Test error in %, residual, CIFAR-10, 64k steps: He et al. 2015, Table 6 (depth 110 is the best of
# five runs; their mean is 6.61 ± 0.16).
PAPER = {20: 8.75, 32: 7.51, 44: 7.17, 56: 6.97, 110: 6.43}
# Points of a curve when the number of steps is not the recipe's own. Evaluations are fewer, and
# at most ten times as frequent as the recipe's: on a CPU one of CIFAR-10 takes as long as 40 steps.
WINDOWS, EVALUATIONS = 20, 5
BLOCK_COLOURS = (INK, "#8a63d2", "#0072b2", "#cc79a7")
DEPTH, BLOCK = "model.depth", "model.block"

CLAIM = (
    "Plain networks get worse on their own training data beyond some depth; residual networks do "
    "not."
)
RULE = (
    "The deepest network is compared with the best shallower one, by final training error; "
    f"it is called worse or better only if the means are more than {100 * MARGIN:g} percentage "
    "points apart and every seed of one lies above every seed of the other. The claim is supported "
    "if the 95 % interval (Welch, over seeds) of that difference lies above the margin for plain "
    "networks and below it for residual ones; refuted if plain ones lie below or residual ones "
    "above."
)
CAPTION = (
    "One panel per block: error against training progress, one colour per depth, mean over seeds; "
    "thin: training, bold: test. Last panel: error at the last step against depth, mean ± standard "
    "deviation over seeds; faint dots are the single runs."
)


def sweep(
    dataset: str = "digits",
    depths: tuple[int, ...] = (8, 20, 32, 56),
    blocks: tuple[str, ...] = ("plain", "residual"),
    seeds: int = 3,
    steps: int = 0,
    residual_depths: tuple[int, ...] = (),
) -> Iterator[Cell]:
    """Yield the cells, the deepest and so longest first.

    Args:
      dataset: a key of RECIPES.
      depths: weighted layers; 6n+2 for this family.
      blocks: keys of resinc.blocks.BLOCKS.
      seeds: how many, from 0.
      steps: optimizer updates; 0 keeps the recipe's. The schedule scales with it.
      residual_depths: depths besides for the block "residual" alone, where plain networks have
        failed long before: 1202 layers train for 11 minutes on a core.

    Raises:
      InputError: an unknown dataset, or nothing to run.
    """
    _, recipe, path, args = lookup(RECIPES, dataset, "dataset")
    for name, value in (("depths", depths), ("blocks", blocks)):
        if not value:
            raise InputError(f"{name} is empty: there is nothing to run")
    shared = shared_fields(recipe, seeds, steps, curves=True)
    for depth in sorted({*depths, *residual_depths}, reverse=True):
        for seed in range(seeds):
            for block in dict.fromkeys(blocks if depth in depths else ("residual",)):
                yield Cell(path, {"depth": depth, "block": block, **args}, {"seed": seed}, shared)


def shared_fields(
    recipe: ModuleType, seeds: int, steps: int, curves: bool = False
) -> dict[str, int]:
    """Config fields of runs of `steps` updates; none where those are the recipe's own.

    Args:
      recipe: its `get_config` has the steps.
      seeds: how many.
      steps: 0: the recipe's.
      curves: whether error is shown over steps; else runs of other than the recipe's steps are
        evaluated at the last one alone.

    Raises:
      InputError: no seeds, or negative steps.
    """
    if seeds < 1:
        raise InputError(f"seeds {seeds} is not positive: it is how many seeds to run, from 0")
    if steps < 0:
        raise InputError(f"steps {steps} is negative; 0 keeps the recipe's own")
    own = recipe.get_config()
    if steps in (0, own.steps):
        return {}
    every = max(1, steps // WINDOWS)
    seldom = own.eval_every_steps // 10
    return {
        "steps": steps,
        "log_every_steps": every,
        "checkpoint_every_steps": every,
        "eval_every_steps": max(1, steps // EVALUATIONS, seldom) if curves else 0,
    }


def report(rows: Sequence[Row]) -> Report:
    """The figure, the table and the answer; works on partial results.

    Raises:
      InputError: `rows` are not of this experiment: no depth, or several datasets.
    """
    known = [row for row in rows if DEPTH in row.config and BLOCK in row.config]
    if not known:
        raise InputError("none of the runs says its model.depth and model.block: nothing to report")
    sets = sorted({row.config.get("data.name", "") for row in known})
    if len(sets) > 1:
        raise InputError(f"the runs are of several datasets ({listed(sets)}): report one at a time")
    _, title = dataset_of(known[0])
    return Report(
        title=f"Error against depth on {title}",
        number=1,
        claim=CLAIM,
        verdict=settled(decide(known), rows),
        answer=answer(known, title),
        panels=show(known),
        table=table(known, sets[0]),
        caption=CAPTION,
        notes=notes(rows, sets[0]),
        method=[("Comparison", RULE)],
    )


def dataset_of(row: Row) -> tuple[str, str]:
    """The data set of a run: its key, and its name in print."""
    dataset = str(row.config.get("data.name", ""))
    return dataset, RECIPES[dataset][0] if dataset in RECIPES else dataset


def decide(rows: Sequence[Row]) -> Verdict:
    """By RULE; networks that have not learned decide nothing."""
    plain, residual = (
        Verdict.UNDECIDED
        if found.kind == Kind.UNTRAINED
        else judge(difference(found.large_errors, found.small_errors), MARGIN)
        for found in (trend(_of(rows, block), DEPTH) for block in ("plain", "residual"))
    )
    if plain == Verdict.SUPPORTED and residual == Verdict.REFUTED:
        return Verdict.SUPPORTED
    if plain == Verdict.REFUTED or residual == Verdict.SUPPORTED:
        return Verdict.REFUTED
    return Verdict.UNDECIDED


def show(rows: Sequence[Row]) -> list[Panel]:
    """Curves per block, then final error against depth."""
    blocks = _blocks(rows)
    palette = colours([row.config[DEPTH] for row in rows])
    curves = [
        error_curves(
            block, [Series(f"{d} layers", palette[d], g) for d, g in _groups(rows, block).items()]
        )
        for block in blocks
    ]
    series = [
        Series(block, BLOCK_COLOURS[i % len(BLOCK_COLOURS)], _of(rows, block))
        for i, block in enumerate(blocks)
    ]
    depths = [row.config[DEPTH] for row in rows]
    last = final_errors(
        "at the last step",
        "depth (weighted layers)",
        series,
        DEPTH,
        # 8 and 1202 layers on one axis.
        log_x=max(depths) > 20 * min(depths),
    )
    return [*same_error_axis(curves, rows), last]


def table(rows: Sequence[Row], dataset: str) -> Table:
    """One line per block and depth: mean ± std over the finished seeds."""
    header = ["block", "depth", "parameters", "seeds", "steps"]
    header += ["training error %", "validation error %", "test error %"]
    paper = dataset == "cifar10"
    lines = []
    for block in _blocks(rows):
        for depth, group in _groups(rows, block).items():
            done = [row for row in group if row.done]
            sizes = [int(r.provenance["parameters"]) for r in group if "parameters" in r.provenance]
            line = [block, str(depth), numbers(sizes) if sizes else "–"]
            seeds = str(len(done)) if len(done) == len(group) else f"{len(done)} of {len(group)}"
            line += [seeds, numbers([row.step for row in done]) if done else "–"]
            for split in ("train", "validation", "test"):
                points = [row.final(split) for row in done]
                line.append(percent([point.error for point in points if point]))
            if paper:
                known = PAPER.get(depth) if block == "residual" else None
                line.append(f"{known:.2f}" if known else "–")
            lines.append(line)
    if paper:
        header.append("He et al. %")
    if all(line[2] == "–" for line in lines):
        header.pop(2)
        lines = [line[:2] + line[3:] for line in lines]
    caption = "At the last step; mean ± sample standard deviation over the finished seeds."
    if paper:
        caption += (
            " He et al. 2015, Table 6: test error after 64,000 steps; depth 110: best of five."
        )
    return Table(header, lines, numeric=len(header) - 1, caption=caption)


def answer(rows: Sequence[Row], title: str) -> str:
    """What the runs show, in one sentence, whichever way it goes."""
    done = [row for row in rows if row.done]
    counted = f"{len(done)} of {len(rows)} runs done"
    diverged = _diverged(rows)
    tail = f"; {diverged}" if diverged else ""
    if not done:
        return f"On {title} there is nothing to compare yet: {counted}{tail}."
    steps = {row.step for row in done}
    if len(steps) > 1:
        return (
            f"On {title} nothing is decided, because the runs differ in their number of steps "
            f"({numbers(list(steps))}){tail}."
        )
    trends = {block: trend(_of(rows, block), DEPTH) for block in _blocks(rows)}
    text, before, earlier = "", None, None
    for block, found in trends.items():
        joint = "" if before is None else ", and " if found.kind == before else ", while "
        text += joint + clause(f"{block} network", found, earlier)
        before = found.kind
        if found.kind == Kind.WORSE:
            earlier = earlier or found
    seeds = {len(g) for b in trends for g in finals(_of(rows, b), "train", DEPTH).values()}
    how = f"{_seeds(seeds)}, {_steps(done)}"
    where = f"so far ({counted}; {how})" if _pending(rows) else f"({how})"
    return f"On {title} {where}, {text}{tail}."


def notes(rows: Sequence[Row], dataset: str) -> list[str]:
    """What a reader must know before believing the sentence."""
    known = [row for row in rows if DEPTH in row.config]
    found = []
    for block in _blocks(known):
        last = trend(_of(known, block), DEPTH)
        percents = ([100 * e for e in errors] for errors in (last.large_errors, last.small_errors))
        rise = difference(*percents)
        if rise:
            found.append(
                f"{block}, training error of {last.large} layers minus that of {last.small}: "
                f"{rise.text(' points')}."
            )
    other = [f for f in varying(known) if f not in (DEPTH, BLOCK, "seed", "data.dir")]
    if other:
        found.append(f"The runs differ also in {listed(other)}; see the CSV file.")
    return [*found, *caveats(rows, dataset)]


def caveats(rows: Sequence[Row], dataset: str) -> list[str]:
    """Of any experiment on these recipes: short runs, a single seed, runs that do not count."""
    return [*limits(rows, dataset), *left_out(rows)]


def limits(rows: Sequence[Row], dataset: str) -> list[str]:
    """What the finished runs cannot say, for being short or of one seed."""
    done = [row for row in rows if row.done]
    found = []
    own = RECIPES[dataset][1].get_config().steps if dataset in RECIPES else None
    taken = {row.step for row in done}
    if own and taken and max(taken) < own:
        found.append(
            f"These are short runs: {numbers(list(taken))} of the recipe's {own:,} steps, the "
            "learning-rate schedule shortened alike. Longer runs may end differently."
        )
    if done and len({row.config.get("seed") for row in done}) == 1:
        found.append("There is one seed, so nothing is known of the scatter between seeds.")
    return found


def left_out(rows: Sequence[Row]) -> list[str]:
    """Runs that did not end well, by the reason."""
    diverged = names_of_diverged(rows)
    found = []
    if diverged:
        found.append(f"Counted as chance, because they diverged: {'; '.join(diverged)}.")
    for state, words in (
        (CellState.FAILED, "failed"),
        (CellState.UNFINISHED, "are unfinished"),
        (CellState.RUNNING, "are running"),
        (CellState.NEW, "have not started"),
    ):
        names = [row.name for row in rows if row.state == state]
        if names:
            found.append(f"Not counted, because they {words}: {'; '.join(names)}.")
    return found


def _seeds(counts: set[int]) -> str:
    low, high = min(counts, default=0), max(counts, default=0)
    return f"{high} seed{'s' * (high != 1)}" if low == high else f"{low} to {high} seeds"


def _steps(done: Sequence[Row]) -> str:
    step = done[0].step
    dataset = done[0].config.get("data.name")
    own = RECIPES[dataset][1].get_config().steps if dataset in RECIPES else step
    return f"{step:,} steps" if step >= own else f"{step:,} of the recipe's {own:,} steps"


def _diverged(rows: Sequence[Row]) -> str:
    parts = []
    for block in _blocks(rows):
        for depth, group in _groups(rows, block).items():
            count = sum(row.state == CellState.DIVERGED for row in group)
            if count:
                parts.append(f"{block}-{depth} diverged ({count} of {_seeds({len(group)})})")
    return listed(parts) if parts else ""


def _pending(rows: Sequence[Row]) -> bool:
    return any(row.state not in (CellState.DONE, CellState.DIVERGED) for row in rows)


def _blocks(rows: Sequence[Row]) -> list[str]:
    """Plain first, as in the paper; then by name."""
    return sorted({row.config[BLOCK] for row in rows}, key=lambda block: (block != "plain", block))


def _of(rows: Sequence[Row], block: str) -> list[Row]:
    return [row for row in rows if row.config[BLOCK] == block]


def _groups(rows: Sequence[Row], block: str) -> dict[int, list[Row]]:
    groups: dict[int, list[Row]] = {}
    for row in _of(rows, block):
        groups.setdefault(row.config[DEPTH], []).append(row)
    return dict(sorted(groups.items()))
