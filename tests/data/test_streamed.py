import threading
import time

import numpy as np
import pytest

from resinc.data.image_files.folder import FolderImages
from resinc.data.image_files.images import BadImage, Encoded, Part
from resinc.data.image_files.streamed import Share, Streamed
from resinc.data.image_files.view import EvaluationView, TrainingView
from resinc.data.order import batch_indices
from resinc.errors import InputError
from tests.background import wait_for
from tests.data.pictures import folder, html


class Numbers:
    """A set whose examples are numbers; those in `bad` are no images."""

    classes = ("even", "odd")

    def __init__(self, size, bad=(), error=BadImage):
        self.size, self.bad, self.error = size, set(bad), error
        self.read_count = 0
        self._lock = threading.Lock()

    def __len__(self):
        return self.size

    def read(self, index):
        with self._lock:
            self.read_count += 1
        if index in self.bad:
            raise self.error("no image")
        return Encoded(index.to_bytes(2, "big"), index % 2)

    def name(self, index):
        return f"number {index}"

    def fingerprint(self):
        return "0"


def show(encoded, seed, epoch, example):
    """An image that says what it was drawn from."""
    drawn = [int.from_bytes(encoded, "big"), epoch, example]
    return np.full((2, 2, 3), drawn, np.uint8)


def part(images, indices=None):
    return Part(images, np.arange(len(images)) if indices is None else np.asarray(indices))


def streamed(images, batch_size, test=(), **options):
    splits = {"train": part(images), "validation": part(Numbers(0)), "test": part(Numbers(7))}
    options = {"threads": 3, "seed": 5} | options
    return Streamed(splits, show, show, 2, batch_size=batch_size, **options)


def threads():
    return [t for t in threading.enumerate() if t.name.startswith("resinc-decode")]


@pytest.fixture(autouse=True)
def no_thread_is_left():
    yield
    assert threads() == []


