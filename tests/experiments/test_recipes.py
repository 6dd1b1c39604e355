"""What experiments share."""

import pytest

from experiments import degradation, gradient, identity
from experiments.recipes import RECIPES


@pytest.mark.parametrize("dataset", RECIPES)
def test_cells_of_one_name_are_the_same_in_every_experiment(dataset):
    """Sweeps that share a folder then train a network once."""
    sweeps = [list(e.sweep(dataset)) for e in (degradation, gradient, identity)]
    first, *others = ({cell.name: cell for cell in cells} for cells in sweeps)
    for cells in others:
        common = first.keys() & cells.keys()
        assert len(common) > 10
        for name in common:
            assert first[name] == cells[name]
        first |= cells
