"""Do auxiliary classifiers help gradient and accuracy? Szegedy et al. 2014, section 5; Lee et al.
2015 (deeply-supervised nets).

Networks of the CIFAR family with none, and with one behind each of the first two of three stages.
"""

import statistics
from collections.abc import Iterator, Sequence

from experiments.depth import BLOCK, DEPTH, RECIPES, caveats, dataset_of, shared_fields
from experiments.gradients import decades, spread
from resinc.errors import InputError
from resinc.launch.sweep import Cell
from resinc.registry import lookup
from resinc.report import Line, Panel, Report, Row, Table
from resinc.report.arms import last_errors, settled
from resinc.report.figure import INK, colours
from resinc.report.panels import dots
from resinc.report.statistics import Difference, difference, judge
from resinc.report.table import ERROR_HEADER, error_cells

# Name -> (block, depth, width). The inception network is as costly as a residual one of 20 layers.
NETWORKS = {"plain-56": ("plain", 56, 16), "inception-20": ("inception", 20, 40)}
JUDGED = "plain-56"
HEADS = (0, 2)
FIELD = "model.auxiliary_heads"
FIRST_LAYER = "stem_conv/kernel"

MARGIN = 0.5  # Percentage points.
CLAIM = "Auxiliary classifiers help a deep network: more gradient early, and higher accuracy."
RULE = (
    f"Accuracy decides, of {JUDGED}, the network that without them hardly trains: test error at "
    "the last step without auxiliary classifiers minus that with two. The claim is supported if "
    f"the whole 95 % interval (Welch, over seeds) is above {MARGIN:g} percentage points, refuted "
    "if it is below, undecided else. The gradient and the inception network are reported beside it."
)
CAPTION = (
    "Norm of the first convolution's gradient, of the whole loss, against training progress: "
    "geometric mean over seeds. Last panel: error at the last step, mean ± standard deviation over "
    "seeds; faint dots are the single runs. The auxiliary classifiers take no part in it."
)


def sweep(dataset: str = "digits", seeds: int = 3, steps: int = 0) -> Iterator[Cell]:
    """Yield the cells, the longest first.

    Args:
      dataset: a key of `depth.RECIPES`.
      seeds: how many, from 0.
      steps: optimizer updates; 0 keeps the recipe's. The schedule scales with it.

    Raises:
      InputError: an unknown dataset, or nothing to run.
    """
    _, recipe, path, args = lookup(RECIPES, dataset, "dataset")
    shared = {**shared_fields(recipe, seeds, steps), "log_gradients": True}
    for block, depth, width in NETWORKS.values():
        for seed in range(seeds):
            for heads in HEADS:
                overrides = {"seed": seed, "model.width": width, FIELD: heads}
                yield Cell(path, {"depth": depth, "block": block, **args}, overrides, shared)


def report(rows: Sequence[Row]) -> Report:
    """The figure, the table and the verdict; works on partial results.

    Raises:
      InputError: `rows` are not of this experiment.
    """
    known = [row for row in rows if FIELD in row.config and BLOCK in row.config]
    if not known:
        raise InputError(f"none of the runs says its {FIELD}: nothing to report")
    dataset, title = dataset_of(known[0])
    return Report(
        title=f"Auxiliary classifiers on {title}",
        number=10,
        claim=CLAIM,
        verdict=settled(judge(improvement(known, JUDGED), MARGIN), rows),
        answer=answer(known),
        panels=show(known),
        table=table(known),
        caption=CAPTION,
        notes=[*notes(known), *caveats(rows, dataset)],
        method=[("Verdict", RULE)],
    )


def improvement(rows: Sequence[Row], network: str) -> Difference | None:
    """Test error without the heads minus that with them, percentage points."""
    groups = (_of(rows, network, heads) for heads in HEADS)
    return difference(*(last_errors(group, "test") for group in groups))


def gradient(row: Row) -> list[float]:
    """log10 of the norm of the first layer's gradient, at the logged steps."""
    return [decades(row.gradients[step][FIRST_LAYER]) for step in sorted(row.gradients)]


