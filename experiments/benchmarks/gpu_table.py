"""The table of `gpu.py`: images/s, the part of the device's peak, and the ratio to PyTorch."""

from collections.abc import Iterable, Sequence
from typing import Any

from resinc.cost.chips import CHIPS, TERA, Chip

Line = dict[str, Any]


def _peaks(chip: Chip) -> dict[str, float]:
    return {"float32": chip.peak_float32, "tf32": chip.peak / 2, "bfloat16": chip.peak}


# Dense FLOP/s that the makers' data sheets give; float32 is that of the CUDA cores.
PEAKS = {
    "H100 PCIe": {"float32": 51 * TERA, "tf32": 378 * TERA, "bfloat16": 756 * TERA},
    "H100": _peaks(CHIPS["h100"]),
    "H200": _peaks(CHIPS["h200"]),
    "A100": {"float32": 19.5 * TERA, "tf32": 156 * TERA, "bfloat16": 312 * TERA},
}
# What was aimed at: ours against the faster of the two compiled forms, images/s.
RATIO = 1.3
IMAGES_PER_SECOND = {"resnet-50 at 224": 4_000, "resnet-20": 250_000}
HEAD = (
    *("network", "precision", "side", "cells", "k", "ms a step"),
    *("images/s", "TFLOP/s", "of peak", "PyTorch's time / ours"),
)


def rows(lines: Sequence[Line]) -> list[tuple[str, ...]]:
    """A row per measurement, the newest where there are several.

    FLOPs are those of the multiply-adds that our counter finds in one forward pass, two each, and
    three times as many for a step: forward, gradient of the inputs, gradient of the weights.
    """
    keys = ("case", "precision", "side", "cells", "steps_per_call")
    newest = {tuple(line[key] for key in keys): line for line in lines}
    counts = {line["case"]: line["multiply_adds"] for line in lines if "multiply_adds" in line}
    found = []
    for line in newest.values():
        case, precision, side, cells, steps = (line[key] for key in keys)
        speed = images_per_second(line)
        flops = 6 * counts[case] * speed if case in counts else 0.0
        peak = peak_of(line["device"], precision)
        peers = [
            other["seconds"]
            for other in newest.values()
            if (other["case"], other["precision"]) == (case, precision)
            and not other["side"].startswith("ours")
        ]
        fair = peers and side == "ours" and (cells, steps) == (1, 1)
        found.append(
            (
                *(case, precision, side, f"{cells}", f"{steps}"),
                *(f"{1000 * line['seconds']:.3f}", f"{speed:,.0f}"),
                f"{flops / 1e12:.3g}" if flops else "",
                f"{flops / peak:.1%}" if flops and peak else "",
                f"{min(peers) / line['seconds']:.2f}" if fair else "",
            )
        )
    return sorted(found, key=lambda row: (row[:2], row[2] != "ours", int(row[3]), int(row[4])))


def images_per_second(line: Line) -> float:
    """Of all cells together."""
    return line["batch_size"] * line["cells"] / line["seconds"]


def peak_of(device: str, precision: str) -> float:
    """FLOP/s, 0 of a device that is not listed."""
    named = (peaks for name, peaks in PEAKS.items() if name in device)
    return next(named, {}).get(precision, 0.0)


def aims(lines: Iterable[Line]) -> list[str]:
    """What was aimed at, and the best that was measured."""
    verdicts = []
    for case, wanted in IMAGES_PER_SECOND.items():
        speeds = [images_per_second(a) for a in lines if (a["case"], a["side"]) == (case, "ours")]
        if speeds:
            best = max(speeds)
            met = "met" if best >= wanted else "not met"
            verdicts.append(f"{case}: {best:,.0f} images/s at best, {wanted:,} aimed at, {met}")
    return verdicts


def markdown(lines: list[Line]) -> str:
    table = [HEAD, ("---",) * len(HEAD), *rows(lines)]
    text = "\n".join(f"| {' | '.join(row)} |" for row in table)
    devices = ", ".join(sorted({line["device"] for line in lines}))
    aimed = [f"PyTorch's time / ours: {RATIO} aimed at", *aims(lines)]
    return "\n".join([text, "", f"On {devices}.", *aimed]) if lines else text
