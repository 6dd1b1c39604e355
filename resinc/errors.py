"""The exception that a user, not a programmer, is meant to read; and what is nobody's mistake."""

import errno
import os
import re


class InputError(ValueError):
    """A mistake in what the user gave: one sentence that quotes the value and the rule.

    The command line prints it without a traceback and exits with status 2.
    """


# What a machine does to a command: its disk is full or broken, its network folder is gone, a file
# belongs to somebody else or is a folder, too many are open.
_OUTSIDE = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.ESTALE),
    *(errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE, errno.ENOTCONN),
    *(errno.EISDIR, errno.ENOTDIR, errno.EEXIST),
)
# How TensorStore numbers what the system said, in all that Orbax passes on of its writing threads.
_NUMBER = re.compile(r"(?:os_error_code='|OS error )(\d+)")
# What XLA says, of the host's memory as of a device's.
_NO_MEMORY = "RESOURCE_EXHAUSTED: Out of memory"


def outside_sentence(error: BaseException) -> str:
    """`outside_cause` with what was noted on the way; "" likewise."""
    cause = outside_cause(error)
    return "; ".join([cause, *getattr(error, "__notes__", ())]) if cause else ""


def outside_cause(error: BaseException) -> str:
    """One sentence where the machine, not the code, is to blame for an error; else "".

    Looked for in what it was raised from, and in the words too.
    """
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        if isinstance(current, OSError) and current.errno in _OUTSIDE:
            where = f": {str(current.filename)!r}" if current.filename else ""
            return f"{current.strerror or os.strerror(current.errno)}{where}"
        if isinstance(current, MemoryError) or _NO_MEMORY in str(current):
            return "out of memory: a smaller batch or network, or model.remat=true, needs less"
        told = [number for number in map(int, _NUMBER.findall(str(current))) if number in _OUTSIDE]
        words = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES)
        for number in told or [number for number in words if os.strerror(number) in str(current)]:
            return os.strerror(number)
        current = current.__cause__
    return ""
