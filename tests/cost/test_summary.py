import csv
import io
import sys

import pytest

from configs import base
from resinc import networks
from resinc.cost import summary
from resinc.cost.count import network_cost
from resinc.errors import InputError


@pytest.fixture(scope="module")
def cost():
    section = base.get_config().model
    section.update(depth=20, shortcut="B")
    return network_cost(networks.build(section, 10), (32, 32, 3))


@pytest.mark.parametrize(("by", "rows"), [("layer", 43), ("block", 11), ("stage", 5)])
def test_every_grouping_sums_to_the_totals(cost, by, rows):
    table = summary.table(cost, by)
    assert len(table) == rows
    assert sum(row.parameters for row in table) == cost.parameters
    assert sum(row.multiply_adds for row in table) == cost.multiply_adds


def test_stages_are_named_with_their_output_and_layers(cost):
    names = [(row.name, row.kind, row.shape) for row in summary.table(cost, "stage")]
    assert names == [
        ("stem", "1 conv", (32, 32, 16)),
        ("stage1", "6 conv", (32, 32, 16)),
        ("stage2", "7 conv", (16, 16, 32)),
        ("stage3", "7 conv", (8, 8, 64)),
        ("head", "1 dense", (10,)),
    ]


def test_unknown_grouping_lists_the_choices(cost):
    with pytest.raises(InputError, match="choices are block, layer, stage"):
        summary.table(cost, "blok")


def test_csv_reads_back(cost, capsys):
    summary.print_summary(cost, by="block", csv=True)
    header, *rows, total = csv.reader(io.StringIO(capsys.readouterr().out))
    assert header == list(summary.HEADER)
    assert sum(int(row[3]) for row in rows) == int(total[3]) == cost.parameters
    assert total[1] == "depth 20"


def test_pipe_gets_plain_lines_and_terminal_a_drawn_table(cost, capsys, monkeypatch):
    summary.print_summary(cost, by="stage")
    plain = capsys.readouterr().out
    assert plain.isascii()
    assert len(plain.splitlines()) == 1 + 5 + 2
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "100")
    summary.print_summary(cost, by="stage")
    drawn = capsys.readouterr().out
    assert "━" in drawn
    for text in (plain, drawn):
        assert f"{cost.parameters:,}" in text
        assert "weighted depth 20" in text
