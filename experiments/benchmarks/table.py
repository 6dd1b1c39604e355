"""The table of the targets, from the lines that were measured."""

from collections.abc import Iterable, Iterator
from typing import Any

Line = dict[str, Any]
# Benchmark, our side, the other, what their ratio says, and the bound that was set.
RATIOS = (
    ("step", "ours", "pytorch", "PyTorch's time / ours", "at least", 0.8),
    ("step", "ours", "pytorch compiled", "compiled PyTorch's time / ours", "", 0),
    ("step", "a device per core", "pytorch", "PyTorch's time / ours", "at least", 0.8),
    ("step", "ours", "flax", "plain Flax's time / ours", "at least", 2),
    ("step", "ours", "keras", "Keras's time / ours", "", 0),
    ("evaluate", "ours", "pytorch", "PyTorch's time / ours", "at least", 1),
    ("evaluate", "ours", "flax", "plain Flax's time / ours", "", 0),
    ("evaluate", "ours", "keras", "Keras's time / ours", "", 0),
    ("winograd", "ours", "plain", "time without / with", "", 0),
    ("winograd", "ours", "pytorch", "PyTorch's time / ours", "at least", 0.8),
    ("scan", "unrolled", "scanned", "scanned / unrolled", "at most", 1.15),
    ("memory", "without", "remat", "time with remat / without", "at most", 1.4),
    ("input", "bare", "fed", "fed / bare", "at most", 1.02),
    ("decode", "ours", "pillow", "Pillow's time / ours", "at least", 1),
    ("decode", "ours", "libjpeg-turbo", "decoding alone / ours", "", 0),
    ("decode", "ours", "whole", "time of decoding the whole / ours", "", 0),
    ("decode", "ours", "opencv", "OpenCV's time / ours", "", 0),
    ("decode", "whole", "opencv resize", "time with OpenCV's resizing / with ours", "", 0),
    ("loaders", "ours", "torchvision", "torchvision's time / ours", "at least", 1.3),
    ("loaders", "ours", "torchvision, normalized", "its time with float32 images / ours", "", 0),
    ("loaders", "ours", "tf.data", "tf.data's time / ours", "at least", 1),
    ("loaders", "ours", "tf.data, fused", "its time with decode_and_crop / ours", "", 0),
    ("stream", "10,000 files", "100,000 files", "100,000 / 10,000", "at most", 1.1),
    ("stream", "200 files", "400 files", "400 / 200", "", 0),
    ("curves", "former", "now", "now / before", "at most", 0.7),
)
BOUNDS = {("startup", "cold"): 8.0, ("startup", "cached"): 4.0, ("compile", "ours"): 5.0}
REMAT_BYTES = 2.5e9
FIRST_BATCH_SECONDS = 2.0  # From the start of a source, the import of its decoders included.


def rows(lines: Iterable[Line]) -> Iterator[tuple[str, ...]]:
    """(what, cores, one, other, ratio or value, target, met) of each comparison."""
    newest: dict[tuple[Any, ...], Line] = {}
    for line in lines:
        newest[line["benchmark"], line["case"], line["cores"], line["side"]] = line
    for (name, case, cores, side), line in newest.items():
        if (name, side) in BOUNDS:
            bound, value = BOUNDS[name, side], line["seconds"]
            verdict = judged(value, "at most", bound, " s")
            yield f"{name}: {case}, {side}", f"{cores}", "", "", f"{value} s", *verdict
        if name == "memory" and line.get("bytes"):
            gigabytes = round(line["bytes"] / 1e9, 2)
            bound = REMAT_BYTES / 1e9 if side == "remat" else 0
            how = "at most" if bound else ""
            verdict = judged(gigabytes, how, bound, " GB")
            yield f"memory: {case}, {side}", f"{cores}", "", "", f"{gigabytes} GB", *verdict
        if name == "loaders":
            yield f"loaders: {case}, {side}", f"{cores}", "", "", _rate(line), "", ""
        if name == "stream":
            value = line["first_batch_seconds"]
            verdict = judged(value, "at most", FIRST_BATCH_SECONDS, " s")
            yield f"stream: {side}, first batch", f"{cores}", "", "", f"{value} s", *verdict
        for benchmark, one, other, says, how, bound in RATIOS:
            against = newest.get((name, case, cores, other))
            if (name, side) != (benchmark, one) or against is None or "bytes" in line:
                continue
            ratio = round(against["seconds"] / line["seconds"], 3)
            shown = (f"{item['side']} {1000 * item['seconds']:.0f} ms" for item in (line, against))
            verdict = judged(ratio, how, bound)
            yield f"{name}: {case}, {says}", f"{cores}", *shown, f"{ratio}", *verdict


def _rate(line: Line) -> str:
    return f"{line['images'] / line['seconds']:,.0f} images/s"


def judged(value: float, how: str, bound: float, unit: str = "") -> tuple[str, str]:
    if not how:
        return "", ""
    met = value >= bound if how == "at least" else value <= bound
    return f"{how} {bound:g}{unit}", "yes" if met else "no"


def markdown(lines: list[Line]) -> str:
    head = ("what", "cores", "one", "other", "found", "target", "met")
    table = [head, ("---",) * len(head), *rows(lines)]
    return "\n".join(f"| {' | '.join(row)} |" for row in table)
