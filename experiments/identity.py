"""Is the identity easy for a residual block and hard for a plain stack? He et al. 2015, section 1.

Four looks: blocks trained to reproduce their input; a trained network deepened by identity blocks
and trained on; the strength of layer responses (Fig. 7); single blocks removed from a trained
network (Veit et al. 2016).
"""

import statistics
from collections.abc import Iterator, Mapping, Sequence

from experiments.depth import BLOCK, DEPTH, RECIPES, caveats, dataset_of, shared_fields
from experiments.gradients import spread
from resinc.errors import InputError
from resinc.launch.sweep import Cell
from resinc.registry import lookup
from resinc.report import Line, Panel, Report, Row, Table
from resinc.report.arms import last_errors, settled
from resinc.report.figure import INK, colours
from resinc.report.panels import dots, over_seeds
from resinc.report.statistics import Difference, difference, judge

KINDS = ("plain", "residual")
STACKS = (2, 8, 20)  # Layers of a stack: 1, 4 and 10 blocks.
STACK = {"model.name": "stack", "objective": "reproduce"}
STACK_RECIPE = {
    # Blocks end with relu: what they can reproduce is not negative.
    "data.normalize": "none",
    "data.augment": "none",
    # What leaves least unexplained on validation images after 120 steps on the digits, 20 layers,
    # seed 0, of both kinds: plain 23 %, residual 21 %; 33 and 24 % at 0.003, 38 and 28 % at 0.03.
    # The classifiers' momentum at 0.02 leaves plain stacks at 89 % and kills every relu of
    # residual ones, which then put out zeros (167 %).
    "optimizer.name": "adam",
    "optimizer.lr": 0.01,
}
SHALLOW, DEEP = 20, 56
PROBES = ("responses", "lesions")

MARGIN = 5.0  # Percentage points of the image's variance.
CLAIM = "The identity is easy for a residual block and hard for a plain stack."
RULE = (
    "Stacks of 10 blocks are trained to put out the image that they are given, by Adam at the rate "
    "that left least unexplained on validation images, the same for both kinds; the error is the "
    "part of the image's variance left unexplained, on test images at the last step. The claim is "
    "supported if the 95 % interval (Welch, over seeds) of plain minus residual is above "
    f"{MARGIN:g} points, refuted if it is below. The other three looks are reported beside it."
)
MEANING = (
    f"Deepened: networks of {SHALLOW} layers, trained, get identity blocks at the end of each "
    f"stage, {DEEP} layers in all, and train on by the same recipe. Removed: in a trained network, "
    "each block but the first of its stage is left out in turn, nothing else is changed."
)
CAPTION = (
    "First: what stacks leave unexplained of the image that they should reproduce. Second: error "
    "of networks, shallow, deepened and trained on, and as deep from the start. Third: standard "
    "deviation of each convolution's output behind BatchNorm, mean over seeds. Last: test error "
    "of the trained network with one block removed. Mean ± standard deviation over seeds; faint "
    "dots are single runs."
)


def sweep(dataset: str = "digits", seeds: int = 3, steps: int = 0) -> Iterator[Cell]:
    """Yield the cells; the deepened networks wait for those that they start from.

    Args:
      dataset: a key of `depth.RECIPES`.
      seeds: how many, from 0.
      steps: optimizer updates; 0 keeps the recipe's. The schedule scales with it.

    Raises:
      InputError: an unknown dataset, or nothing to run.
    """
    _, recipe, path, args = lookup(RECIPES, dataset, "dataset")
    shared = shared_fields(recipe, seeds, steps)
    for seed in range(seeds):
        for block in KINDS:
            trained = {"depth": SHALLOW, "block": block, **args}
            start = Cell(path, trained, {"seed": seed}, {**shared, "probes": PROBES})
            yield start
            deep = {"depth": DEEP, "block": block, **args}
            yield Cell(path, deep, {"seed": seed}, shared)
            grown = {"seed": seed, "init_extra": "identity"}
            yield Cell(path, deep, grown, shared, start=start.name)
            for depth in reversed(STACKS):
                size = {"depth": depth, "block": block, **args}
                yield Cell(path, size, {"seed": seed, **STACK}, {**shared, **STACK_RECIPE})


