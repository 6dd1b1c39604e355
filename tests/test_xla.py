"""Sums on the CPU are right in every process that uses resinc, or it says that they are not."""

import os
import subprocess
import sys
from importlib import metadata

import pytest

from resinc import xla
from resinc.cli import main

FUSIONS = "--xla_cpu_experimental_ynn_fusion_type"
VERSION = metadata.version("jaxlib")


def python(program, flags=""):
    """Run in a process of its own: XLA reads its flags once."""
    environment = os.environ | {"XLA_FLAGS": flags}
    command = [sys.executable, "-c", program]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)


def test_sums_are_right_where_resinc_is_imported_even_after_jax():
    done = python("import jax, resinc.blocks; from resinc.xla import check_sums; check_sums()")
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(VERSION != "0.10.2", reason=f"jaxlib {VERSION} is right by itself")
@pytest.mark.parametrize(
    ("start", "flags"),
    [
        ("import jax; jax.devices()", ""),
        ("", f"{FUSIONS}=dot,eltwise,reduce"),
        ("import os, resinc.blocks; os.environ['XLA_FLAGS'] = ''", ""),
    ],
    ids=["JAX started first", "the user's own flag", "flags replaced after the import"],
)
def test_wrong_sums_are_refused_in_a_sentence(start, flags):
    done = python(f"{start}\nfrom resinc.xla import check_sums\ncheck_sums()", flags)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert "computes wrong sums on this CPU (1065369600 for 1073741824)" in last
    assert FUSIONS in last


@pytest.mark.parametrize("version", ["0.9.2", "0.10.1", "0.10.2", "0.11.0", "0.12.0.1", "0.13.0"])
def test_flag_is_given_to_the_versions_that_need_it(version, monkeypatch):
    """XLA aborts the process on a flag that it does not know."""
    monkeypatch.setattr(xla, "version", {"jaxlib": version}.get)
    environment = {"XLA_FLAGS": "--xla_dump_to=x"}
    xla.guard_sums(environment)
    first, *more = environment["XLA_FLAGS"].split()
    assert first == "--xla_dump_to=x"
    assert [flag.partition("=")[0] for flag in more] == [FUSIONS] * (version == "0.10.2")
    assert all(flag.endswith("-reduce") for flag in more)


def test_a_process_with_other_cores_than_its_parent_chooses_for_itself(monkeypatch):
    """A sweep has all cores and starts runs on one each, which inherit its environment."""
    monkeypatch.setattr(xla, "version", {"jaxlib": "0.10.2"}.get)
    environment = {"XLA_FLAGS": "--xla_dump_to=x"}
    for cores, fusions in (2, "-individual_convolution,-individual_dot,-reduce"), (1, "-reduce"):
        monkeypatch.setattr(xla, "available_cores", lambda cores=cores: list(range(cores)))
        xla.guard_sums(environment)
        assert environment["XLA_FLAGS"] == f"--xla_dump_to=x {FUSIONS}={fusions}"
    assert xla.as_given(environment) == {"XLA_FLAGS": "--xla_dump_to=x"}


def test_a_device_per_core_gets_what_is_fastest_on_one_core(monkeypatch):
    monkeypatch.setattr(xla, "version", {"jaxlib": "0.10.2"}.get)
    monkeypatch.setattr(xla, "available_cores", lambda: [0, 1])
    for devices, fusions in (
        ("2", "-reduce"),
        ("x", "-individual_convolution,-individual_dot,-reduce"),
    ):
        environment = {"JAX_NUM_CPU_DEVICES": devices}
        xla.guard_sums(environment)
        assert environment["XLA_FLAGS"] == f"{FUSIONS}={fusions}"


def test_a_choice_of_the_user_stays(monkeypatch):
    monkeypatch.setattr(xla, "version", {"jaxlib": "0.10.2"}.get)
    environment = {"XLA_FLAGS": f"{FUSIONS}="}
    xla.guard_sums(environment)
    assert environment == {"XLA_FLAGS": f"{FUSIONS}="}


KEPT = {"JAX_COMPILATION_CACHE_DIR": "/cache"}
MEASURED, UNMEASURED = "xla_gpu_exclude_nondeterministic_ops", "xla_gpu_deterministic_ops"