@pytest.mark.parametrize("processes", [1, 2, 4])
@pytest.mark.parametrize(("size", "batch_size"), [(24, 8), (30, 8), (5, 12)])
def test_every_id_comes_exactly_once_an_epoch(processes, size, batch_size):
    epochs = 3
    steps = epochs * size // batch_size
    counts = np.zeros((epochs, size), int)
    for index in range(processes):
        with streamed(Numbers(size), batch_size, share=Share(index, processes)) as source:
            for step in range(steps):
                batch = source.batch(step)
                assert batch.image.shape == (batch_size // processes, 2, 2, 3)
                for image, label, id in zip(*batch, strict=True):
                    number, epoch, example = image[0, 0]
                    assert number == example == id
                    assert label == number % 2
                    counts[epoch, id] += 1
    seen = epochs * size // batch_size * batch_size
    assert counts.sum() == seen
    np.testing.assert_array_equal(counts.ravel()[: seen // size * size], 1)
    assert counts.max() == 1


@pytest.mark.parametrize("processes", [2, 4])
def test_parts_of_processes_make_the_batch_of_one(processes):
    with streamed(Numbers(10), 8) as source:
        whole = source.batch(3)
    parts = []
    for index in range(processes):
        with streamed(Numbers(10), 8, share=Share(index, processes)) as source:
            parts.append(source.batch(3))
    for one, pieces in zip(whole, zip(*parts, strict=True), strict=True):
        np.testing.assert_array_equal(one, np.concatenate(pieces))


def test_batch_is_the_same_reached_or_resumed():
    with streamed(Numbers(50), 8) as source:
        reached = [source.batch(step) for step in range(20)]
    with streamed(Numbers(50), 8, threads=1, ahead=0) as source:
        for step in (19, 4, 4, 12):  # In whatever order.
            for one, other in zip(source.batch(step), reached[step], strict=True):
                np.testing.assert_array_equal(one, other)


def test_order_is_that_of_a_resident_set():
    with streamed(Numbers(50), 8) as source:
        np.testing.assert_array_equal(source.batch(9).id, batch_indices(5, 50, 8, 9))


@pytest.mark.parametrize("processes", [1, 2, 4])
def test_evaluation_counts_every_example_once(processes):
    counted = []
    for index in range(processes):
        with streamed(Numbers(50), 8, share=Share(index, processes)) as source:
            assert source.parts == {"train": range(50), "test": range(50, 57)}
            for batch, mask in source.evaluation("test", 4):
                assert mask.shape == batch.id.shape == (4 // processes,)
                counted += batch.id[mask].tolist()
                assert (batch.image[mask][:, 0, 0, 0] == batch.id[mask] - 50).all()
                assert not batch.image[~mask].any()
    assert sorted(counted) == list(range(50, 57))


def test_part_of_a_set_has_ids_of_its_own():
    images = Numbers(10)
    splits = {"train": part(images, [1, 3, 8]), "validation": part(images, [2, 9])}
    with Streamed(splits, show, show, 2, 0, 3) as source:
        batch = source.batch(0)
        shown = dict(zip(batch.id.tolist(), batch.image[:, 0, 0, 0].tolist(), strict=True))
        assert shown == {0: 1, 1: 3, 2: 8}
        ((batch, _),) = source.evaluation("validation", 2)
        assert (batch.id.tolist(), batch.image[:, 0, 0, 0].tolist()) == ([3, 4], [2, 9])


def test_no_more_is_read_ahead_than_said():
    images = Numbers(1_000)
    with streamed(images, 10, ahead=3) as source:
        for step in range(5):
            source.batch(step)
        wait_for(lambda: images.read_count >= 80)
        time.sleep(0.05)
        assert images.read_count == (5 + 3) * 10
        assert len(source._begun) == 3


def test_what_was_read_ahead_in_vain_is_dropped():
    with streamed(Numbers(1_000), 10, ahead=3) as source:
        source.batch(0)
        source.batch(500)
        assert source._begun.keys() == {501, 502, 503}


def test_bad_image_stops_at_its_step_by_name():
    bad = int(batch_indices(5, 100, 10, 4)[6])
    with streamed(Numbers(100, {bad}), 10) as source:
        for step in range(4):
            source.batch(step)
        with pytest.raises(InputError, match=f"image 'number {bad}' cannot be used: no image"):
            source.batch(4)
        assert threads() == []


def test_next_of_the_order_stands_in_for_a_skipped_image():
    order = batch_indices(5, 12, 12, 0).tolist()
    bad = {order[3], order[4], order[11]}
    expected = [order[i] for i in (0, 1, 2, 5, 5, 5, 6, 7, 8, 9, 10, 0)]
    with streamed(Numbers(12, bad), 12, on_error="skip") as source:
        batch = source.batch(0)
        assert batch.id.tolist() == expected
        assert (batch.image[:, 0, 0, 0] == batch.id).all()
        assert (batch.label == batch.id % 2).all()
        assert source.faults.report().startswith("3 images could not be used, another stood in")
        assert source.faults.named.keys() == {f"number {number}" for number in bad}
    halves = []
    for index in range(2):
        with streamed(Numbers(12, bad), 12, on_error="skip", share=Share(index, 2)) as source:
            halves += source.batch(0).id.tolist()
    assert halves == expected


@pytest.mark.parametrize("size", [3, 300])
def test_set_without_a_usable_image_stops_even_where_they_are_skipped(size):
    with (
        streamed(Numbers(size, range(size)), 2, on_error="skip") as source,
        pytest.raises(
            InputError, match=rf"{min(size, 100)} training .* row .* 'number \d+' \(no image\)"
        ),
    ):
        source.batch(0)


def test_evaluation_never_skips():
    splits = {"train": part(Numbers(4)), "test": part(Numbers(6, {4}))}
    with Streamed(splits, show, show, 2, 0, 2, on_error="skip") as source:
        batches = source.evaluation("test", 2)
        next(batches)
        next(batches)
        with pytest.raises(InputError, match="'number 4' cannot be evaluated: no image"):
            next(batches)
        assert threads() == []


def test_broken_disk_is_no_fault_of_an_image():
    with (
        streamed(Numbers(12, {3}, error=OSError), 12, on_error="skip") as source,
        pytest.raises(OSError, match="no image"),
    ):
        source.batch(0)


def test_abandoned_evaluation_leaves_nothing_running():
    images = Numbers(4_000)
    splits = {"train": part(Numbers(4)), "test": part(images)}
    with Streamed(splits, show, show, 2, 0, 2, threads=1) as source:
        for _ in source.evaluation("test", 100):
            break
    assert images.read_count <= 400


def test_batch_after_closing_is_the_same():
    with streamed(Numbers(50), 8) as source:
        first = source.batch(1)
        source.close()
        assert threads() == []
        np.testing.assert_array_equal(source.batch(1).id, first.id)


def test_batch_that_processes_do_not_divide_is_refused():
    with pytest.raises(InputError, match="batch size 10 is not divisible by 4 processes"):
        streamed(Numbers(50), 10, share=Share(0, 4))


def test_unknown_on_error_is_refused():
    with pytest.raises(InputError, match=r"data\.on_error 'ignore' is none of stop, skip"):
        streamed(Numbers(50), 10, on_error="ignore")


def test_folder_of_files_is_streamed_and_a_page_named_jpg_is_named(tmp_path):
    root = folder(tmp_path, {"a": 3, "b": 5}) / "train"
    images = FolderImages(root)
    views = TrainingView(16), EvaluationView(16, 20)
    with Streamed({"train": part(images)}, *views, 16, 0, 8) as source:
        batch = source.batch(0)
    red = np.array([images.read(id).label * 40 for id in batch.id])
    assert abs(batch.image[..., 0].mean((1, 2)) - red).max() < 3
    (root / "b" / "002.jpg").write_bytes(html())
    with (
        Streamed({"train": part(images)}, *views, 16, 0, 8) as source,
        pytest.raises(InputError, match=r"b/002.jpg' cannot be used: it is an HTML page"),
    ):
        source.batch(0)
