import functools
import gzip
import hashlib
import http.server
import pickle
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from resinc.data.sets import prepare as module
from resinc.data.sets import stored
from resinc.data.sets.archives import read_archive
from resinc.data.sets.prepare import prepare, prepare_spec
from resinc.data.spec import Remote
from resinc.errors import InputError
from tests.data import originals


@pytest.fixture
def console():
    return Console(stderr=True, soft_wrap=True, highlight=False)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "archive").mkdir()
    return tmp_path / "archive"


def same_examples(split, image, label):
    """TFDS stores in an order of its own."""
    stored = {i.tobytes(): int(k) for i, k in zip(split.image, split.label, strict=True)}
    return stored == {i.tobytes(): int(k) for i, k in zip(image, label, strict=True)}


@pytest.mark.parametrize("form", originals.WRITERS)
def test_every_format_comes_back_as_it_was(form, folder, tmp_path, console):
    name, write = originals.WRITERS[form]
    spec = originals.tiny(name)
    sets = originals.content(spec)
    home = prepare_spec(spec, tmp_path / "sets", write(folder, spec, sets), console)
    assert home == tmp_path / "sets" / name / spec.version
    train, test = stored.read(spec, tmp_path / "sets")
    assert same_examples(train, *sets["train"])
    assert same_examples(test, *sets["test"])
    assert [p.name for p in (tmp_path / "sets").iterdir()] == [name]


@pytest.mark.parametrize("form", ["cifar10-binary", "cifar100-python", "mnist"])
def test_stock_tfds_reads_what_was_prepared(form, folder, tmp_path, console):
    tfds = pytest.importorskip("tensorflow_datasets")
    name, write = originals.WRITERS[form]
    spec = originals.tiny(name)
    sets = originals.content(spec)
    prepare_spec(spec, tmp_path, write(folder, spec, sets), console)
    stock = tfds.data_source(name, data_dir=str(tmp_path), download=False)
    ours = stored.read(spec, tmp_path)
    for split, own in zip(("train", "test"), ours, strict=True):
        assert len(stock[split]) == len(own)
        for example, image, label in zip(stock[split], own.image, own.label, strict=True):
            np.testing.assert_array_equal(example["image"], image)
            assert example["label"] == label
            if name == "cifar100":
                assert example["coarse_label"] == label // 5


@pytest.mark.parametrize("suffix", [" (1)", ".part", "~", ".tmp-123"])
def test_a_copy_beside_a_shard_damages_nothing(suffix, folder, tmp_path, console):
    spec = originals.tiny("mnist")
    write = originals.WRITERS["mnist"][1]
    home = prepare_spec(spec, tmp_path, write(folder, spec, originals.content(spec)), console)
    before = stored.read(spec, tmp_path)
    for shard in list(home.glob("*.array_record-*")):
        shutil.copy(shard, shard.with_name(shard.name + suffix))
    assert stored.condition(spec, tmp_path).state == "ready"
    for split, again in zip(before, stored.read(spec, tmp_path), strict=True):
        np.testing.assert_array_equal(split.image, again.image)


@pytest.mark.parametrize("named", [".", "mnist", "mnist/3.0.1", "mnist/../mnist/"])
def test_the_folder_of_the_set_itself_is_understood(named, folder, tmp_path, console):
    spec = originals.tiny("mnist")
    write = originals.WRITERS["mnist"][1]
    home = prepare_spec(spec, tmp_path, write(folder, spec, originals.content(spec)), console)
    directory = stored.directory_of(spec, tmp_path / named)
    assert stored.set_directory(spec, directory).resolve() == home.resolve()
    assert stored.condition(spec, directory).state == "ready"


def test_a_folder_that_only_has_the_name_of_a_set_is_its_parent(tmp_path):
    spec = originals.tiny("mnist")
    assert stored.directory_of(spec, tmp_path / "mnist") == tmp_path / "mnist"


def test_class_names_are_kept(folder, tmp_path, console):
    spec = originals.tiny("cifar10")
    path = originals.cifar_binary(folder, spec, originals.content(spec))
    home = prepare_spec(spec, tmp_path, path, console)
    assert (home / "label.labels.txt").read_text().split() == [f"class{i}" for i in range(10)]


def test_preparing_and_reading_import_no_tensorflow(folder, tmp_path):
    spec = originals.tiny("cifar10")
    path = originals.cifar_binary(folder, spec, originals.content(spec))
    code = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import originals
