"""Is a convolution behind a 1x1 reduction ten times cheaper? Szegedy et al. 2014, section 4.

The textbook case: 5x5 from 28x28x192 to 28x28x32, directly and behind a 1x1 convolution to fewer
channels. Give `--workers 1` to the sweep: measurements side by side take each other's time.
"""

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from resinc.errors import InputError
from resinc.launch.sweep import Cell
from resinc.report import Line, Panel, Report, Row, Table
from resinc.report.arms import settled
from resinc.report.figure import INK, colours
from resinc.report.panels import over_seeds
from resinc.report.statistics import Mean, judge, mean
from resinc.report.trend import listed

DIRECT = "5x5-32"
CHANNELS = 16  # Of the claim's 1x1 convolution.
LEAST = 8.0  # Times faster, to be called ten times: a fifth less is a rounding, a third is not.
TIMES = {"forward_seconds": "forward", "step_seconds": "forward and backward"}
KINDS = ("forward", "step")  # The same in "memory".

CLAIM = (
    f"A 1x1 convolution to {CHANNELS} channels first makes the 5x5 convolution ten times cheaper."
)
RULE = (
    "Seconds of a forward pass, whose multiply-adds the claim counts: direct over reduced, the two "
    "timed in turn in one process, the median of the repeats per seed. The claim is supported if "
    f"the 95 % interval (Student, over seeds, of logarithms) of that factor lies above {LEAST:g}, "
    "refuted if it lies below. The direct convolution timed against itself, whose factor is 1 but "
    "for noise, and forward and backward are reported beside it."
)
CAPTION = (
    "Left: how many times cheaper the 5x5 convolution is behind a 1x1 to so many channels; memory "
    "is what the compiled program of forward and backward needs at once, inputs and outputs "
    "included. Right: the factor in time against the factor in multiply-adds; on the dashed line "
    "they are equal. Mean ± standard deviation over seeds, each a process of its own; faint dots "
    "are single seeds."
)


def sweep(
    channels: tuple[int, ...] = (8, 16, 32, 64),
    batch_size: int = 32,
    repeats: int = 5,
    seeds: int = 5,
) -> Iterator[Cell]:
    """Yield the measurements, the longest first.

    Args:
      channels: that the 1x1 convolutions put out.
      batch_size: images.
      repeats: timings of each program.
      seeds: how many, from 0.

    Raises:
      InputError: nothing to measure.
    """
    if not channels or min(channels) < 1 or seeds < 1:
        raise InputError(f"channels {channels} or seeds {seeds} leave nothing to measure")
    shared = {"reference": DIRECT, "batch_size": batch_size, "repeats": repeats}
    for count in (0, *sorted(set(channels), reverse=True)):
        for seed in range(seeds):
            layers = {"layers": chain(count)}
            yield Cell("configs/chain.py", layers, {"seed": seed}, shared, task="measure")


def chain(channels: int) -> str:
    """Layers with a 1x1 to so many channels; 0: directly."""
    return f"1x1-{channels}+{DIRECT}" if channels else DIRECT


def report(rows: Sequence[Row]) -> Report:
    """The figure, the table and the verdict; works on partial results.

    Raises:
      InputError: `rows` are not of this experiment, or of several devices.
    """
    if not any("layers" in row.config for row in rows):
        raise InputError("none of the runs says its layers: nothing to report")
    groups = by_channels(rows)
    platforms = sorted({platform(row) for group in groups.values() for row in group})
    if len(platforms) > 1:
        raise InputError(f"measured on several devices ({listed(platforms)}): report one at a time")
    found = {name: gain(groups.get(CHANNELS, ()), name) for name in TIMES}
    return Report(
        title="Multiply-adds and time of a 5x5 convolution behind a 1x1",
        number=8,
        claim=CLAIM,
        verdict=settled(judge(found["forward_seconds"], math.log(LEAST)), rows),
        answer=answer(groups, found),
        panels=show(groups),
        table=table(groups),
        caption=CAPTION,
        notes=notes(rows, groups),
        method=[("Verdict", RULE)],
    )


def by_channels(rows: Sequence[Row]) -> dict[int, list[Row]]:
    """Channels of the 1x1 (0: direct) -> finished measurements, in order."""
    groups: dict[int, list[Row]] = {}
    for row in rows:
        first, plus, rest = str(row.config.get("layers", "")).partition("+")
        direct = first == DIRECT and not plus
        reduced = first.startswith("1x1-") and rest == DIRECT
        if row.done and "time" in row.measurements and (direct or reduced):
            groups.setdefault(0 if direct else int(first[4:]), []).append(row)
    return dict(sorted(groups.items()))


def platform(row: Row) -> str:
    """Where it was measured, e.g. "AMD EPYC (family 25, model 17)" or "NVIDIA H200"."""
    return str(row.provenance.get("device_kind") or row.provenance.get("platform") or "unknown")


def factor(row: Row, name: str) -> float:
    """How many times faster a row's layers are than its reference: the median of the repeats.

    Args:
      name: "forward_seconds" or "step_seconds".
    """
    times = row.measurements["time"]
    pairs = zip(times[f"reference_{name}"], times[name], strict=True)
    return statistics.median(reference / own for reference, own in pairs)


def formula(row: Row) -> int:
    """Multiply-adds of one image by formula."""
    return sum(layer["multiply_adds"] for layer in row.measurements["cost"]["layers"])


def fewer(groups: Mapping[int, Sequence[Row]], channels: int) -> float:
    """How many times fewer multiply-adds than directly."""
    return formula(groups[0][0]) / formula(groups[channels][0])


def peak(row: Row, kind: str) -> float:
    """Megabytes that the compiled program needs at once."""
    return row.measurements["memory"][kind]["peak"] / 1e6


