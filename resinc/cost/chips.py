"""Accelerators as `resinc plan` assumes them: every number that it takes on trust stands here.

Google's numbers are those of the pages "TPU v5e", "TPU v5p" and "TPU v6e" of its Cloud TPU
documentation, NVIDIA's those of the H100 and H200 SXM data sheets and of the DGX H100 guide.
"""

import dataclasses

GIGA, TERA = 1e9, 1e12

# Share of the peak that each part of a step reaches, in the time that it alone would take. Guesses,
# for want of a chip: `resinc train` logs what a step really takes.
COMPUTE_SHARE = 0.5
MEMORY_SHARE = 0.8
LINK_SHARE = 0.8
# JPEG photographs of 500x375 to 224 pixels, by one core: as experiments/benchmarks/decode.py reads
# them where it was run last.
IMAGES_PER_CORE = 490.0


@dataclasses.dataclass(frozen=True)
class Chip:
    """One accelerator, and the island of neighbours that it is wired to.

    Attributes:
      name: in print.
      peak: of bfloat16 products, FLOP/s without sparsity.
      peak_float32: of float32 products at JAX's precision "highest".
      memory: bytes.
      bandwidth: of that memory, bytes/s.
      island: chips that the fast links reach.
      link: bytes/s that a chip can send over its fast links, all of them together.
      network: bytes/s that a chip's part of the network can send out of the island.
      host_chips: chips of one host.
      host_cores: its cores (half of its virtual CPUs).
    """

    name: str
    peak: float
    peak_float32: float
    memory: float
    bandwidth: float
    island: int
    link: float
    network: float
    host_chips: int
    host_cores: int


def _tpu(
    name: str, peak: float, memory: float, bandwidth: float, island: int, both_ways: float,
    network: float, host_chips: int, host_cores: int,
) -> Chip:  # fmt: skip
    """TFLOP/s, GB, GB/s, chips, GB/s sent and received together, Gbit/s, chips, cores."""
    return Chip(
        name,
        peak * TERA,
        peak * TERA / 6,  # "highest": six bfloat16 products for one of float32.
        memory * GIGA,
        bandwidth * GIGA,
        island,
        both_ways / 2 * GIGA,
        network / 8 * GIGA,
        host_chips,
        host_cores,
    )


def _hopper(name: str, memory: float, bandwidth: float) -> Chip:
    """GB, GB/s. NVLink's 900 GB/s count both directions; one 400 Gbit/s adapter a chip."""
    peaks = 989 * TERA, 67 * TERA
    return Chip(name, *peaks, memory * GIGA, bandwidth * GIGA, 8, 450 * GIGA, 50 * GIGA, 8, 112)


CHIPS = {
    "v5e": _tpu("TPU v5e", 197, 16, 819, 256, 400, 25, 8, 112),
    "v5p": _tpu("TPU v5p", 459, 95, 2_765, 6_144, 1_200, 50, 4, 104),
    "v6e": _tpu("TPU v6e", 918, 32, 1_638, 256, 800, 100, 8, 90),
    "h100": _hopper("H100 SXM", 80, 3_350),
    "h200": _hopper("H200 SXM", 141, 4_800),
}