@pytest.mark.parametrize(
    ("environment", "flag"),
    [
        (KEPT, MEASURED),
        ({}, UNMEASURED),
        (KEPT | {"JAX_ENABLE_COMPILATION_CACHE": "False"}, UNMEASURED),
        (KEPT | {"JAX_PERSISTENT_CACHE_ENABLE_XLA_CACHES": "none"}, UNMEASURED),
        (KEPT | {"JAX_PERSISTENT_CACHE_ENABLE_XLA_CACHES": "all"}, MEASURED),
    ],
    ids=["kept", "no cache", "cache off", "cache of programs alone", "all caches"],
)
def test_kernels_of_a_gpu_are_chosen_by_measuring_where_the_choice_is_kept(environment, flag):
    given = environment | {"XLA_FLAGS": "--xla_dump_to=x"}
    xla.same_bits(given)
    assert given["XLA_FLAGS"] == f"--xla_dump_to=x --{flag}=true"


@pytest.mark.parametrize("flag", [f"--{MEASURED}=false", f"--{UNMEASURED}=true"])
def test_the_users_own_choice_of_kernels_stays(flag):
    given = {"XLA_FLAGS": flag}
    xla.same_bits(given)
    assert given == {"XLA_FLAGS": flag}


def test_xla_knows_both_flags_about_kernels():
    """It aborts the process on one that it does not know."""
    for environment in KEPT, {}:
        given = dict(environment)
        xla.same_bits(given)
        assert python("import jax; jax.devices()", given["XLA_FLAGS"]).returncode == 0


def test_flags_that_lie_in_a_file_are_kept(tmp_path, monkeypatch):
    """What is no flag XLA takes for a file's name: with a flag behind it, for that of no file."""
    monkeypatch.setattr(xla, "version", {"jaxlib": "0.10.2"}.get)
    (tmp_path / "flags").write_text("--xla_dump_to=x\n--xla_dump_hlo_as_text\n")
    environment = {"XLA_FLAGS": str(tmp_path / "flags")}
    xla.guard_sums(environment)
    xla.same_bits(environment)
    given = environment["XLA_FLAGS"].split()
    assert given[:2] == ["--xla_dump_to=x", "--xla_dump_hlo_as_text"]
    assert [flag.partition("=")[0] for flag in given[2:]] == [FUSIONS, f"--{UNMEASURED}"]


def refusal(**variables):
    """The one line with which a command refuses these variables of its environment."""
    command = [sys.executable, "-m", "resinc", "summary", "resnet-20"]
    environment = os.environ | variables
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_flags_that_are_none_are_a_sentence():
    """XLA would end the process with its own stack."""
    sentence = refusal(XLA_FLAGS="xla_dump_to=x")
    assert sentence.startswith("resinc: XLA_FLAGS='xla_dump_to=x' is neither flags, which begin")


@pytest.mark.parametrize(
    ("name", "changing", "harmless"),
    [
        ("JAX_ENABLE_X64", "1", "False"),
        ("JAX_DISABLE_JIT", "true", "0"),
        ("JAX_NUMPY_DTYPE_PROMOTION", "strict", "standard"),
        ("JAX_DEFAULT_PRNG_IMPL", "rbg", "threefry2x32"),
        ("JAX_THREEFRY_PARTITIONABLE", "0", "True"),
        ("JAX_RANDOM_SEED_OFFSET", "3", "0"),
    ],
)
def test_variables_that_change_what_a_seed_or_type_means_are_refused(
    name, changing, harmless, monkeypatch, tmp_path, capsys
):
    """With JAX_ENABLE_X64=1 a run ended in 92 lines of traceback, behind its first files."""
    xla.check_variables({name: harmless})
    monkeypatch.setenv(name, changing)
    commands = [
        ["train", "--config=configs/digits.py:depth=8", f"--workdir={tmp_path / 'run'}"],
        ["sweep", "experiments/degradation.py", "--root", str(tmp_path / "run")],
    ]
    for command in commands:
        assert main(command) == 2
        said = capsys.readouterr().err
        assert said.startswith(f"resinc: {name}='{changing}' would change what a run computes")
        assert said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_variable_that_jax_refuses_is_a_sentence():
    sentence = refusal(JAX_DEFAULT_MATMUL_PRECISION="bogus")
    assert sentence.startswith("resinc: JAX refuses its environment: Invalid value")
