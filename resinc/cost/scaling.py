"""What a training step would take on n chips: a roofline, from what its compiled program says.

local     = the slower of products (by peak FLOP/s) and memory traffic (by its bandwidth)
exchange  = mean of the gradients: over the island's links, then between islands
step      = the slower of local + exchange, and decoding the next batch on the host
"""

import dataclasses
from typing import NamedTuple

from resinc.cost import chips
from resinc.cost.chips import Chip


class Step(NamedTuple):
    """Of one chip, as `resinc.train.compiled.planned` reads it from the compiled program.

    Attributes:
      images: of a step.
      multiply_adds: forwards and backwards.
      traffic: bytes read and written in its memory.
      reduced: bytes that are averaged over all chips.
      memory: bytes at most.
      itemsize: bytes of an activation, 2 or 4.
      decodes: whether the host decodes images for it.
    """

    images: int
    multiply_adds: float
    traffic: float
    reduced: float
    memory: float
    itemsize: int
    decodes: bool


@dataclasses.dataclass(frozen=True)
class Prediction:
    """A step on `count` chips; seconds of each part, as if it were alone.

    Attributes:
      chip, count: on which.
      images: of a step of all chips.
      compute, memory, exchange, input: seconds.
      fits: whether a chip's memory holds the step.
    """

    chip: Chip
    count: int
    images: int
    compute: float
    memory: float
    exchange: float
    input: float
    fits: bool

    @property
    def seconds(self) -> float:
        return self._with(self.exchange)

    @property
    def efficiency(self) -> float:
        """Images per second, as a fraction of `count` times those of a chip alone."""
        return self._with(0.0) / self.seconds

    def _with(self, exchange: float) -> float:
        return max(max(self.compute, self.memory) + exchange, self.input)

    @property
    def bottleneck(self) -> str:
        """What takes the longest: "compute", "memory", "interconnect" or "input"."""
        parts = {
            "compute": self.compute,
            "memory": self.memory,
            "interconnect": self.exchange,
            "input": self.input,
        }
        return max(parts, key=lambda name: parts[name])


def predict(step: Step, chip: Chip, count: int) -> Prediction:
    """Of `count` chips that each take `step`."""
    peak = chip.peak if step.itemsize == 2 else chip.peak_float32
    decoded = step.images * chip.host_chips if step.decodes else 0
    return Prediction(
        chip,
        count,
        step.images * count,
        compute=2 * step.multiply_adds / (peak * chips.COMPUTE_SHARE),
        memory=step.traffic / (chip.bandwidth * chips.MEMORY_SHARE),
        exchange=exchange(step.reduced, chip, count),
        input=decoded / (chip.host_cores * chips.IMAGES_PER_CORE),
        fits=step.memory <= chip.memory,
    )


def exchange(size: float, chip: Chip, count: int) -> float:
    """Seconds of a mean of `size` bytes over `count` chips.

    Inside of an island a ring moves 2 (m - 1)/m of the bytes through each chip (Patarasuk and Yuan
    2009); between islands each chip then exchanges the m-th part that it has summed.
    """
    inside = min(count, chip.island)
    islands = -(-count // chip.island)
    within = 2 * (inside - 1) / inside * size / chip.link
    between = 2 * (islands - 1) / islands * size / inside / chip.network
    return (within + between) / chips.LINK_SHARE