def report(rows: Sequence[Row]) -> Report:
    """The figure, the table and the verdict; works on partial results.

    Raises:
      InputError: `rows` are not of this experiment.
    """
    known = [row for row in rows if BLOCK in row.config and DEPTH in row.config]
    if not any(row.config.get("objective") == "reproduce" for row in known):
        raise InputError("none of the runs is of a stack that reproduces: nothing to report")
    dataset, title = dataset_of(known[0])
    harder = unexplained(known, STACKS[-1])
    return Report(
        title=f"Learning the identity on {title}",
        number=4,
        claim=CLAIM,
        verdict=settled(judge(harder, MARGIN), rows),
        answer=answer(known, harder),
        panels=show(known),
        table=table(known),
        caption=CAPTION,
        notes=[*notes(known), *caveats(rows, dataset)],
        method=[("Verdict", RULE), ("Looks", MEANING)],
    )


def stacks(rows: Sequence[Row], block: str, depth: int) -> list[float]:
    """What finished stacks leave unexplained on the test set, %."""
    found = [row for row in rows if row.config.get("objective") == "reproduce"]
    return last_errors([r for r in found if _is(r, block, depth)], "test")


def classifiers(rows: Sequence[Row], block: str, depth: int, grown: bool = False) -> list[Row]:
    """Networks trained from the seed, or from the shallow one."""
    return [
        row
        for row in rows
        if _is(row, block, depth)
        and row.config.get("objective") != "reproduce"
        and bool(row.config.get("init_extra")) == grown
    ]


def unexplained(rows: Sequence[Row], depth: int) -> Difference | None:
    """Plain minus residual, percentage points."""
    return difference(*(stacks(rows, block, depth) for block in KINDS))


def kept(rows: Sequence[Row], block: str) -> Difference | None:
    """Training error of the deepened network minus that of the shallow one, percentage points."""
    deepened = last_errors(classifiers(rows, block, DEEP, grown=True), "train")
    return difference(deepened, last_errors(classifiers(rows, block, SHALLOW), "train"))


def removals(rows: Sequence[Row], block: str) -> list[Mapping[str, float]]:
    """Per finished run {block: rise of the test error where it is removed, points}."""
    found = [_measured(row, "lesions") for row in classifiers(rows, block, SHALLOW)]
    return [
        {name: 100 * (error - lesions["whole"]) for name, error in lesions["removed"].items()}
        for lesions in found
        if lesions
    ]


def answer(rows: Sequence[Row], harder: Difference | None) -> str:
    """What was seen, in one sentence."""
    if harder is None:
        return "Too few runs are done to compare stacks that reproduce their input."
    errors = {block: statistics.fmean(stacks(rows, block, STACKS[-1])) for block in KINDS}
    parts = [
        f"Asked to reproduce its input, a stack of {STACKS[-1] // 2} plain blocks leaves "
        f"{errors['plain']:.1f} % of its variance unexplained, of residual blocks "
        f"{errors['residual']:.1f} %"
    ]
    drops = {block: removals(rows, block) for block in KINDS}
    if all(drops.values()):
        means = {b: statistics.fmean(v for d in drops[b] for v in d.values()) for b in KINDS}
        parts.append(
            f"removing one block of a trained network costs {means['plain']:.1f} points of test "
            f"error in a plain one, {means['residual']:.1f} in a residual one"
        )
    return f"{'; '.join(parts)}."