def answer(rows: Sequence[Row]) -> str:
    """What was seen, in one sentence."""
    parts = []
    for network in NETWORKS:
        groups = [_of(rows, network, heads) for heads in HEADS]
        before, after = ([gradient(row)[0] for row in group if row.gradients] for group in groups)
        errors = [last_errors(group, "test") for group in groups]
        if not before or not after or not all(errors):
            continue
        factor = 10 ** (statistics.fmean(after) - statistics.fmean(before))
        without, using = map(statistics.fmean, errors)
        parts.append(
            f"{network}: test error {using:.1f} % instead of {without:.1f} %, first layer's "
            f"gradient at the first step × {factor:.2f}"
        )
    if not parts:
        return "Too few runs are done to compare networks with and without auxiliary classifiers."
    return f"With two auxiliary classifiers: {'; '.join(parts)}."


def notes(rows: Sequence[Row]) -> list[str]:
    """The tests behind the sentence."""
    out = []
    for network in NETWORKS:
        change = improvement(rows, network)
        if change:
            out.append(f"{network}, test error without minus with: {change.text(' points')}.")
        groups = [[g for r in _of(rows, network, heads) if (g := gradient(r))] for heads in HEADS]
        for when, pick in (
            ("at the first step", lambda g: g[0]),
            ("mean over training", statistics.fmean),
        ):
            more = difference(*([pick(g) for g in group] for group in reversed(groups)))
            if more:
                out.append(
                    f"{network}, first layer's gradient {when}, with minus without: "
                    f"{more.text(' decades')}."
                )
    return out


def show(rows: Sequence[Row]) -> list[Panel]:
    """The first layer's gradient through training, per network; errors."""
    palette = colours(HEADS)
    panels = []
    for network in NETWORKS:
        lines = []
        for heads in HEADS:
            group = [row for row in _of(rows, network, heads) if row.gradients]
            steps = sorted(set.intersection(*(set(r.gradients) for r in group))) if group else []
            norms = [
                10 ** statistics.fmean(decades(r.gradients[s][FIRST_LAYER]) for r in group)
                for s in steps
            ]
            lines.append(Line(_name(heads), palette[heads], steps, norms))
        panels.append(Panel(network, "steps", "gradient norm, first layer", lines, log_y=True))
    networks = [(network, heads) for network in NETWORKS for heads in HEADS]
    errors = [
        dots(words, colour, [last_errors(_of(rows, *of), split) for of in networks], marker)
        for split, words, colour, marker in (
            ("train", "training", INK, "hollow"),
            ("test", "test", palette[HEADS[-1]], "filled"),
        )
    ]
    names = [f"{network}, {_name(heads)}" for network, heads in networks]
    return [*panels, Panel("at the last step", "error (%)", "", errors, names=names)]


def table(rows: Sequence[Row]) -> Table:
    """One line per network: mean ± std over seeds."""
    header = ["network", "auxiliary classifiers", *ERROR_HEADER]
    header += ["log10 gradient, step 1", "log10 gradient, mean"]
    lines = []
    for network in NETWORKS:
        for heads in HEADS:
            group = _of(rows, network, heads)
            logs = [g for row in group if (g := gradient(row))]
            norms = [spread([g[0] for g in logs]), spread([statistics.fmean(g) for g in logs])]
            lines.append([network, str(heads), *error_cells(group), *norms])
    caption = (
        "Errors at the last step; norm of the first convolution's gradient in decades, at the "
        "first step and as mean over the logged steps. Mean ± sample standard deviation over seeds."
    )
    return Table(header, lines, numeric=len(header) - 1, caption=caption)


def _of(rows: Sequence[Row], network: str, heads: int) -> list[Row]:
    wanted = (*NETWORKS[network][:2], heads)
    return [
        row for row in rows if tuple(row.config.get(f) for f in (BLOCK, DEPTH, FIELD)) == wanted
    ]


def _name(heads: int) -> str:
    return f"{heads} auxiliary" if heads else "none"
