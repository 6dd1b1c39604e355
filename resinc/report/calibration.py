"""Errors by class, and whether a network is as sure as it is right.

Guo et al. 2017 (arXiv 1706.04599), section 2: an example's confidence is the largest of its
probabilities; in bins of equal width of confidence, accuracy should equal the mean confidence.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from rich.table import Table

from resinc import output

BINS = 15  # As in the paper's tables.


class Bin(NamedTuple):
    """Examples of about one confidence; `low` is outside of the bin, `high` inside."""

    low: float
    high: float
    examples: int
    confidence: float  # Mean, a fraction.
    accuracy: float


class ClassError(NamedTuple):
    """The examples of one class."""

    label: int
    examples: int
    error: float  # A fraction.
    taken_for: int  # The class that most of its mistakes were taken for; -1: there are none.


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Softmax, [n, k] -> float64 [n, k]."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    powers = np.exp(shifted)
    return powers / powers.sum(axis=1, keepdims=True)


def by_class(logits: np.ndarray, labels: np.ndarray) -> list[ClassError]:
    """A row per class, those without examples too: [n, k], int [n] -> k rows."""
    answers = logits.argmax(axis=1)
    rows = []
    for label in range(logits.shape[1]):
        given = answers[labels == label]
        wrong = given[given != label]
        taken_for = int(np.bincount(wrong).argmax()) if len(wrong) else -1
        error = len(wrong) / len(given) if len(given) else 0.0
        rows.append(ClassError(label, len(given), error, taken_for))
    return rows


def reliability(logits: np.ndarray, labels: np.ndarray, bins: int = BINS) -> list[Bin]:
    """Bins of equal width of confidence that hold any example, from low to high."""
    chances = probabilities(logits)
    confidence, right = chances.max(axis=1), chances.argmax(axis=1) == labels
    places = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    return [
        Bin(
            place / bins,
            (place + 1) / bins,
            int(inside.sum()),
            float(confidence[inside].mean()),
            float(right[inside].mean()),
        )
        for place in range(bins)
        if (inside := places == place).any()
    ]


def expected_calibration_error(bins: Sequence[Bin]) -> float:
    """Mean of |accuracy - confidence| over examples, by bins; a fraction (eq. 3)."""
    total = sum(entry.examples for entry in bins)
    gaps = (entry.examples * abs(entry.accuracy - entry.confidence) for entry in bins)
    return sum(gaps) / total


def print_calibration(logits: np.ndarray, labels: np.ndarray) -> None:
    """Print errors by class, the reliability table and the expected calibration error."""
    console = output.console()
    classes = Table("class", box=None)
    for name in ("examples", "error %", "most often taken for"):
        classes.add_column(name, justify="right")
    for row in by_class(logits, labels):
        taken_for = str(row.taken_for) if row.taken_for >= 0 else ""
        error = f"{100 * row.error:.2f}" if row.examples else ""
        classes.add_row(str(row.label), f"{row.examples:,}", error, taken_for)
    bins = reliability(logits, labels)
    sure = Table("confidence %", box=None)
    for name in ("examples", "mean confidence %", "accuracy %"):
        sure.add_column(name, justify="right")
    for entry in bins:
        sure.add_row(
            f"{100 * entry.low:.1f} to {100 * entry.high:.1f}",
            f"{entry.examples:,}",
            f"{100 * entry.confidence:.2f}",
            f"{100 * entry.accuracy:.2f}",
        )
    for table in (classes, sure):
        console.print(table, soft_wrap=False)
    gap = expected_calibration_error(bins)
    console.print(f"expected calibration error {100 * gap:.2f} % ({BINS} bins)")
