"""What a config field may hold: its type, range or choices, stated beside its default in configs/.

    FIELDS = {"optimizer.momentum": (0.9, Number(least=0, below=1))}

Imports nothing heavy: a registry is imported when a name is looked up in it.
"""

import importlib
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Protocol

from ml_collections import ConfigDict

from resinc.errors import InputError
from resinc.registry import lookup


class Rule(Protocol):
    """What a field's value must keep to."""

    def check(self, field: str, value: Any, choices: bool) -> None:
        """Raise InputError with field, value and rule; names in registries only if `choices`."""


Fields = Mapping[str, tuple[Any, Rule]]  # Dotted name -> (default, rule).


@dataclass(frozen=True, kw_only=True)
class Number:
    """A finite number within bounds, also after rounding to the float32 that JAX computes with."""

    least: float | None = None
    above: float | None = None
    most: float | None = None
    below: float | None = None

    def __str__(self) -> str:
        words = {
            "at least": self.least,
            "above": self.above,
            "at most": self.most,
            "below": self.below,
        }
        bounds = [f"{word} {bound:,}" for word, bound in words.items() if bound is not None]
        return self._noun + (f" that is {' and '.join(bounds)}" if bounds else "")

    _noun = "a finite number"

    def check(self, field: str, value: Any, choices: bool = True) -> None:
        if not self._is_one(value) or not self._within(value):
            raise InputError(f"{field} {value!r} is not {self}")

    def _is_one(self, value: Any) -> bool:
        if not isinstance(value, Real) or isinstance(value, bool):
            return False
        try:
            (value,) = struct.unpack("f", struct.pack("f", value))
        except OverflowError:
            return False
        return math.isfinite(value) and self._within(value)

    def _within(self, value: Any) -> bool:
        return (
            (self.least is None or value >= self.least)
            and (self.above is None or value > self.above)
            and (self.most is None or value <= self.most)
            and (self.below is None or value < self.below)
        )


@dataclass(frozen=True, kw_only=True)
class Integer(Number):
    """A whole number; at most what JAX's int32 holds, unless told."""

    most: float | None = 2**31 - 1

    _noun = "an integer"

    def _is_one(self, value: Any) -> bool:
        return isinstance(value, Integral) and not isinstance(value, bool)


@dataclass(frozen=True)
class Kind:
    """Any value of one type."""

    type: type
    noun: str

    def check(self, field: str, value: Any, choices: bool = True) -> None:
        if not isinstance(value, self.type):
            raise InputError(f"{field} {value!r} is not {self.noun}")


FLAG = Kind(bool, "true or false")
TEXT = Kind(str, "text")


@dataclass(frozen=True)
class KeyOf:
    """A key of a registry, given as "module.NAME"."""

    registry: str

    def table(self) -> Mapping[str, Any]:
        module, _, name = self.registry.rpartition(".")
        table = getattr(importlib.import_module(module), name)
        return table if isinstance(table, Mapping) else dict.fromkeys(table)

    def check(self, field: str, value: Any, choices: bool = True) -> None:
        TEXT.check(field, value)
        if choices:
            lookup(self.table(), value, field)


@dataclass(frozen=True)
class OneOf:
    """One of a few words."""

    words: tuple[str, ...]

    def check(self, field: str, value: Any, choices: bool = True) -> None:
        TEXT.check(field, value)
        lookup({word: word for word in self.words}, value, field)


@dataclass(frozen=True)
class Each:
    """A tuple, each item of which keeps to a rule; of `length` items where that is given."""

    rule: Rule
    length: int | None = None

    def check(self, field: str, value: Any, choices: bool = True) -> None:
        if not isinstance(value, tuple | list):
            raise InputError(f"{field} {value!r} is not a tuple")
        if self.length is not None and len(value) != self.length:
            raise InputError(f"{field} {value!r} does not have {self.length} items")
        for item in value:
            self.rule.check(field, item, choices)


def filled(fields: Fields) -> ConfigDict:
    """A config of the defaults, with a section for each part of the dotted names."""
    nested: dict[str, Any] = {}
    for name, (default, _) in fields.items():
        *sections, last = name.split(".")
        place = nested
        for section in sections:
            place = place.setdefault(section, {})
        place[last] = default
    return ConfigDict(nested)


def check(config: Mapping[str, Any] | ConfigDict, fields: Fields, choices: bool = True) -> None:
    """Check every field's value against its rule.

    Args:
      config: sections as nested mappings; may have further fields.
      fields: the schema.
      choices: whether to look names up in their registries, which imports those, and JAX.

    Raises:
      InputError: a field is missing or its value breaks the rule; field, value and rule in one
        sentence.
    """
    for name, (_, rule) in fields.items():
        value: Any = config
        for part in name.split("."):
            if not isinstance(value, Mapping | ConfigDict) or part not in value:
                raise InputError(
                    f"the config has no field {name!r}: a recipe changes what "
                    "configs.base.get_config() returns"
                )
            value = value[part]
        rule.check(name, value, choices)
