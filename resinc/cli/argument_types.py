"""Types of what stands on the command line; a mistake is one sentence."""

import argparse
from pathlib import Path

from resinc.errors import InputError
from resinc.file_paths import read_path


def path(text: str) -> Path:
    """The type of every path on the command line."""
    try:
        return read_path(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def devices(text: str) -> tuple[str, ...]:
    """Names of CUDA devices, each as often as runs are to share it."""
    from resinc.launch.local import read_devices  # 15 ms, of which other commands need nothing.

    try:
        return read_devices(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def count(text: str) -> int:
    """How many; 0: as many as there are, or as fit."""
    if not text.strip().isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 0")
    return int(text)


def counts(text: str) -> tuple[int, ...]:
    """Whole numbers of at least 1, from the smallest to the largest."""
    numbers = [part.strip() for part in text.split(",")]
    if not all(number.isdecimal() and int(number) for number in numbers):
        raise argparse.ArgumentTypeError(f"{text!r} is no list of whole numbers of at least 1")
    return tuple(sorted({int(number) for number in numbers}))


def names(text: str) -> tuple[str, ...]:
    """e.g. "v5e,h100"."""
    return tuple(part.strip() for part in text.split(","))
