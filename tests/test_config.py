"""Recipes and overrides: what is accepted, and that each mistake is one clear sentence."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from resinc import config as config_lib
from resinc.errors import InputError


def test_arguments_and_overrides_reach_the_config():
    config = config_lib.load(
        "configs/digits.py:depth=56,block=plain",
        [
            "--config.seed=3",
            "--config.optimizer.lr=1",
            "--config.model.scan=false",
            "--config.schedule.boundaries=(0.2, 0.3)",
            "--config.data.dir=/a=b",
            "--config.data.mean=(0, 0.5)",
            "--config.probes=('lesions',)",
        ],
    )
    assert config.model.depth == 56
    assert config.model.block == "plain"
    assert config.seed == 3
    assert config.optimizer.lr == 1.0
    assert isinstance(config.optimizer.lr, float)
    assert config.model.scan is False
    assert config.schedule.boundaries == (0.2, 0.3)
    assert config.data.dir == "/a=b"
    assert config.data.mean == (0, 0.5)
    assert config.probes == ("lesions",)


def test_last_override_of_a_field_wins():
    overrides = ["--config.schedule.boundaries=(0.1,)", "--config.schedule.boundaries=(0.2,0.3)"]
    config = config_lib.load("configs/digits.py", overrides)
    assert config.schedule.boundaries == (0.2, 0.3)


def test_config_is_locked():
    config = config_lib.load("configs/digits.py")
    with pytest.raises(AttributeError):
        config.model.depht = 20


def test_two_loads_share_nothing():
    first = config_lib.load("configs/digits.py")
    first.model.depth = 8
    assert config_lib.load("configs/digits.py").model.depth == 20


@pytest.mark.parametrize(
    ("path", "overrides", "said"),
    [
        ("configs/digit.py", [], ["'configs/digit.py'", "did you mean 'digits.py'"]),
        ("configs", [], ["'configs'"]),
        ("", [], ["no recipe file ''"]),
        ("nowhere/x.py", [], ["'nowhere/x.py'", "digits.py"]),
        ("configs/__init__.py", [], ["no get_config"]),
        ("configs/base.py:depth=3", [], ["'depth'", "network"]),
        ("configs/base.py:network=resnet-5", [], ["'resnet-5'", "did you mean 'resnet-56'"]),
        (
            "configs/cifar.py:depth=56,network=resnet-20",
            [],
            ["depth=56 contradicts network=resnet-20"],
        ),
        ("configs/cifar.py:network=nin,block=plain", [], ["block=plain contradicts network=nin"]),
        ("configs/digits.py:depht=20", [], ["'depht'", "did you mean 'depth'"]),
        ("configs/digits.py:depth=deep", [], ["'deep'", "an integer"]),
        ("configs/digits.py:depth", [], ["'depth'", "NAME=VALUE"]),
        ("configs/digits.py", ["--config.optimizer.ler=1"], ["did you mean 'optimizer.lr'"]),
        ("configs/digits.py", ["--config.lr=1"], ["'lr'", "did you mean 'optimizer.lr'"]),
        ("configs/digits.py", ["--config.zzz=1"], ["unknown config field 'zzz'", "steps"]),
        ("configs/digits.py", ["--config.optimizer=1"], ["section", "optimizer.momentum"]),
        ("configs/digits.py", ["--config.steps=1.5"], ["'steps'", "an integer", "'1.5'", "120"]),
        ("configs/digits.py", ["--config.steps="], ["'steps'", "an integer", "''"]),
        ("configs/digits.py", ["--config.optimizer.lr=fast"], ["a number", "'fast'"]),
        ("configs/digits.py", ["--config.model.scan=maybe"], ["true or false", "'maybe'"]),
        ("configs/digits.py", ["--config.schedule.boundaries=(a,b)"], ["tuple", "(0.5, 0.75)"]),
        ("configs/digits.py", ["--config.schedule.boundaries=('a','b')"], ["tuple"]),
        ("configs/digits.py", ["--config.steps"], ["FIELD=VALUE"]),
        ("configs/digits.py", ["--steps=1"], ["FIELD=VALUE", "'--steps=1'"]),
    ],
)
def test_a_mistake_is_one_sentence(path, overrides, said):
    with pytest.raises(InputError) as caught:
        config_lib.load(path, overrides)
    message = str(caught.value)
    assert "\n" not in message
    for words in said:
        assert words in message


def test_a_recipe_that_raises_is_named(tmp_path):
    recipe = tmp_path / "broken.py"
    recipe.write_text("import no_such_module\n")
    with pytest.raises(InputError, match=r"broken\.py.*no_such_module"):
        config_lib.load(str(recipe))
    recipe.write_text("def get_config():\n    return {}\n")
    with pytest.raises(InputError, match="returned dict"):
        config_lib.load(str(recipe))


def test_relative_recipe_is_found_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert config_lib.load("configs/digits.py:depth=32").model.depth == 32


def test_json_round_trip_has_no_differences(tmp_path):
    config = config_lib.load("configs/cifar.py:depth=110")
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config_lib.to_dict(config), sort_keys=True))
    back = config_lib.from_json(path)
    assert config_lib.differences(back, config_lib.to_dict(config)) == []
    assert back.schedule.boundaries == (0.5, 0.75)
    assert back == config


def test_differences_name_field_and_both_values():
    old = config_lib.to_dict(config_lib.load("configs/digits.py:depth=20"))
    new = config_lib.to_dict(
        config_lib.load("configs/digits.py:depth=56,block=plain", ["--config.data.dir=/moved"])
    )
    assert config_lib.differences(old, new) == [
        'model.block: "residual" there, "plain" now',
        "model.depth: 20 there, 56 now",
    ]
    old["model"]["colour"] = "red"
    assert 'model.colour: "red" there, absent now' in config_lib.differences(old, new)


def test_a_damaged_config_json_is_named(tmp_path):
    path = tmp_path / "config.json"
    with pytest.raises(InputError, match=r"config\.json"):
        config_lib.from_json(path)
    path.write_text('{"steps": 1')
    with pytest.raises(InputError, match=r"config\.json"):
        config_lib.from_json(path)


def test_loading_a_config_imports_no_jax():
    code = (
        "import sys; from resinc import config; config.load('configs/digits.py');"
        "assert 'jax' not in sys.modules, 'jax was imported'"
    )
    root = Path(__file__).parent.parent
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root, timeout=600)


def test_a_run_from_before_a_field_existed_is_one_of_its_default(tmp_path):
    now = config_lib.to_dict(config_lib.load("configs/digits.py"))
    old = json.loads(json.dumps(now))
    del old["probes"], old["model"]["auxiliary_heads"]
    assert config_lib.differences(old, now) == []
    (tmp_path / "config.json").write_text(json.dumps(old))
    assert config_lib.to_dict(config_lib.from_json(tmp_path / "config.json")) == now
    other = config_lib.load("configs/digits.py", ["--config.model.auxiliary_heads=2"])
    assert config_lib.differences(old, config_lib.to_dict(other)) == [
        "model.auxiliary_heads: 0 there, 2 now"
    ]
