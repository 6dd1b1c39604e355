"""What XLA must be told before JAX starts it, and a check that it computes right sums on a CPU.

jax 0.10.2 fuses sums on the CPU into kernels of the library YNN, and some are wrong, silently (jax
issue 39103): over 32,769 rows of three numbers one came out 0.8 % off. The flag leaves those
fusions out; `ops.norm` sums in another, equally fast form. jax 0.11 and 0.12 are right as they are.
"""

import functools
from collections.abc import Mapping, MutableMapping
from importlib.metadata import version
from pathlib import Path

from resinc.cache import kernel_choices
from resinc.cores import available_cores
from resinc.errors import InputError

_ADDED = "RESINC_XLA_FLAGS"  # Variable that holds what was added.
_FUSIONS = "--xla_cpu_experimental_ynn_fusion_type"
# Both leave the kernels out whose bits vary (openxla/xla#12520); the second switches autotuning off
# besides.
_EXCLUDED, _UNMEASURED = "--xla_gpu_exclude_nondeterministic_ops", "--xla_gpu_deterministic_ops"
# Versions of jaxlib with the fault; 0.10.0 and 0.10.1 have it not. XLA aborts on a flag that it
# does not know, so no other is given it.
_WRONG = ("0.10.2",)
_OFF, _ON = ("", "0", "f", "false", "n", "no", "off"), ("1", "t", "true", "y", "yes", "on")
# Variables of JAX's that change what a seed, a type or a step is -> the values that do not.
_MEANINGS = {
    "JAX_ENABLE_X64": _OFF,
    "JAX_DISABLE_JIT": _OFF,
    "JAX_NUMPY_DTYPE_PROMOTION": ("standard",),
    "JAX_DEFAULT_PRNG_IMPL": ("threefry2x32",),
    "JAX_THREEFRY_PARTITIONABLE": _ON,
    "JAX_RANDOM_SEED_OFFSET": ("0",),
}


def check_variables(environment: Mapping[str, str]) -> None:
    """See that nothing in the environment changes what a run computes, which is its config's alone.

    Raises:
      InputError: something does, or XLA_FLAGS is neither flags nor a file of them.
    """
    flags(environment)
    for name, harmless in _MEANINGS.items():
        if environment.get(name, harmless[0]).lower() not in harmless:
            raise InputError(
                f"{name}={environment[name]!r} would change what a run computes from its config "
                "and seed: unset it"
            )


def flags(environment: Mapping[str, str]) -> str:
    """Those of XLA_FLAGS; where it does not begin with "-", XLA takes it for a file of flags.

    Raises:
      InputError: there is no such file; XLA would end the process.
    """
    given = environment.get("XLA_FLAGS", "")
    if not given.strip() or given.lstrip().startswith("-"):
        return given
    try:
        return " ".join(Path(given).read_text(encoding="utf-8").splitlines())
    except (OSError, ValueError) as error:
        raise InputError(
            f"XLA_FLAGS={given!r} is neither flags, which begin with '-', nor a file of flags: "
            f"{error.strerror if isinstance(error, OSError) else error}"
        ) from None


def add_flag(environment: MutableMapping[str, str], flag: str) -> None:
    """Raises InputError as `flags` does."""
    environment["XLA_FLAGS"] = f"{flags(environment)} {flag}".strip()


def guard_sums(environment: MutableMapping[str, str]) -> None:
    """Add to XLA_FLAGS what keeps sums right; has an effect until JAX starts its back end.

    A choice of these fusions that XLA_FLAGS already makes stays as it is: `check_sums` judges it.
    That of a parent process is no such choice: a sweep has all cores, its runs have one each.
    """
    given = as_given(environment)
    # By its record, not by itself: what needs no JAX loads nothing of it.
    if version("jaxlib") not in _WRONG:
        return
    try:
        if _FUSIONS in flags(given):
            return
    except InputError:
        return  # Said by what starts JAX: this is called by an import.
    # On one core YNN's convolutions and products are the faster ones. On several it does not share
    # out its convolutions, nor products of many small matrices (36 of 512x64 by 64x64: 1.45 ms on
    # one core and on two, Eigen's 1.0 on two): a step of ResNet-20 took 360 to 412 ms with its
    # convolutions and 286 to 306 without, one of ResNet-56 800 to 836 with its products and 731 to
    # 755 without.
    alone = cores_per_device(environment) == 1
    fusions = "-reduce" if alone else "-individual_convolution,-individual_dot,-reduce"
    add_flag(given, f"{_FUSIONS}={fusions}")
    environment.update({_ADDED: f"{_FUSIONS}={fusions}", "XLA_FLAGS": given["XLA_FLAGS"]})


def cores_per_device(environment: Mapping[str, str]) -> int:
    """All of them, unless JAX_NUM_CPU_DEVICES divides them among several devices of JAX."""
    devices = environment.get("JAX_NUM_CPU_DEVICES", "")
    count = int(devices) if devices.isdecimal() else 1
    return max(1, len(available_cores()) // max(1, count))


def same_bits(environment: MutableMapping[str, str]) -> None:
    """Add to XLA_FLAGS what leaves a GPU no kernel that gives other bits each time.

    Which of the others is the fastest is measured, and measured again it may be another, of other
    bits: JAX keeps what was chosen beside compiled programs. Where it keeps nothing, nothing is
    measured either. A choice that XLA_FLAGS already makes stays as it is.

    Raises:
      InputError: XLA_FLAGS is neither flags nor a file of them.
    """
    given = flags(environment)
    if any(flag in given for flag in (_EXCLUDED, _UNMEASURED)):
        return
    add_flag(environment, f"{_EXCLUDED if kernel_choices(environment) else _UNMEASURED}=true")


def as_given(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without what `guard_sums` added to it, in this process or its parent."""
    given = dict(environment)
    flags = given.get("XLA_FLAGS", "").split()
    if (added := given.pop(_ADDED, "")) in flags:
        given["XLA_FLAGS"] = " ".join(flag for flag in flags if flag != added)
    return given


@functools.cache
def check_sums() -> None:
    """Compute one sum that is known to have been wrong.

    Raises:
      InputError: it is wrong here.
    """
    import jax
    import jax.numpy as jnp
    import numpy as np

    if jax.default_backend() != "cpu":
        return
    rows = 32_769
    # NumPy's, so that one program is compiled, not six.
    matrix = np.eye(3, dtype=np.float32)
    vectors = np.zeros((rows, 3), np.float32)
    vectors[:, 0] = np.arange(rows)
    sums = jax.jit(jax.vmap(lambda row: jnp.sum((matrix @ row) ** 2)))(vectors)
    found, right = float(sums[-1]), float((rows - 1) ** 2)
    if found != right:
        raise InputError(
            f"jax {jax.__version__} computes wrong sums on this CPU ({found:.0f} for {right:.0f}): "
            f"import resinc before JAX starts, or set XLA_FLAGS={_FUSIONS}=-reduce"
        )
