"""What most commands of this folder cannot do without."""

from resinc.errors import InputError
from resinc.launch.local import visible_devices


def need_gpu(instead: str = "") -> None:
    """Raises InputError without one; it also says what can be done instead."""
    if not visible_devices():
        raise InputError("JAX has no GPU here" + (f"; {instead}" if instead else ""))
