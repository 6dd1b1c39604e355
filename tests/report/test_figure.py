"""Figures can be read: in size, by the colour-blind, on white and on black."""

import itertools
import re

import numpy as np
import pytest
from matplotlib.text import Text

from resinc.report import figure
from resinc.report.colours import NETWORK_COLOURS, OTHERS
from resinc.report.style import CSS
from tests.report import invented

COLOURS = [*NETWORK_COLOURS.values(), *OTHERS]
# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB.
SIGHT = {
    "all": np.eye(3),
    "no red": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "no green": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(colour):
    """ "#rrggbb" as linear RGB."""
    c = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    """CIE L*a*b* of linear RGB, white D65."""
    t = TO_XYZ @ np.clip(rgb, 0, 1) / TO_XYZ.sum(axis=1)
    x, y, z = np.where(t > 0.008856, np.cbrt(t), 7.787 * t + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("sight", SIGHT)
def test_colours_can_be_told_apart(sight):
    seen = [lab(np.array(SIGHT[sight]) @ linear(colour)) for colour in COLOURS]
    for one, other in itertools.combinations(seen, 2):
        assert np.linalg.norm(one - other) > 17  # 2 is just noticeable side by side.


GROUNDS = ["#ffffff", re.search(r"dark.*?--back: (#\w+)", CSS, re.DOTALL)[1]]


@pytest.mark.parametrize("ground", GROUNDS)
def test_colours_stand_out_from_white_and_from_the_dark_page(ground):
    for colour in COLOURS:
        light, dark = sorted((TO_XYZ[1] @ linear(c) for c in (colour, ground)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) > 2


@pytest.mark.parametrize("panels", [[invented.CURVES, invented.NAMED], [invented.MAP] * 2])
def test_at_900_pixels_no_letter_is_below_9_points(panels):
    drawn = figure.draw(panels, tall=False)
    width, _ = drawn.get_size_inches()
    shrunk = 900 / 96 / width  # Of a screen 96 pixels are an inch.
    sizes = {t.get_fontsize() for t in drawn.findobj(Text) if t.get_text() and t.get_visible()}
    assert min(sizes) * shrunk >= 9


def test_heat_map_crosses_what_diverged_and_leaves_open_what_has_not_run():
    (ax, _) = figure.draw([invented.MAP], tall=False).axes
    (mesh,) = ax.collections
    assert mesh.get_array().mask.tolist() == [[False, False], [False, True], [False, False]]
    assert mesh.get_clim() == invented.GRID.scale
    assert {tuple(line.get_xydata()[0]) for line in ax.lines} == {(1.5, 2.5), (1.5, 1.5)}


@pytest.mark.parametrize("tall", [True, False])
def test_without_panels_the_figure_is_empty(tall):
    """Of a folder that holds the runs of another experiment."""
    assert figure.draw([], tall).axes == []
