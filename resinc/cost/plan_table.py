"""A plan as a Markdown table, with what it takes on trust."""

from collections.abc import Mapping, Sequence

from resinc.cost import chips
from resinc.cost.chips import Chip
from resinc.cost.scaling import Prediction, Step, predict

HEADER = (
    "chips", "images a step", "step", "images/s", "efficiency", "bottleneck", "memory", "days",
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
    days = images * it.seconds / it.images / 86_400
    return [
        f"{it.count:,} {it.chip.name}",
        f"{it.images:,}",
        f"{1e3 * it.seconds:.3g} ms",
        f"{it.images / it.seconds:,.0f}",
        f"{100 * it.efficiency:.1f} %",
        it.bottleneck,
        f"{memory / chips.GIGA:.3g} GB" + ("" if it.fits else ": too much"),
        f"{days:.3g}" if days >= 0.001 else "< 0.001",
    ]


def assumptions(steps: Mapping[int, Step]) -> str:
    """One paragraph: what was compiled, what was assumed, and where it stands."""
    step = next(iter(steps.values()))
    text = (
        "Compiled for as many devices as each row has, not run; on each: "
        f"{step.multiply_adds / step.images / 1e6:,.3g} M multiply-adds an image forwards and "
        f"backwards, {step.traffic / step.images / 1e6:,.3g} MB read and written for it, "
        f"{step.reduced / 1e6:,.3g} MB a step averaged over all. Assumed (resinc/cost/chips.py): "
        f"{100 * chips.COMPUTE_SHARE:.0f} % of the chip's peak or {100 * chips.MEMORY_SHARE:.0f} % "
        "of its memory's bandwidth, whichever takes longer, then "
        f"{100 * chips.LINK_SHARE:.0f} % of its links' with nothing else meanwhile; no time for "
        "starting kernels, which small networks wait for; memory traffic of the program for a CPU, "
        "which fuses less."
    )
    if step.decodes:
        text += f" A core of the host decodes {chips.IMAGES_PER_CORE:.0f} images a second."
    return text
