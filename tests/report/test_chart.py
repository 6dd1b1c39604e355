"""What a figure shows, before it is drawn."""

import pytest

from resinc.report.chart import Line, Panel
from resinc.report.panels import dots


def test_names_without_a_point_are_left_out_of_a_dot_plot():
    lines = [
        dots("training", "#000000", [(), (0.25, 0.75), (), (4.0,)]),
        Line("test", "#000000", [2.0], [3], width=0, marker="hollow"),
        Line("only in the legend", "#000000"),
    ]
    panel = Panel("", "error", "", lines, names=["a", "b", "c", "d"]).without_empty_rows()
    assert panel.names == ["b", "d"]
    assert panel.lines[0].x == [0.5, 4.0]
    assert panel.lines[0].y == [0, 1]
    assert panel.lines[0].dots == [(0.25, 0), (0.75, 0), (4.0, 1)]
    assert panel.lines[1].y == [1]
    assert panel.lines[2] == lines[2]._replace(y=[], dots=[])


def test_what_stands_between_rows_moves_with_them():
    across = Line("published", "#000000", [1.0, 1.0], [-0.5, 2.5], dashed=True)
    lines = [dots("", "#000000", [(), (), (4.0,)]), Line("", "#000000", [4.0, 4.0], [1.7, 2.3])]
    panel = Panel("", "error", "", [*lines, across], names=["a", "b", "c"]).without_empty_rows()
    assert panel.names == ["c"]
    assert [list(line.y) for line in panel.lines] == [
        [0],
        [pytest.approx(-0.3), 2.3 - 2],
        [-0.5, 0.5],
    ]


def test_where_no_network_is_trained_all_names_stay():
    panel = Panel("", "error", "", [dots("", "#000000", [(), ()])], names=["a", "b"])
    assert panel.without_empty_rows() == panel


def test_a_panel_of_curves_stays_as_it_is():
    panel = Panel("", "step", "error", [Line("", "#000000", [0, 1], [0.5, float("nan")])])
    assert panel.without_empty_rows() is panel
