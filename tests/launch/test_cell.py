"""Names and commands of cells, loading experiments, and converting their settings."""

import sys
from pathlib import Path

import pytest

from resinc import config as config_lib
from resinc.errors import InputError
from resinc.launch.cell import Cell, check_cells, seeds_in_turn
from resinc.launch.experiment import load_experiment, settings


def test_name_does_not_depend_on_order():
    first = Cell("c.py", {"depth": 56, "block": "plain"}, {"seed": 0})
    second = Cell("c.py", {"block": "plain"}, {"seed": 0, "model.depth": 56})
    assert first.name == second.name == "block=plain,depth=56,seed=0"


def test_fields_with_one_last_part_keep_their_sections():
    cell = Cell("c.py", overrides={"model.name": "a", "optimizer.name": "b"})
    assert cell.name == "model.name=a,optimizer.name=b"


def test_shared_overrides_are_in_the_command_but_not_in_the_name():
    cell = Cell("c.py", {"depth": 8}, {"seed": 1}, {"steps": 5})
    assert cell.name == "depth=8,seed=1"
    assert cell.command(Path("/w")) == [
        sys.executable, "-m", "resinc", "train",
        "--config=c.py:depth=8", "--config.steps=5", "--config.seed=1", "--workdir=/w",
    ]  # fmt: skip


def test_values_of_every_type_survive_the_command_line():
    wanted = {"model.scan": False, "schedule.boundaries": (0.25,), "optimizer.lr": 0.05}
    cell = Cell("configs/digits.py", overrides=wanted)
    config = config_lib.load(cell.recipe, cell.flags)
    assert config.model.scan is False
    assert config.schedule.boundaries == (0.25,)
    assert config.optimizer.lr == 0.05


def test_two_cells_of_one_name_are_refused():
    cell = Cell("c.py", {"depth": 8}, {"seed": 1})
    with pytest.raises(InputError, match="2 cells named 'depth=8,seed=1'"):
        check_cells([cell, cell])
    with pytest.raises(InputError, match="no cells"):
        check_cells([])


def test_a_start_is_a_flag_with_the_folder_of_the_sweep_and_not_part_of_the_name():
    cell = Cell("c.py", {"depth": 8}, {"seed": 1}, start="depth=2")
    assert cell.name == "depth=8,seed=1"
    assert cell.flags == ["--config.seed=1"]
    assert cell.command(Path("/w/x"))[5:] == [
        "--config.seed=1", "--config.init_from=/w/depth=2", "--workdir=/w/x",
    ]  # fmt: skip


def test_the_task_is_the_subcommand():
    assert Cell("c.py", task="measure").command(Path("/w"))[3] == "measure"
    with pytest.raises(InputError, match="task 'meassure' of cell 'default': not train or measure"):
        check_cells([Cell("c.py", task="meassure")])


def test_a_label_is_text_a_number_or_a_truth_value_and_not_part_of_the_name():
    cell = Cell("c.py", {"depth": 8}, labels={"kind": "plain", "depth": 8, "best": True, "lr": 0.1})
    check_cells([cell])
    assert cell.name == "depth=8"
    with pytest.raises(InputError, match=r"label depths=\(8, 20\) of cell 'default' is no str"):
        check_cells([Cell("c.py", labels={"depths": (8, 20)})])


def test_every_network_has_its_first_seed_before_any_has_its_second():
    cells = [
        Cell("configs/digits.py", {"depth": depth}, {"seed": seed, "batch_size": size})
        for depth in (20, 8)
        for size in (128, 64)
        for seed in (3, 1)
    ]
    found = seeds_in_turn(cells)
    assert found == [c for seed in (3, 1) for c in cells if c.overrides["seed"] == seed]


def test_a_start_that_never_comes_is_refused():
    def named(name, start):
        return Cell("c.py", {"a": name}, start=f"a={start}")

    with pytest.raises(InputError, match="'a=one' starts from 'a=two', which the sweep does not"):
        check_cells([named("one", "two")])
    # Wherever the circle is entered.
    circle = "a=one waits for a=two waits for a=three waits for a=one waits for a=two"
    with pytest.raises(InputError, match="wait for each other: ") as refusal:
        check_cells([named("one", "two"), named("two", "three"), named("three", "one")])
    assert str(refusal.value).partition("each other: ")[2] in circle + " waits for a=three"
    check_cells([named("one", "two"), Cell("c.py", {"a": "two"})])


def test_a_pilot_must_be_there_and_may_wait_but_not_in_a_circle():
    main = Cell("c.py", {"a": 1}, pilots=("a=2",))
    with pytest.raises(
        InputError, match="'a=1' has the pilot 'a=2', which the sweep does not have"
    ):
        check_cells([main])
    for other in (
        Cell("c.py", {"a": 2}, pilots=("a=1",)),
        Cell("c.py", {"a": 2}, start="a=1"),
    ):
        with pytest.raises(InputError, match=r"each other: a=(.) waits for a=(.) waits for a=\1"):
            check_cells([main, other])
    check_cells([main, Cell("c.py", {"a": 2})])
    waiting = Cell("c.py", {"a": 2}, start="a=3", pilots=("a=3",))
    check_cells([main, waiting, Cell("c.py", {"a": 3})])


def example(
    name: str = "a",
    sizes: tuple[int, ...] = (1, 2),
    kinds: tuple[str, ...] = (),
    rate: float = 0.1,
    seeds: int = 2,
    fast: bool = False,
) -> None:
    """Takes a setting of every type."""


def test_settings_take_the_types_of_the_parameters():
    texts = ["name=b", "sizes=20,56", "kinds=x", "rate=1", "seeds=1_000", "fast=true"]
    assert settings(example, texts) == {
        "name": "b",
        "sizes": (20, 56),
        "kinds": ("x",),
        "rate": 1.0,
        "seeds": 1000,
        "fast": True,
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("size=1", "did you mean 'sizes'"),
        ("seeds", "'seeds' is not NAME=VALUE"),
        ("seeds=two", "'seeds' takes an integer such as 2, not 'two'"),
        ("seeds=", "'seeds' takes an integer"),
        ("sizes=1,b", "'sizes' takes a tuple, each item an integer, such as (1, 2), not '1,b'"),
        ("sizes=", "'sizes' takes a tuple"),
        ("kinds=", "'kinds' takes a tuple"),
        ("fast=yes", "'fast' takes true or false, not 'yes'"),
    ],
)
def test_a_wrong_setting_is_quoted(text, said):
    with pytest.raises(InputError) as caught:
        settings(example, [text])
    assert said in str(caught.value)


def test_experiments_are_found_by_path_and_by_name():
    assert load_experiment("experiments/degradation.py").sweep
    assert load_experiment("degradation").report


def test_a_missing_or_broken_experiment_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match=r"did you mean 'experiments/degradation\.py'"):
        load_experiment("experiments/degradaton.py")
    file = tmp_path / "x.py"
    file.write_text("sweep = print\n")
    with pytest.raises(InputError, match="no report"):
        load_experiment(str(file))
    file.write_text("1 +\n")
    with pytest.raises(InputError, match="SyntaxError"):
        load_experiment(str(file))
