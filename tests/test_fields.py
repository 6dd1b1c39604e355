"""Every value that a config may hold is known before anything is written, the lock included."""

import json
import math

import pytest

from configs import base, chain
from resinc import config as config_lib
from resinc.cli import main
from resinc.errors import InputError
from resinc.fields import Each, Integer, KeyOf, Number, check, filled

SCHEMAS = {"base": base.FIELDS, "chain": chain.FIELDS}
ALL = [(schema, name) for schema, fields in SCHEMAS.items() for name in fields]


def numeric(rule):
    return isinstance(rule, Number) or (isinstance(rule, Each) and numeric(rule.rule))


NUMERIC = [(schema, name) for schema, name in ALL if numeric(SCHEMAS[schema][name][1])]


def changed(schema, name, value):
    """The defaults with one field replaced, as a damaged config.json could."""
    values = json.loads(json.dumps(config_lib.to_dict(filled(SCHEMAS[schema]))))
    place = values
    *sections, last = name.split(".")
    for section in sections:
        place = place[section]
    place[last] = value
    return values


@pytest.mark.parametrize("schema", SCHEMAS)
def test_every_default_keeps_its_own_rule(schema):
    check(filled(SCHEMAS[schema]), SCHEMAS[schema])


@pytest.mark.parametrize(("schema", "name"), ALL)
def test_every_number_has_a_rule_of_numbers(schema, name):
    default, rule = SCHEMAS[schema][name]
    if default == ():
        return  # It says nothing of its items.
    first = default[0] if isinstance(default, tuple) else default
    is_number = isinstance(first, int | float) and not isinstance(first, bool)
    assert numeric(rule) == is_number
    if is_number:
        inner = rule.rule if isinstance(rule, Each) else rule
        assert isinstance(inner, Integer) == isinstance(first, int)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e39, "many", None, True, [[]]])
@pytest.mark.parametrize(("schema", "name"), NUMERIC)
def test_what_is_no_finite_number_is_refused_everywhere(schema, name, value):
    default, rule = SCHEMAS[schema][name]
    if isinstance(rule, Each):
        value = [value, *default[1:]]
    with pytest.raises(InputError, match=name):
        check(changed(schema, name, value), SCHEMAS[schema], choices=False)


@pytest.mark.parametrize(
    "name", [name for name, (_, rule) in base.FIELDS.items() if isinstance(rule, KeyOf)]
)
def test_a_name_is_looked_up_in_its_registry(name):
    with pytest.raises(InputError, match=f"unknown {name} 'zzz': the choices are "):
        check(changed("base", name, "zzz"), base.FIELDS)


@pytest.mark.parametrize(
    ("rule", "inside", "outside"),
    [
        (Number(least=0, below=1), [0, 0.5], [-0.1, 1, 0.99999999999]),  # The last is 1 in float32.
        (Number(above=0, most=1), [0.1, 1], [0, -1, 1.1, 1e-60]),  # The last is 0 in float32.
        (Number(), [-6, 1e30], [1e39]),
        (Integer(least=1), [1, 2**31 - 1], [0, 2**31, 1.0, 10**20]),
        (Each(Integer(least=1), length=3), [(1, 2, 3), [1, 2, 3]], [(1, 2), (1, 2, 0), 3, "abc"]),
    ],
)
def test_bounds_are_kept_also_in_float32(rule, inside, outside):
    for value in inside:
        rule.check("field", value, True)
    for value in outside:
        with pytest.raises(InputError, match="field"):
            rule.check("field", value, True)


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("schedule.factor=-1", "schedule.factor -1.0 is not a finite number that is above 0"),
        ("schedule.factor=nan", "schedule.factor nan is not a finite number"),
        ("seed=99999999999999999999", "at least 0 and at most 4,294,967,295"),
        ("seed=-1", "seed -1 is not an integer that is at least 0"),
        ("optimizer.momentum=2", "optimizer.momentum 2.0 is not a finite number"),
        ("model.batch_norm_decay=nan", "model.batch_norm_decay nan is not"),
        ("optimizer.lr=inf", "optimizer.lr inf is not a finite number that is above 0"),
        ("data.crop_pad=-1", "data.crop_pad -1 is not an integer that is at least 0"),
        ("data.std=(0,)", "data.std 0 is not a finite number that is above 0"),
        ("schedule.boundaries=(0.5,1.5)", "schedule.boundaries 1.5 is not"),
        ("steps=0", "steps 0 is not an integer that is at least 1"),
        ("data.augment=flip", "unknown data.augment 'flip'"),
        ("probes=('lesion',)", "did you mean 'lesions'"),
    ],
)
def test_a_refused_value_leaves_no_folder_and_the_corrected_command_its_own(
    override, sentence, tmp_path, capsys
):
    workdir = tmp_path / "run"
    command = ["train", "--config=configs/digits.py:depth=8", f"--workdir={workdir}"]
    assert main([*command, f"--config.{override}"]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1
    assert not workdir.exists()


def test_a_crop_that_may_be_all_padding_is_refused(tmp_path, capsys):
    crops = ["--config.data.augment=crop", "--config.data.crop_pad=8"]
    command = ["train", "--config=configs/digits.py:depth=8", *crops]
    assert main([*command, f"--workdir={tmp_path / 'run'}"]) == 2
    assert "data.crop_pad 8 is not below the 8x8 pixels" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("override", ["repeats=0", "input=(28,28)", "input=(28,28,0)", "seed=-1"])
def test_a_measurement_is_checked_likewise(override, tmp_path, capsys):
    workdir = tmp_path / "chain"
    command = ["measure", "--config=configs/chain.py", f"--config.{override}"]
    assert main([*command, f"--workdir={workdir}"]) == 2
    assert override.partition("=")[0] in capsys.readouterr().err
    assert not workdir.exists()


def test_a_sweep_with_a_refused_cell_writes_nothing(tmp_path, capsys):
    root = tmp_path / "sweep"
    experiment = tmp_path / "own.py"
    experiment.write_text(
        "from resinc.launch.cell import Cell\n"
        "report = None.__eq__\n\n\n"
        "def sweep():\n"
        "    for block in ('residual', 'plane'):\n"
        "        yield Cell('configs/digits.py', {'block': block, 'depth': 8})\n",
        encoding="utf-8",
    )
    assert main(["sweep", str(experiment), "--root", str(root)]) == 2
    assert "unknown model.block 'plane' (did you mean 'plain'?)" in capsys.readouterr().err
    assert not root.exists()


def test_a_recipe_that_drops_a_field_is_told(tmp_path):
    recipe = tmp_path / "own.py"
    recipe.write_text(
        "from configs import base\ndef get_config():\n"
        "    c = base.get_config()\n    del c.optimizer['lr']\n    return c\n",
        encoding="utf-8",
    )
    with pytest.raises(InputError, match=r"has no field 'optimizer\.lr'"):
        config_lib.load(str(recipe))
