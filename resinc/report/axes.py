"""What tells the runs of a sweep apart, and which of them differ in nothing but their seed."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from resinc.report.metrics import Metric
from resinc.report.rows import Row, varying
from resinc.runs.status import FOR_GOOD

FACTS = ("multiply_adds", "parameters")  # Of a network: what its own run counted.
FEW = 6  # Values of an axis that has a colour or a panel for each.


class Group(NamedTuple):
    """Runs that differ in nothing but their seed."""

    values: Mapping[str, Any]
    rows: tuple[Row, ...]

    def numbers(self, metric: Metric) -> list[float]:
        """Of its runs that have one; those that diverged count as chance."""
        found = [metric.of([row]) for row in self.rows if row.state in FOR_GOOD]
        return [number for number in found if number is not None]


def value_of(row: Row, name: str) -> Any:
    """A label, else a config field, else a count of the network; None where it has none."""
    if name in row.labels:
        return row.labels[name]
    value = row.config.get(name, row.provenance.get(name) if name in FACTS else None)
    return tuple(value) if isinstance(value, list) else value


def axes_of(rows: Sequence[Row]) -> list[str]:
    """What tells the runs apart beside their seed: labels, where all have them; else fields."""
    labels = dict.fromkeys(name for row in rows for name in row.labels)
    if labels and all(row.labels.keys() == labels.keys() for row in rows):
        return [n for n in labels if len({repr(row.labels[n]) for row in rows}) > 1]
    return [name for name in varying(list(rows)) if name not in ("seed", "init_from")]


def grouped(rows: Sequence[Row], names: Sequence[str]) -> list[Group]:
    """Runs by the values of these names, in the order of the values."""
    found: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        found.setdefault(tuple(value_of(row, name) for name in names), []).append(row)
    ordered = sorted(found, key=lambda values: [_order(value) for value in values])
    return [Group(dict(zip(names, k, strict=True)), tuple(found[k])) for k in ordered]


def numeric(rows: Sequence[Row], name: str) -> bool:
    """Whether all values of it are numbers."""
    values = [value for row in rows if (value := value_of(row, name)) is not None]
    return bool(values) and all(is_number(value) for value in values)


def few(rows: Sequence[Row], name: str) -> bool:
    """Whether there can be a colour or a panel for each of its values."""
    return len({repr(value_of(row, name)) for row in rows}) <= FEW


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def follows(rows: Sequence[Row], name: str, others: Sequence[str]) -> bool:
    """Whether the value of one is known from those of others, as in a zip."""
    known: dict[str, set[str]] = {}
    for row in rows:
        known.setdefault(repr([value_of(row, n) for n in others]), set()).add(
            repr(value_of(row, name))
        )
    return all(len(values) == 1 for values in known.values())


def _order(value: Any) -> tuple[int, float, str]:
    return (0, float(value), "") if is_number(value) else (1, 0.0, text(value))


def text(value: Any) -> str:
    """A value as figures and tables show it."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:,}" if isinstance(value, int) else "–" if value is None else str(value)