def notes(rows: Sequence[Row]) -> list[str]:
    """The tests behind the sentence, and the other looks."""
    out = []
    for depth in STACKS:
        change = unexplained(rows, depth)
        if change:
            out.append(
                f"Unexplained by stacks of {depth} layers, plain minus residual: "
                f"{change.text(' points')}."
            )
    for block in KINDS:
        change = kept(rows, block)
        if change:
            out.append(
                f"{block}, training error deepened to {DEEP} layers minus {SHALLOW}: "
                f"{change.text(' points')}."
            )
    for block in KINDS:
        moved = [_measured(row, "lesions") for row in classifiers(rows, block, SHALLOW)]
        found = [lesions for lesions in moved if lesions]
        if found:
            texts = []
            for swaps in found[0]["permuted"]:
                errors = [100 * error for lesions in found for error in lesions["permuted"][swaps]]
                pairs = "pair" if int(swaps) == 1 else "pairs"
                texts.append(f"{statistics.fmean(errors):.1f} % with {swaps} {pairs} swapped")
            whole = 100 * statistics.fmean(lesions["whole"] for lesions in found)
            out.append(f"{block}-{SHALLOW}, test error: {whole:.1f} %; {', '.join(texts)}.")
    return out


def show(rows: Sequence[Row]) -> list[Panel]:
    """Reproduction; deepening; responses; removals."""
    palette = colours(range(len(KINDS)))
    copies, responses, removed = [], [], []
    for i, block in enumerate(KINDS):
        groups = {depth: found for depth in STACKS if (found := stacks(rows, block, depth))}
        copies.append(over_seeds(block, palette[i], groups))
        strengths = [_measured(row, "responses") for row in classifiers(rows, block, SHALLOW)]
        known = [list(values.values()) for values in strengths if values]
        means = [statistics.fmean(column) for column in zip(*known, strict=True)]
        responses.append(Line(block, palette[i], range(1, len(means) + 1), means, marker="filled"))
        drops = removals(rows, block)
        names = list(drops[0]) if drops else []
        rises = {j + 1: [drop[name] for drop in drops] for j, name in enumerate(names)}
        removed.append(over_seeds(block, palette[i], rises))
    ways = [(block, depth, grown) for block in KINDS for depth, grown in _STAGES]
    errors = [
        dots(words, colour, [last_errors(classifiers(rows, *way), split) for way in ways], marker)
        for split, words, colour, marker in (
            ("train", "training", INK, "hollow"),
            ("test", "test", palette[0], "filled"),
        )
    ]
    names = [f"{block}, {_STAGES[depth, grown]}" for block, depth, grown in ways]
    return [
        Panel("reproduce the input", "layers", "unexplained (%)", copies, x_ticks=STACKS),
        Panel("deepened by identities", "error (%)", "", errors, names=names),
        Panel(f"responses, {SHALLOW} layers", "layer, input to output", "std", responses),
        Panel(
            f"one block removed, {SHALLOW} layers",
            "block, input to output",
            "rise of test error (points)",
            removed,
        ),
    ]


_STAGES = {
    (SHALLOW, False): f"{SHALLOW} layers",
    (DEEP, True): f"deepened to {DEEP}",
    (DEEP, False): f"{DEEP} from the start",
}


def table(rows: Sequence[Row]) -> Table:
    """One line per kind of block."""
    header = ["block", *(f"unexplained, {depth} layers %" for depth in STACKS)]
    header += [f"training error, {name} %" for name in _STAGES.values()]
    header += ["rise without one block", "response std"]
    lines = []
    for block in KINDS:
        cells = [spread(stacks(rows, block, depth)) for depth in STACKS]
        cells += [
            spread(last_errors(classifiers(rows, block, depth, grown), "train"))
            for depth, grown in _STAGES
        ]
        drops = [statistics.fmean(drop.values()) for drop in removals(rows, block)]
        found = [_measured(row, "responses") for row in classifiers(rows, block, SHALLOW)]
        strengths = [statistics.fmean(values.values()) for values in found if values]
        lines.append([block, *cells, spread(drops), spread(strengths)])
    caption = (
        "At the last step; mean ± sample standard deviation over seeds. Rise of the test error in "
        "points, mean over the blocks removed; standard deviation of responses, mean over layers."
    )
    return Table(header, lines, numeric=len(header) - 1, caption=caption)


def _is(row: Row, block: str, depth: int) -> bool:
    return (row.config[BLOCK], row.config[DEPTH]) == (block, depth)


def _measured(row: Row, probe: str) -> dict:
    """What a probe found at the last step; {} before."""
    return row.measurements.get(probe, {}).get(str(row.step), {}) if row.done else {}
