"""What a plan reads from a compiled step, against what the network has."""

import json
import subprocess
import sys

import jax
import pytest

from resinc import config as config_lib
from resinc.cli import main
from resinc.cost.count import network_cost
from resinc.errors import InputError
from resinc.networks.variables import variable_shapes
from resinc.train.assemble import assemble
from resinc.train.compiled.planned import compile_steps, reduced, sizes
from tests.train.several import ends, environment, free_port

# Scanned by default, so that a loop's body would count once.
RECIPE = "configs/digits.py:depth=14,block=residual"

TOGETHER = {"model.width": 4, "model.scan": False, "parallel.replicas": 0}


def config(*flags):
    return config_lib.load(RECIPE, [f"--config.{flag}" for flag in flags])


@pytest.fixture(scope="module")
def steps():
    return compile_steps(config("model.width=4"), 0, (2, 4), each=8)


def test_gradients_and_statistics_are_averaged_in_float32_on_any_number_of_devices(steps):
    machine = assemble(config("model.width=4"))
    shapes = variable_shapes(machine.network, machine.dataset.spec.image_shape)
    numbers = sum(leaf.size for leaf in jax.tree.leaves(shapes))
    assert steps[2].reduced == steps[4].reduced == 4 * (numbers + 2)  # Loss and error besides.


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 4])
def test_it_is_the_program_that_so_many_processes_compile(count, steps):
    flags = [f"--config.{name}={value}" for name, value in TOGETHER.items()]
    flags.append(f"--config.batch_size={8 * count}")
    members = [f"127.0.0.1:{free_port()}", None, count]
    processes = []
    for number in range(count):
        members[1] = number
        arguments = RECIPE, json.dumps(flags), json.dumps(members)
        processes.append(
            subprocess.Popen(
                [sys.executable, "-m", "tests.train.compiling", *arguments],
                env=environment(devices=1),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
            )
        )
    statuses, outputs = ends(processes)
    assert statuses == [0] * count, outputs
    for output in outputs:
        found = json.loads(output.splitlines()[-1])
        assert found["reduced"] == steps[count].reduced
        assert found["multiply_adds"] == pytest.approx(steps[count].multiply_adds, rel=1e-3)


def test_multiply_adds_are_three_times_those_of_the_forward_pass(steps):
    machine = assemble(config("model.width=4"))
    cost = network_cost(machine.network, machine.dataset.spec.image_shape)
    inside = cost.multiply_adds - cost.padding
    for step in steps.values():
        # Element by element operations count as flops too; a stem has no gradient to its input.
        assert 2.5 < step.multiply_adds / 8 / inside < 4.5


def test_memory_and_traffic_are_those_of_one_device_and_grow_with_its_images(steps):
    assert steps[2].traffic == pytest.approx(steps[4].traffic, rel=0.01)
    (twice,) = compile_steps(config("model.width=4"), 0, (2,), each=16).values()
    assert 1.5 < twice.traffic / steps[2].traffic < 2.1
    assert steps[2].memory < twice.memory < 2 * steps[2].memory


def test_bfloat16_halves_what_moves_and_not_what_is_averaged(steps):
    (half,) = compile_steps(config("model.width=4", "model.dtype=bfloat16"), 0, (2,), 8).values()
    assert half.traffic == steps[2].traffic / 2
    assert half.reduced == steps[2].reduced
    assert half.itemsize == 2


def test_all_reduces_are_read_from_a_compiled_program():
    program = """
  %all-reduce.1 = (f32[3,2]{1,0}, bf16[4]{0}, /*index=5*/s32[]) all-reduce(%a, %b, %c), to_apply=%x
  %get-tuple-element.2 = f32[3,2]{1,0} get-tuple-element(%all-reduce.1), index=0
  %all-reduce-start.3 = f32[5]{0} all-reduce-start(%d), to_apply=%x
"""
    assert reduced(program) == 24 + 8 + 4 + 20


def test_a_set_of_image_files_needs_its_sizes_and_not_its_files():
    imagenet = config_lib.load("configs/imagenet.py", [])
    assert sizes(imagenet, 1000).image_shape == (224, 224, 3)
    with pytest.raises(
        InputError, match=r"needs data.image_size \(now 224\) and --classes \(now 0"
    ):
        sizes(imagenet, 0)
    with pytest.raises(InputError, match="batch size 256 is not divisible by 3 devices"):
        compile_steps(imagenet, 1000, (2, 3))


def test_the_command_plans_for_devices_that_are_not_here():
    command = [sys.executable, "-m", "resinc", "plan", "--config=configs/digits.py:depth=8"]
    command += ["--devices=64", "--chip=v6e,h100", "--per-device=2"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = [line.split(" | ")[0] for line in done.stdout.splitlines() if line.startswith("|")][2:]
    assert rows == ["| 64 TPU v6e", "| 64 H100 SXM"]
    assert "Assumed (resinc/cost/chips.py)" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--chip=v6"], "unknown chip 'v6'"),
        (["--devices=0,2"], "'0,2' is no list of whole numbers of at least 1"),
        (["--devices=8,"], "'8,' is no list"),
    ],
)
def test_a_mistake_is_one_sentence(arguments, sentence, capsys):
    assert main(["plan", "--config=configs/digits.py", *arguments]) == 2
    assert sentence in capsys.readouterr().err
