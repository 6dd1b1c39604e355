"""Is a convolution behind a 1x1 reduction ten times cheaper? A fact: counted, timed and weighed.

The textbook case of Szegedy et al. 2014, section 4: 5x5 from 28x28x192 to 28x28x32 takes
120,422,400 multiply-adds directly and 12,443,648 behind a 1x1 convolution to 16 channels. Give
`--workers 1` to the sweep: measurements side by side take each other's time.
"""

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence

from resinc.errors import InputError
from resinc.launch.cell import Cell
from resinc.report import Line, Panel, Report, Row, Table
from resinc.report.colours import INK, colours
from resinc.report.metrics import digits
from resinc.report.panels import dots

DIRECT, REDUCED = "5x5-32", "1x1-16+5x5-32"
TIMES = {"forward": "forward", "step": "forward and backward"}


def sweep(batch_size: int = 32, repeats: int = 5, seeds: int = 5) -> Iterator[Cell]:
    """Yield the measurements, the longest first.

    Args:
      batch_size: images.
      repeats: timings of each program.
      seeds: how many, from 0; each a process of its own.

    Raises:
      InputError: nothing to measure.
    """
    if seeds < 1:
        raise InputError(f"seeds {seeds} is not positive: it is how many seeds to run, from 0")
    # The direct convolution against itself says how far from 1 noise brings a ratio.
    shared = {"reference": DIRECT, "batch_size": batch_size, "repeats": repeats}
    for layers in (DIRECT, REDUCED):
        for seed in range(seeds):
            yield Cell(
                "configs/chain.py",
                {"layers": layers},
                {"seed": seed},
                shared,
                task="measure",
                labels={"layers": layers},
            )


def report(rows: Sequence[Row]) -> Report:
    """The counts, and how many times less time and memory on each device."""
    measured = [row for row in rows if row.done and "time" in row.measurements]
    devices = sorted({device_of(row) for row in measured})
    palette = colours(range(len(devices)))
    found = {device: cheaper(measured, device) for device in devices}
    names = ["multiply-adds", *(f"time, {words}" for words in TIMES.values())]
    names += ["memory, forward and backward"]
    lines = [
        dots(device, palette[i], [found[device].get(name, ()) for name in names])
        for i, device in enumerate(devices)
    ]
    if devices:
        lines.append(Line("no cheaper", INK, (1, 1), (-0.5, len(names) - 0.5), dashed=True))
    missing = [row.name for row in rows if not row.done]
    return Report(
        title="Multiply-adds, time and memory of a 5x5 convolution behind a 1x1",
        answer=answer(measured, found),
        panels=[Panel("cheaper by", "times less than directly", "", lines, names=names)],
        table=table(measured),
        caption="The 5x5 convolution behind a 1x1 to 16 channels against itself without. Mean ± "
        "standard deviation over seeds; faint: every seed, the median of its repeats. Memory is "
        "what the compiled program needs at once, input and output included.",
        notes=[f"Not done, not counted: {'; '.join(missing)}."] if missing else [],
    )


def cheaper(rows: Sequence[Row], device: str) -> dict[str, list[float]]:
    """What -> times less than directly, of each seed; {} while one of the two is missing."""
    direct, reduced = (_of(rows, layers, device) for layers in (DIRECT, REDUCED))
    if not direct or not reduced:
        return {}

    def peak(row: Row) -> float:
        return float(row.measurements["memory"]["step"]["peak"])

    whole = statistics.fmean(map(peak, direct))
    return {
        "multiply-adds": [_count(direct[0]) / _count(reduced[0])],
        **{f"time, {words}": [faster(r, name) for r in reduced] for name, words in TIMES.items()},
        "memory, forward and backward": [whole / peak(row) for row in reduced],
    }


def faster(row: Row, program: str) -> float:
    """How many times faster a row's layers are than its reference: the median of the repeats.

    Args:
      row: a finished measurement.
      program: a key of TIMES.
    """
    times = row.measurements["time"]
    pairs = zip(times[f"reference_{program}_seconds"], times[f"{program}_seconds"], strict=True)
    return statistics.median(reference / own for reference, own in pairs)


def answer(rows: Sequence[Row], found: Mapping[str, Mapping[str, Sequence[float]]]) -> str:
    """What was counted and what was measured, in one sentence."""
    told = [
        f"{device} is "
        + " and ".join(
            f"{digits(statistics.fmean(factors[f'time, {words}']))} times faster {words}"
            for words in TIMES.values()
        )
        for device, factors in found.items()
        if factors
    ]
    if not told:
        return "The 5x5 convolution with and without a 1x1 before it is not measured yet."
    counts = [_count(_of(rows, layers)[0]) for layers in (DIRECT, REDUCED)]
    return (
        f"The 5x5 convolution takes {counts[0]:,} multiply-adds, behind a 1x1 to 16 channels "
        f"{counts[1]:,}, {counts[0] / counts[1]:.2f} times fewer; {'; '.join(told)}."
    )


def table(rows: Sequence[Row]) -> Table:
    """One line per chain and device: counted three ways, timed twice."""
    header = ["layers", "device", "seeds", "multiply-adds, formula", "our counter", "XLA"]
    header += [f"ms, {words}" for words in TIMES.values()]
    lines = []
    for layers in (DIRECT, REDUCED):
        for device in sorted({device_of(row) for row in _of(rows, layers)}):
            group = _of(rows, layers, device)
            cost = group[0].measurements["cost"]
            counts = (_count(group[0]), cost["multiply_adds"], cost["xla_multiply_adds"])
            line = [layers, device, str(len(group)), *(f"{count:,}" for count in counts)]
            for program in TIMES:
                seconds = [min(r.measurements["time"][f"{program}_seconds"]) for r in group]
                line.append(digits(1000 * min(seconds, default=math.nan)))
            lines.append(line)
    caption = (
        "Multiply-adds of one image; XLA counts no products with the padding, but the ReLU. Times "
        "of a batch, the least of all repeats and seeds."
    )
    return Table(header, lines, numeric=len(header) - 2, caption=caption)


def device_of(row: Row) -> str:
    """Where it was measured, e.g. "NVIDIA H200"."""
    return str(row.provenance.get("device_kind") or row.provenance.get("platform") or "unknown")


def _of(rows: Sequence[Row], layers: str, device: str = "") -> list[Row]:
    """Measurements of these layers; on one device, or on any."""
    return [
        row for row in rows if row.labels.get("layers") == layers and device in ("", device_of(row))
    ]


def _count(row: Row) -> int:
    """Multiply-adds of one image by formula."""
    return sum(layer["multiply_adds"] for layer in row.measurements["cost"]["layers"])