def lighter(groups: Mapping[int, Sequence[Row]], channels: int, kind: str) -> float:
    """How many times less memory than directly."""
    return peak(groups[0][0], kind) / peak(groups[channels][0], kind)


def gain(rows: Sequence[Row], name: str) -> Mean | None:
    """Logarithm of the factor in time, over seeds."""
    return mean([math.log(factor(row, name)) for row in rows])


def answer(groups: Mapping[int, Sequence[Row]], found: Mapping[str, Mean | None]) -> str:
    """What was counted and what was measured, in one sentence."""
    if not {0, CHANNELS} <= groups.keys():
        return f"The 5x5 convolution with and without a 1x1 to {CHANNELS} is not measured yet."
    row = groups[CHANNELS][0]
    parts = [
        f"{math.exp(change.mean):.1f} ({math.exp(change.low):.1f} to {math.exp(change.high):.1f}) "
        f"times faster {TIMES[name]}"
        for name, change in found.items()
        if change
    ]
    timed = f"it is {' and '.join(parts)}" if parts else "its time needs more seeds"
    return (
        f"Behind a 1x1 to {CHANNELS} channels the 5x5 convolution takes "
        f"{fewer(groups, CHANNELS):.2f} times fewer multiply-adds; {timed} ({platform(row)}, "
        f"batches of {row.config['batch_size']}, {len(groups[CHANNELS])} seeds)."
    )


def table(groups: Mapping[int, Sequence[Row]]) -> Table:
    """One line per chain: counted three ways, timed twice, weighed twice."""
    header = ["layers", "seeds", "multiply-adds, formula", "our counter", "XLA", "times fewer"]
    header += [f"times faster, {words}" for words in TIMES.values()]
    header += ["MB at peak, forward", "MB at peak, forward and backward"]
    lines = []
    for channels, group in groups.items():
        cost = group[0].measurements["cost"]
        counted = (formula(group[0]), cost["multiply_adds"], cost["xla_multiply_adds"])
        line = [chain(channels), str(len(group)), *(f"{count:,}" for count in counted)]
        line.append(f"{fewer(groups, channels):.2f}" if 0 in groups else "–")
        for name in TIMES:
            values = [factor(row, name) for row in group]
            scatter = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
            line.append(f"{statistics.fmean(values):.2f}{scatter}")
        lines.append([*line, *(f"{peak(group[0], kind):.1f}" for kind in ("forward", "step"))])
    caption = (
        "Multiply-adds of one image; XLA counts no products with the padding, but the ReLU. Times "
        "relative to the direct convolution: mean ± sample standard deviation over seeds."
    )
    return Table(header, lines, numeric=len(header) - 1, caption=caption)


def notes(rows: Sequence[Row], groups: Mapping[int, Sequence[Row]]) -> list[str]:
    """Where ten times fewer multiply-adds are not ten times less time or memory."""
    found = []
    for channels in filter(None, groups):
        for name, words in TIMES.items():
            change = gain(groups[channels], name)
            if change and 0 in groups:
                low, middle, high = map(math.exp, (change.low, change.mean, change.high))
                wanted = fewer(groups, channels)
                found.append(
                    f"1x1 to {channels}, {words}: {middle:.2f} times faster, 95 % interval "
                    f"{low:.2f} to {high:.2f}, for {wanted:.2f} times fewer multiply-adds: one "
                    f"multiply-add takes {wanted / middle:.2f} times as long as directly."
                )
    if {0, CHANNELS} <= groups.keys():
        sizes = [lighter(groups, CHANNELS, kind) for kind in KINDS]
        found.append(
            f"Memory at its peak falls by a factor of {sizes[0]:.2f} forward and {sizes[1]:.2f} "
            "forward and backward: the input is as large as before."
        )
        wrong = [
            row.name for g in groups.values() for row in g
            if formula(row) != row.measurements["cost"]["multiply_adds"]
        ]  # fmt: skip
        if wrong:
            found.append(f"Formula and counter disagree in {'; '.join(wrong)}.")
    missing = [row.name for row in rows if not row.done]
    if missing:
        found.append(f"Not counted, because they are not done: {'; '.join(missing)}.")
    return found


def show(groups: Mapping[int, Sequence[Row]]) -> list[Panel]:
    """Factors over the channels, and time against multiply-adds."""
    palette = colours(range(3))
    reduced = {channels: rows for channels, rows in groups.items() if channels}
    counts = {c: fewer(groups, c) for c in reduced} if 0 in groups else {}
    over, against = [], []
    for i, (name, words) in enumerate(TIMES.items()):
        factors = {c: [factor(row, name) for row in rows] for c, rows in reduced.items()}
        over.append(over_seeds(f"time, {words}", palette[i], factors))
        by_count: dict[Any, list[float]] = {
            counts[c]: values for c, values in factors.items() if c in counts
        }
        against.append(over_seeds(words, palette[i], by_count, width=0))
    smaller = [lighter(groups, c, "step") for c in counts]
    over += [
        Line("multiply-adds", INK, list(counts), list(counts.values()), dashed=True),
        Line("memory at the peak", palette[2], list(counts), smaller, marker="hollow"),
    ]
    ends = [min(counts.values()), max(counts.values())] if counts else []
    against.append(Line("equal", INK, ends, ends, dashed=True))
    values = [y for line in over for y in (*line.y, *(y for _, y in line.dots))]
    top = (0.0, 1.08 * max(values, default=1.0))
    x, y = "channels after the 1x1 convolution", "times less than directly"
    return [
        Panel("cheaper by", x, y, over, log_x=True, x_ticks=list(reduced), y_range=top),
        Panel("time", "times fewer multiply-adds", "times faster", against, y_range=top),
    ]
