"""How a command starts JAX: what must stand before it is imported, and whether it has a device."""

import gc
import logging
import os
import subprocess
import sys
from collections.abc import Callable

from resinc.cache import keep_compiled
from resinc.errors import InputError
from resinc.xla import check_variables, same_bits


def prepare_jax(deterministic: bool, join: Callable[[], None] | None = None) -> None:
    """Settings that must stand before JAX is imported.

    Args:
      deterministic: whether the same program is to give the same bits.
      join: what must be the first call of JAX, of a command that several processes share.

    Raises:
      InputError: several processes of another command, no device of JAX_PLATFORMS, or a variable
        that changes what is computed.
    """
    logging.getLogger("absl").setLevel(logging.WARNING)  # Orbax tells of every file it renames.
    keep_compiled(os.environ)
    check_variables(os.environ)
    if deterministic:
        same_bits(os.environ)
    if "jax" not in sys.modules:
        # Tracing makes a million objects that stay: looking through them all again and again took
        # a fifth of a start (5.3 s, now 4.3).
        gc.set_threshold(50_000, 10, 10)
    try:
        import jax  # noqa: F401
    except ValueError as error:  # Of a variable that holds none of its choices.
        raise InputError(f"JAX refuses its environment: {error}") from None
    if join:
        join()
    else:
        from resinc.train.distributed.cluster import check_alone

        check_alone(os.environ)
    if os.environ.get("JAX_PLATFORMS"):
        check_platform()


def check_platform() -> None:
    """Ask JAX for the devices that JAX_PLATFORMS names, before anything is written.

    Raises:
      InputError: there are none, or no such platform.
    """
    import jax

    try:
        jax.devices()
    except Exception as error:  # Each platform fails in its own way, CUDA in a bare assertion.
        reason = " ".join(str(error).split()) or "this JAX was installed without it"
        named = os.environ["JAX_PLATFORMS"]
        raise InputError(f"JAX_PLATFORMS={named!r} gives no device: {reason}") from None


def check_platform_apart() -> None:
    """`check_platform` in a process of its own: one that holds a device keeps it from the runs.

    Raises:
      InputError: as there.
    """
    code = "from resinc.cli.jax_start import check_platform; check_platform()"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", errors="replace"
    )
    if done.returncode:
        reason = done.stderr.strip().rpartition("\n")[2]
        raise InputError(reason.removeprefix("resinc.errors.InputError: "))
