"""Examples that cannot be used: the first one stops the run, or each is passed over and named."""

import threading
from collections.abc import Mapping

from resinc.errors import InputError

ON_ERROR = ("stop", "skip")
_NAMED = 5  # In the report; all are in `named`.


class Faults:
    """What is wrong with the examples met so far; many threads may tell it.

    Attributes:
      named: name of the example -> reason, in the order in which they were met.
    """

    def __init__(self, on_error: str = "stop"):
        """Of `data.on_error`.

        Raises:
          InputError: it is neither "stop" nor "skip".
        """
        if on_error not in ON_ERROR:
            raise InputError(f"data.on_error {on_error!r} is none of {', '.join(ON_ERROR)}")
        self.named: dict[str, str] = {}
        self._stop = on_error == "stop"
        self._lock = threading.Lock()

    def met(self, name: str, reason: str) -> None:
        """Note one example.

        Raises:
          InputError: it is the end, with `data.on_error=stop`.
        """
        with self._lock:
            self.named.setdefault(name, reason)
        if self._stop:
            raise InputError(
                f"image {name!r} cannot be used: {reason}; mend or remove it, or train without it "
                "by data.on_error=skip"
            )

    def report(self) -> str:
        """One sentence that counts and names them; "" where there are none."""
        return described(self.copy())

    def copy(self) -> dict[str, str]:
        """`named` as it is now."""
        with self._lock:
            return dict(self.named)


def described(named: Mapping[str, str]) -> str:
    """One sentence that counts and names them; "" where there are none."""
    if not named:
        return ""
    shown = list(named.items())[:_NAMED]
    some = "; ".join(f"{name!r}: {reason}" for name, reason in shown)
    more = f"; and {len(named) - _NAMED:,} more" if len(named) > _NAMED else ""
    noun = "image" if len(named) == 1 else "images"
    return f"{len(named):,} {noun} could not be used, another stood in for each ({some}{more})"
