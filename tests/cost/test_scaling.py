"""The roofline of a plan, against arithmetic by hand."""

from dataclasses import replace

import pytest

from resinc.cost import chips
from resinc.cost.chips import CHIPS, Chip
from resinc.cost.plan_table import print_plan
from resinc.cost.scaling import Step, exchange, predict

# Everything 1 but what a test is about; islands of 4 chips, 2 on a host of 3 cores.
CHIP = Chip("chip", 1e3, 10.0, 100.0, 50.0, 4, 8.0, 2.0, 2, 3)
STEP = Step(6, 1000.0, 400.0, 64.0, 90.0, 2, False)


@pytest.fixture(autouse=True)
def whole_shares(monkeypatch):
    for name, share in (("COMPUTE_SHARE", 0.5), ("MEMORY_SHARE", 1.0), ("LINK_SHARE", 1.0)):
        monkeypatch.setattr(chips, name, share)
    monkeypatch.setattr(chips, "IMAGES_PER_CORE", 1.0)


def test_a_step_takes_the_slower_of_products_and_memory_and_then_the_exchange():
    found = predict(STEP, CHIP, 2)
    assert (found.compute, found.memory) == (4.0, 8.0)
    assert found.exchange == 8.0  # Half of 64 bytes, twice, at 8 bytes/s.
    assert found.seconds == 16.0
    assert found.efficiency == 0.5
    assert found.images == 12
    slow = predict(STEP._replace(multiply_adds=5000.0), CHIP, 2)
    assert (slow.seconds, slow.bottleneck) == (28.0, "compute")


def test_float32_has_a_peak_of_its_own():
    assert predict(STEP._replace(itemsize=4), CHIP, 1).compute == 400.0


def test_a_chip_alone_exchanges_nothing_and_an_island_passes_its_sum_on_in_parts():
    assert exchange(64.0, CHIP, 1) == 0.0
    within = 2 * 3 / 4 * 64 / 8
    assert exchange(64.0, CHIP, 4) == within
    # Three islands: each chip sends the quarter that it has summed over the network.
    assert exchange(64.0, CHIP, 12) == pytest.approx(within + 2 * 2 / 3 * 16 / 2)


def test_decoding_is_waited_for_where_it_is_slower_and_is_no_matter_of_the_number_of_chips():
    found = predict(STEP._replace(decodes=True, images=60), CHIP, 4)
    assert found.input == 60 * 2 / 3
    assert (found.seconds, found.bottleneck, found.efficiency) == (40.0, "input", 1.0)
    assert predict(STEP, CHIP, 4).input == 0.0


def test_a_step_that_no_memory_holds_is_marked(capsys):
    full = replace(CHIP, memory=89.0)
    print_plan({1: STEP}, [full, CHIP], images=90 * 6)
    marked, plain = (line for line in capsys.readouterr().out.splitlines() if "1 chip" in line)
    assert "too much" in marked
    assert "too much" not in plain
    assert plain.endswith("| memory | 9e-08 GB | 12 min 0 s |")


def test_every_chip_reaches_further_over_fast_links_than_over_the_network():
    for chip in CHIPS.values():
        assert chip.link > chip.network
        assert chip.peak > chip.peak_float32
        assert chip.island >= chip.host_chips
