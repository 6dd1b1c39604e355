"""What the processes of one training owe each other: to start alike, and to end together.

The first of them holds the lock of a folder and writes the files of its run; all write checkpoints.
"""

import contextlib
import json
import os
import re
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import jax
import numpy as np

from resinc.data.share import Share
from resinc.errors import InputError, outside_sentence
from resinc.train.distributed import cluster

T = TypeVar("T")
# What is said where another process does not answer.
_LOST = re.compile(r"gloo|nccl|coordination|connection|unavailable", re.IGNORECASE)
_BYTES = 8192  # Of a message, that it takes no second exchange to tell.
_LENGTH = 8  # Bytes of a number.


def share() -> Share:
    """Which part of every batch is this process's."""
    return Share(jax.process_index(), jax.process_count())


def is_first() -> bool:
    """Whether this process holds the lock and writes the files of a run."""
    return jax.process_index() == 0


def several() -> bool:
    return jax.process_count() > 1


def introduce() -> None:
    """Say once which number has which process: later messages of JAX have its number alone."""
    if several():
        names = exchange([cluster.name()])
        if is_first():
            for number, (name,) in enumerate(names):
                print(f"process {number} of {len(names)}: {name}", flush=True)


def together(prepare: Callable[[], T], alike: Callable[[T], Any]) -> T:
    """What `prepare` gives, once all processes have it; all of them refuse what one refuses.

    Args:
      prepare: called in each process; changes nothing.
      alike: of its result, what has to be the same in all, ready for JSON.

    Raises:
      InputError: as `prepare` in any of the processes, or their results are not alike.
    """
    if not several():
        return prepare()
    result, refused = None, ""
    try:
        result = prepare()
    except InputError as error:
        refused = str(error)
    told = exchange(
        [refused, json.dumps(alike(result)) if result is not None else "", cluster.name()]
    )
    for number, (sentence, _, name) in enumerate(told):
        if sentence:
            others = any(other != sentence for other, *_ in told)
            raise InputError(f"process {number} ({name}): {sentence}" if others else sentence)
    assert result is not None
    for number, (_, own, name) in enumerate(told):
        if own != told[0][1]:
            raise InputError(
                f"process {number} ({name}) would start from {own} and process 0 "
                f"({told[0][2]}) from {told[0][1]}: do all see the same files?"
            )
    return result


def exchange(message: Any) -> list[Any]:
    """What each process says, by their numbers; ready for JSON. All have to ask at once."""
    text = json.dumps(message).encode()
    told = _gather(text, _BYTES)
    longest = max(length for length, _ in told)
    if longest > _BYTES:
        told = _gather(text, 1 << longest.bit_length())
    return [json.loads(part[:length]) for length, part in told]


def _gather(text: bytes, size: int) -> list[tuple[int, bytes]]:
    """Of each process how long its text is, and the first `size` bytes; each size is compiled."""
    from jax.experimental import multihost_utils

    whole = len(text).to_bytes(_LENGTH) + text[:size].ljust(size, b"\0")
    every = np.asarray(multihost_utils.process_allgather(np.frombuffer(whole, np.uint8)))
    rows = [bytes(row) for row in every.reshape(-1, len(whole))]
    return [(int.from_bytes(row[:_LENGTH]), row[_LENGTH:]) for row in rows]


def union(own: Mapping[str, T]) -> dict[str, T]:
    """What any process has; of a name that several have, the first one's. All have to ask."""
    merged: dict[str, T] = {}
    for each in reversed(exchange(dict(own)) if several() else [own]):
        merged |= each
    return merged


def wait_for_all(reason: str) -> None:
    """Until every process is here."""
    if several():
        from jax.experimental import multihost_utils

        multihost_utils.sync_global_devices(reason)


def is_of_another(error: BaseException) -> bool:
    """Whether this process fails because another of its training was lost."""
    return several() and bool(_LOST.search(str(error)))


@contextlib.contextmanager
def ending_together(heartbeat: int) -> Iterator[None]:
    """Of several processes, what one fails of ends all: those that are left cannot go on.

    One that fails ends at once, without the farewell for which JAX would wait. Where it fails of
    another that was lost, JAX names that one within `heartbeat` seconds, and ends this process.
    """
    try:
        yield
    except InputError:
        raise
    except BaseException as error:
        if not several():
            raise
        if sentence := outside_sentence(error):
            print(f"resinc: {sentence}", file=sys.stderr)
        else:
            traceback.print_exc()
        me = f"process {jax.process_index()} ({cluster.name()})"
        if is_of_another(error):
            print(
                f"resinc: {me} lost another process; JAX names it within {heartbeat} s",
                file=sys.stderr,
                flush=True,
            )
            time.sleep(heartbeat + 10)
        print(f"resinc: {me} failed: all end", file=sys.stderr, flush=True)
        sys.stdout.flush()
        os._exit(1)
