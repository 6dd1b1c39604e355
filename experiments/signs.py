"""Does the five-stage ResNet-50 of identity and convolution blocks learn SIGNS, and how well?

A published run of the Keras version reached 87.5 % test accuracy in 20 epochs.
"""

import statistics
from collections.abc import Iterator, Sequence

from resinc.errors import InputError
from resinc.launch.sweep import Cell
from resinc.registry import lookup
from resinc.report import Line, Panel, Report, Row, Table
from resinc.report.arms import last_errors, settled
from resinc.report.figure import INK, colours
from resinc.report.panels import Series, dots, error_curves, same_error_axis
from resinc.report.statistics import Mean, Verdict, mean
from resinc.report.table import ERROR_HEADER, error_cells

RECIPE = "configs/signs.py"
# Recipe -> its name in print. They are told apart by their optimizer.
RECIPES = {"practice": "as a practitioner would", "taught": "as it is taught"}
OPTIMIZERS = {"adamw": "practice", "adam": "taught"}
PUBLISHED = 12.5  # Test error, %, of the Keras version.
AIM = 3.0

CLAIM = (
    "A ResNet-50 of identity and convolution blocks learns SIGNS from 1,080 images to 97 % test "
    "accuracy in 20 epochs, where the network as it is taught reached 87.5 %."
)
RULE = (
    "Test error at the last step, never the best: the claim is supported if the 95 % interval "
    f"(Student, over seeds) of the practitioner's recipe lies at or below {AIM:g} %, refuted if it "
    "lies above. The recipe was chosen on 216 of the training images, then trained on all."
)
CAPTION = (
    "Error against steps, mean over seeds; thin: training, bold: test. Right: test error at the "
    "last step, mean ± standard deviation over seeds; faint dots are the single runs."
)


def sweep(
    recipes: tuple[str, ...] = ("practice", "taught"), seeds: int = 5, steps: int = 0
) -> Iterator[Cell]:
    """Yield the cells, seed by seed.

    Args:
      recipes: keys of RECIPES.
      seeds: how many, from 0.
      steps: optimizer updates; 0 keeps the recipe's 20 epochs.

    Raises:
      InputError: an unknown recipe, or nothing to run.
    """
    if not recipes or seeds < 1 or steps < 0:
        raise InputError(f"recipes {recipes}, seeds {seeds} or steps {steps} leave nothing to run")
    for recipe in recipes:
        lookup(RECIPES, recipe, "recipe")
    for seed in range(seeds):
        for recipe in recipes:
            yield Cell(
                RECIPE, {"recipe": recipe}, {"seed": seed}, {"steps": steps} if steps else {}
            )


def report(rows: Sequence[Row]) -> Report:
    """The figure, the table and the verdict; works on partial results.

    Raises:
      InputError: none of the runs is of SIGNS.
    """
    known = [row for row in rows if row.config.get("data.name") == "signs"]
    if not known:
        raise InputError("none of the runs is of the data set signs: nothing to report")
    found = {recipe: mean(last_errors(_of(known, recipe), "test")) for recipe in RECIPES}
    return Report(
        title="ResNet-50 in five stages on SIGNS",
        number=6,
        claim=CLAIM,
        verdict=settled(decide(found["practice"]), rows),
        answer=answer(known),
        panels=show(known),
        table=table(known),
        caption=CAPTION,
        notes=notes(rows, found),
        method=[("Verdict", RULE)],
    )


def decide(found: Mean | None) -> Verdict:
    """By RULE."""
    if found is None or found.low <= AIM < found.high:
        return Verdict.UNDECIDED
    return Verdict.SUPPORTED if found.high <= AIM else Verdict.REFUTED


def answer(rows: Sequence[Row]) -> str:
    """What was seen, in one sentence."""
    parts = []
    for recipe, name in RECIPES.items():
        errors = last_errors(_of(rows, recipe), "test")
        if errors:
            accuracy = 100 - statistics.fmean(errors)
            spread = f" ± {statistics.stdev(errors):.1f}" if len(errors) > 1 else ""
            seeds = f"{len(errors)} seed{'s' * (len(errors) > 1)}"
            parts.append(f"trained {name} {accuracy:.1f}{spread} % ({seeds})")
    if not parts:
        return "No run on SIGNS is done yet."
    return f"Test accuracy on SIGNS after 20 epochs: {', '.join(parts)}; published: 87.5 %."


def notes(rows: Sequence[Row], found: dict[str, Mean | None]) -> list[str]:
    """The intervals, and what is missing."""
    out = [
        f"Test error, {RECIPES[recipe]}: {interval.text(' %')}."
        for recipe, interval in found.items()
        if interval
    ]
    steps = sorted({row.step for row in rows if row.done})
    if steps and max(steps) < 675:
        out.append(f"These are short runs: {max(steps)} of the recipe's 675 steps.")
    missing = [row.name for row in rows if not row.done]
    if missing:
        out.append(f"Not counted, because they are not done: {'; '.join(missing)}.")
    return out


def show(rows: Sequence[Row]) -> list[Panel]:
    """Curves of both recipes, then every seed."""
    palette = colours(range(len(RECIPES)))
    curves = [
        error_curves(name, [Series(name, palette[i], _of(rows, recipe))])
        for i, (recipe, name) in enumerate(RECIPES.items())
    ]
    groups = [last_errors(_of(rows, recipe), "test") for recipe in RECIPES]
    published = Line(
        "published", INK, (PUBLISHED, PUBLISHED), (-0.5, len(RECIPES) - 0.5), dashed=True
    )
    last = Panel(
        "at the last step",
        "test error (%)",
        "",
        [dots("test", palette[0], groups), published],
        names=list(RECIPES.values()),
    )
    return [*same_error_axis(curves, rows), last]


def table(rows: Sequence[Row]) -> Table:
    """One line per recipe."""
    header = ["recipe", "steps", *ERROR_HEADER, "test accuracy, worst to best %"]
    lines = []
    for recipe, name in RECIPES.items():
        group = _of(rows, recipe)
        errors = last_errors(group, "test")
        ends = f"{100 - max(errors):.2f} to {100 - min(errors):.2f}" if errors else "–"
        steps = str(max((row.step for row in group), default=0))
        lines.append([name, steps, *error_cells(group), ends])
    lines.append(["published (Keras)", "680", "1", "–", "–", f"{PUBLISHED:.2f}", "87.50 to 87.50"])
    caption = (
        "At the last step, on 1,080 training and 120 test images; mean ± sample standard deviation "
        "over the finished seeds. Nothing is held out for validation."
    )
    return Table(header, lines, numeric=len(header) - 1, caption=caption)


def _of(rows: Sequence[Row], recipe: str) -> list[Row]:
    return [row for row in rows if OPTIMIZERS.get(row.config["optimizer.name"]) == recipe]
