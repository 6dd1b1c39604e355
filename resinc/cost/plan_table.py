"""A plan as a Markdown table, with what it takes on trust."""

from collections.abc import Mapping, Sequence

from resinc.cost import chips
from resinc.cost.chips import Chip
from resinc.cost.scaling import Prediction, Step, predict
from resinc.duration import duration

HEADER = (
    "chips", "images a step", "step", "images/s", "efficiency", "bottleneck", "memory", "recipe",
)  # fmt: skip


def print_plan(steps: Mapping[int, Step], planned: Sequence[Chip], images: int) -> None:
    """Write it to stdout.

    Args:
      steps: number of devices -> what each does in a step.
      planned: chips to predict for.
      images: that the recipe trains on, epochs times their number.
    """
    rows = [
        _cells(predict(step, chip, count), step.memory, images)
        for chip in planned
        for count, step in steps.items()
    ]
    for line in (HEADER, [":--", *["--:"] * 4, ":--", *["--:"] * 2], *rows):
        print("| " + " | ".join(line) + " |")
    print()
    print(assumptions(steps))


def _cells(it: Prediction, memory: float, images: int) -> list[str]:
    return [
        f"{it.count:,} {it.chip.name}",
        f"{it.images:,}",
        f"{1e3 * it.seconds:.3g} ms",
        f"{it.images / it.seconds:,.0f}",
        f"{100 * it.efficiency:.1f} %",
        it.bottleneck,
        f"{memory / chips.GIGA:.3g} GB" + ("" if it.fits else ": too much"),
        duration(images * it.seconds / it.images),
    ]


def assumptions(steps: Mapping[int, Step]) -> str:
    """One paragraph: what was compiled, what was assumed, and where it stands."""
    step = next(iter(steps.values()))
    text = (
        "Compiled for as many devices as each row has, not run; on each: "
        f"{_millions(step.multiply_adds / step.images)} multiply-adds an image forwards and "
        f"backwards, {_millions(step.traffic / step.images)}B read and written for it, "
        f"{_millions(step.reduced)}B a step averaged over all. Assumed (resinc/cost/chips.py): "
        f"{100 * chips.COMPUTE_SHARE:.0f} % of the chip's peak or {100 * chips.MEMORY_SHARE:.0f} % "
        "of its memory's bandwidth, whichever takes longer, then "
        f"{100 * chips.LINK_SHARE:.0f} % of its links' with nothing else meanwhile; no time for "
        "starting kernels, which small networks wait for; memory traffic of the program for a CPU, "
        "which fuses less."
    )
    if step.decodes:
        text += f" A core of the host decodes {chips.IMAGES_PER_CORE:.0f} images a second."
    return text


def _millions(number: float) -> str:
    """e.g. "0.312 M", "719 M", "11,995 M"."""
    return f"{number / 1e6:.3g} M" if number < 1e8 else f"{number / 1e6:,.0f} M"
