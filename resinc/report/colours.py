"""The colours of networks and of ink; what draws with them is `figure`."""

import itertools
from collections.abc import Sequence

INK = "#1b1c20"
INK_ON_DARK = "#e4e5ea"
INK_FIXED = "#1b1c21"  # Where the ground is the same in light and dark: not replaced in SVG.

# Of Okabe and Ito's colour-blind safe set, with a sky blue and a grey chosen to fit it: tests hold
# them apart for the colour-blind, and from white and the page's dark background. Each network's is
# the same in every figure.
NETWORK_COLOURS = {
    "plain": "#d55e00",
    "residual": "#0072b2",
    "inception": "#009e73",
    "both": "#cc79a7",
}
OTHERS = ("#5bb4ea", "#e69f00", "#5a5f69")  # Of what is none of these networks.


def colours(keys: Sequence[int]) -> dict[int, str]:
    """One colour per key, in order; those that stand for networks come last."""
    ordered = (*OTHERS, *NETWORK_COLOURS.values())
    return dict(zip(sorted(set(keys)), itertools.cycle(ordered), strict=False))