from pathlib import Path
from rich.console import Console
from resinc.data.sets import stored
from resinc.data.sets.prepare import prepare_spec
spec = originals.tiny("cifar10")
prepare_spec(spec, Path({str(tmp_path)!r}), Path({str(path)!r}), Console(stderr=True))
stored.read(spec, Path({str(tmp_path)!r}))
heavy = {{"tensorflow", "jax", "torch"}} & set(sys.modules)
sys.exit(f"imported {{heavy}}" if heavy else 0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_whole_set_is_left_alone(folder, tmp_path, console, capsys):
    spec = originals.tiny("cifar10")
    path = originals.cifar_binary(folder, spec, originals.content(spec))
    home = prepare_spec(spec, tmp_path, path, console)
    before = {p: p.stat().st_mtime_ns for p in home.iterdir()}
    prepare_spec(spec, tmp_path, path, console)
    assert {p: p.stat().st_mtime_ns for p in home.iterdir()} == before
    assert "already" in capsys.readouterr().err


@pytest.mark.parametrize("harm", ["truncate", "flip", "delete", "info"])
def test_damage_is_named_and_mended(harm, folder, tmp_path, console):
    spec = originals.tiny("cifar10")
    sets = originals.content(spec)
    path = originals.cifar_binary(folder, spec, sets)
    home = prepare_spec(spec, tmp_path, path, console)
    (shard,) = home.glob("*-train.array_record-*")
    data = shard.read_bytes()
    if harm == "truncate":
        shard.write_bytes(data[: len(data) // 2])
    elif harm == "flip":  # Inside a record: only the checksum of the data shows it.
        at = data.index(b"IHDR")
        shard.write_bytes(data[:at] + b"\xff" + data[at + 1 :])
    elif harm == "delete":
        shard.unlink()
    else:
        (home / "dataset_info.json").write_text("{")
    with pytest.raises(InputError, match=r"damaged.*resinc data prepare cifar10 --dir ") as caught:
        stored.read(spec, tmp_path)
    assert str(home) in str(caught.value)
    prepare_spec(spec, tmp_path, path, console)
    assert same_examples(stored.read(spec, tmp_path)[0], *sets["train"])


def test_wrong_count_and_wrong_shape_are_damage(folder, tmp_path, console):
    spec = originals.tiny("cifar10")
    prepare_spec(
        spec, tmp_path, originals.cifar_binary(folder, spec, originals.content(spec)), console
    )
    with pytest.raises(InputError, match="train split has 20 examples instead of 50000"):
        stored.read(replace(spec, train_size=50_000), tmp_path)
    with pytest.raises(InputError, match=r"an image is 32x32 RGB instead of 16x32 RGB"):
        stored.read(replace(spec, image_shape=(16, 32, 3)), tmp_path)
    with pytest.raises(InputError, match=r"a label is outside 0\.\.1"):
        stored.read(replace(spec, num_classes=2), tmp_path)


def test_foreign_format_is_not_overwritten(tmp_path, folder, console):
    spec = originals.tiny("cifar10")
    path = originals.cifar_binary(folder, spec, originals.content(spec))
    home = prepare_spec(spec, tmp_path, path, console)
    info = home / "dataset_info.json"
    info.write_text(info.read_text().replace("array_record", "tfrecord"))
    before = info.read_text()
    with pytest.raises(InputError, match=r"tfrecord.*--dir ANOTHER_DIRECTORY"):
        prepare_spec(spec, tmp_path, path, console)
    assert info.read_text() == before


def test_missing_set_names_directory_and_command(tmp_path):
    with pytest.raises(InputError) as caught:
        stored.read(originals.tiny("cifar10"), tmp_path / "no where")
    assert f"resinc data prepare cifar10 --dir '{tmp_path}/no where'" in str(caught.value)


def test_interrupted_preparation_leaves_nothing_that_reads(folder, tmp_path, console, monkeypatch):
    spec = originals.tiny("cifar10")
    sets = originals.content(spec)
    path = originals.cifar_binary(folder, spec, sets)
    encode = module._png
    calls = []

    def killed(image):
        calls.append(1)
        if len(calls) == 15:
            raise KeyboardInterrupt
        return encode(image)

    monkeypatch.setattr(module, "_png", killed)
    with pytest.raises(KeyboardInterrupt):
        prepare_spec(spec, tmp_path, path, console)
    assert stored.condition(spec, tmp_path).state == "missing"
    monkeypatch.undo()
    prepare_spec(spec, tmp_path, path, console)  # Over what the first attempt left.
    assert same_examples(stored.read(spec, tmp_path)[0], *sets["train"])


def test_two_preparations_at_once_are_refused(tmp_path, folder, console):
    spec = originals.tiny("cifar10")
    with (
        module._exclusive(spec, tmp_path),
        pytest.raises(InputError, match="another process is preparing cifar10"),
    ):
        prepare_spec(spec, tmp_path, folder, console)


@pytest.mark.parametrize("form", originals.WRITERS)
def test_truncated_archive_is_one_sentence(form, folder):
    name, write = originals.WRITERS[form]
    spec = originals.tiny(name)
    path = write(folder, spec, originals.content(spec))
    victim = path
    if path.is_dir():
        victim = next(
            p for p in sorted(path.iterdir()) if p.name.startswith(("data_batch", "t10k"))
        )
    victim.write_bytes(victim.read_bytes()[:-100])
    with pytest.raises(InputError, match=f"cannot read {name} from archive") as caught:
        read_archive(spec, path)
    assert "\n" not in str(caught.value)


def test_wrong_archive_is_one_sentence(folder, tmp_path):
    cifar10, cifar100, mnist = (originals.tiny(n) for n in ("cifar10", "cifar100", "mnist"))
    path = originals.cifar_binary(folder, cifar100, originals.content(cifar100))
    with pytest.raises(InputError, match=r"neither data_batch_1\.bin"):
        read_archive(cifar10, path)
    with pytest.raises(InputError, match="not a folder"):
        read_archive(mnist, path)
    with pytest.raises(InputError, match=r"train-images-idx3-ubyte\.gz.* missing"):
        read_archive(mnist, tmp_path)
    with pytest.raises(InputError, match=r"No such file"):
        read_archive(cifar10, tmp_path / "absent.tar.gz")
    larger = replace(cifar100, train_size=50_000)
    with pytest.raises(InputError, match=r"train images are uint8 \(20, 32, 32, 3\)"):
        read_archive(larger, path)


def test_pickle_that_calls_something_is_refused(folder, tmp_path):
    class Attack:
        def __reduce__(self):
            return Path.touch, (tmp_path / "owned",)

    files = {f"x/data_batch_{i}": pickle.dumps({b"data": Attack()}) for i in range(1, 6)}
    path = originals.tar(folder / "evil.tar.gz", files | {"x/test_batch": b""})
    with pytest.raises(InputError, match="which no CIFAR batch holds"):
        read_archive(originals.tiny("cifar10"), path)
    assert not (tmp_path / "owned").exists()


@pytest.fixture
def server(folder, monkeypatch):
    """`folder` over HTTP on the loopback."""

    monkeypatch.setenv("no_proxy", "*")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    served = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))
    )
    thread = threading.Thread(target=served.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{served.server_port}/"
    served.shutdown()
    thread.join()
    served.server_close()


def remote(url, path):
    data = path.read_bytes()
    return Remote(url + path.name, len(data), hashlib.sha256(data).hexdigest())


@pytest.mark.parametrize("form", ["cifar10-binary", "mnist"])
def test_download_is_checked_and_prepared(form, folder, server, tmp_path, console):
    name, write = originals.WRITERS[form]
    spec = originals.tiny(name)
    sets = originals.content(spec)
    write(folder, spec, sets)
    spec = replace(spec, remotes=tuple(remote(server, p) for p in sorted(folder.iterdir())))
    prepare_spec(spec, tmp_path / "sets", None, console)
    assert same_examples(stored.read(spec, tmp_path / "sets")[0], *sets["train"])


def test_failed_download_names_url_and_the_way_round(folder, server, tmp_path, console):
    spec = originals.tiny("cifar10")
    path = originals.cifar_binary(folder, spec, originals.content(spec))
    right = remote(server, path)
    bad = {
        "404": replace(right, url=server + "gone.tar.gz"),
        "refused": replace(right, url="http://127.0.0.1:9/binary.tar.gz"),
        "is not the file expected": replace(right, sha256="0" * 64),
    }
    for reason, wrong in bad.items():
        with pytest.raises(InputError) as caught:
            prepare_spec(replace(spec, remotes=(wrong,)), tmp_path / "sets", None, console)
        for part in (reason, wrong.url, "--from FILE"):
            assert part in str(caught.value)
        assert list((tmp_path / "sets").iterdir()) == []


def test_finished_download_serves_the_next_attempt(folder, server, tmp_path, console, monkeypatch):
    spec = originals.tiny("cifar10")
    sets = originals.content(spec)
    path = originals.cifar_binary(folder, spec, sets)
    spec = replace(spec, remotes=(remote(server, path),))
    with monkeypatch.context() as patch:
        patch.setattr(module, "_write", lambda *args: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            prepare_spec(spec, tmp_path / "sets", None, console)
    path.unlink()
    prepare_spec(spec, tmp_path / "sets", None, console)
    assert same_examples(stored.read(spec, tmp_path / "sets")[1], *sets["test"])


def test_directory_that_cannot_be_made_is_one_sentence(tmp_path, console):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot prepare cifar10 in"):
        prepare_spec(originals.tiny("cifar10"), tmp_path / "file", None, console)


def test_embedded_set_needs_no_preparing(tmp_path, capsys):
    assert prepare("digits", tmp_path) is None
    assert "nothing to prepare" in capsys.readouterr().err
    with pytest.raises(InputError, match="did you mean 'mnist'"):
        prepare("mnst", tmp_path)


def test_unpacked_idx_files_are_read_too(folder):
    spec = originals.tiny("mnist")
    sets = originals.content(spec)
    for path in list(originals.idx_folder(folder, spec, sets).iterdir()):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    archive = read_archive(spec, folder)
    np.testing.assert_array_equal(archive.splits["train"].image, sets["train"][0])
