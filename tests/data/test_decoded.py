"""A decoded set comes back as it was, and only as long as its files are the same."""

import dataclasses

import numpy as np
import pytest

from resinc.data import DATASETS, Split
from resinc.data.sets import decoded

SPEC = dataclasses.replace(DATASETS["cifar10"], train_size=4, test_size=2)


@pytest.fixture
def records(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "records"
    path.write_bytes(b"encoded")
    return path


def decoding(calls: list[int]):
    def decode():
        calls.append(len(calls))
        random = np.random.RandomState(len(calls))
        return tuple(
            Split(random.randint(0, 256, (n, 32, 32, 3)).astype(np.uint8), np.arange(n, dtype="i4"))
            for n in (4, 2)
        )

    return decode


def entries(records):
    return list((records.parent / "cache" / "resinc" / "data").iterdir())


def test_the_second_time_nothing_is_decoded(records):
    calls: list[int] = []
    first, second = (decoded.kept(SPEC, [records], decoding(calls)) for _ in range(2))
    assert calls == [0]
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.image, other.image)
        np.testing.assert_array_equal(one.label, other.label)
        assert (one.image.dtype, one.label.dtype) == (other.image.dtype, other.label.dtype)


def test_other_files_or_another_spec_are_decoded_again(records):
    calls: list[int] = []
    decoded.kept(SPEC, [records], decoding(calls))
    records.write_bytes(b"encoded otherwise")
    decoded.kept(SPEC, [records], decoding(calls))
    decoded.kept(dataclasses.replace(SPEC, version="9"), [records], decoding(calls))
    assert calls == [0, 1, 2]


@pytest.mark.parametrize("damage", ["cut", "changed", "empty"])
def test_a_damaged_entry_is_made_again(records, damage):
    calls: list[int] = []
    first = decoded.kept(SPEC, [records], decoding(calls))[0].image
    (entry,) = entries(records)
    content = bytearray(entry.read_bytes())
    content[len(content) // 2] ^= 1
    entry.write_bytes({"cut": content[:-99], "changed": bytes(content), "empty": b""}[damage])
    again = decoded.kept(SPEC, [records], decoding(calls))[0].image
    assert calls == [0, 1]
    assert not np.array_equal(first, again)
    np.testing.assert_array_equal(decoded.kept(SPEC, [records], decoding(calls))[0].image, again)
    assert calls == [0, 1]


def test_a_cache_that_cannot_be_written_is_no_error(records, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    calls: list[int] = []
    decoded.kept(SPEC, [records], decoding(calls))
    decoded.kept(SPEC, [records], decoding(calls))
    assert calls == [0, 1]
    assert entries(records) == []
