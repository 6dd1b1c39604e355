"""Write a set in the form that `tfds.data_source` reads, without TensorFlow."""

import contextlib
import fcntl
import io
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from resinc import output
from resinc.data.bars import bar, bars
from resinc.data.sets import stored
from resinc.data.sets.archives import read_archive
from resinc.data.sets.download import fetch
from resinc.data.sets.original import Archive, Original
from resinc.data.spec import DATASETS, Spec
from resinc.errors import InputError
from resinc.file_paths import read_path
from resinc.registry import lookup


def prepare(
    name: str, directory: str | Path | None = None, archive: str | Path | None = None
) -> Path | None:
    """Download and prepare a set, unless it is there and whole; say on stderr what happens.

    Args:
      name: a key of DATASETS.
      directory: a TFDS directory, made if need be; None: TFDS_DATA_DIR, else ~/tensorflow_datasets.
      archive: what `read_archive` takes, instead of a download.

    Returns:
      The folder of the set, name/version inside the directory; None for an embedded set.

    Raises:
      InputError: no such set, no such archive, a failed download, a directory that cannot be
        written, or a set there that is not ours to replace.
    """
    spec = lookup(DATASETS, name, "data set")
    console = output.console(stderr=True)
    if spec.embedded:
        console.print(f"{spec.name} needs no directory: nothing to prepare")
        return None
    if not archive and not spec.remotes:
        raise InputError(
            f"{name} has no public download: bring its files, and name their folder by --from"
        )
    directory = stored.directory_of(spec, stored.data_directory(directory))
    return prepare_spec(spec, directory, read_path(archive) if archive else None, console)


def prepare_spec(spec: Spec, directory: Path, archive: Path | None, console: Console) -> Path:
    """`prepare` for a given specification, which need not be in DATASETS."""
    home = stored.set_directory(spec, directory)
    try:
        with bars(console) as progress:
            # Before the lock, since it needs no right to write there.
            if _already_there(spec, directory, progress):
                console.print(f"{spec.name} is already in {home}, and whole: nothing to do")
                return home
        with _exclusive(spec, directory) as staging, bars(console) as progress:
            downloads = staging / "downloads"
            original = read_archive(
                spec, archive or _download(spec, directory, downloads, progress)
            )
            _write(spec, original, staging, progress)
            # Everything is decoded once more before anything is replaced.
            stored.read(spec, staging, bar(progress, "verifying", _examples(spec)))
            _publish(stored.set_directory(spec, staging), home, staging)
    except OSError as error:
        raise InputError(f"cannot prepare {spec.name} in {directory}: {error}") from error
    console.print(f"{spec.name} is ready in {home}")
    return home


def _examples(spec: Spec) -> int:
    return spec.train_size + spec.test_size


def _already_there(spec: Spec, directory: Path, progress: Progress) -> bool:
    found = stored.condition(spec, directory)
    if found.state == "missing":
        return False
    if found.state == "damaged" and found.replaceable:
        progress.console.print(f"{spec.name} is damaged ({found.reason}): preparing it again")
        return False
    advance = bar(progress, "checking", _examples(spec))
    try:
        stored.read(spec, directory, advance)
    except InputError as error:
        if not found.replaceable:
            raise
        progress.console.print(f"{error}: doing so")
        return False
    return True


@contextlib.contextmanager
def _exclusive(spec: Spec, directory: Path) -> Iterator[Path]:
    """Yield a folder to work in, inside `directory` so that a rename suffices at the end.

    Its name is fixed: what a killed process left there is cleared by the next one, and the lock,
    which the kernel releases when its holder dies, keeps two processes apart.
    """
    staging = directory / f".resinc-{spec.name}"
    staging.mkdir(parents=True, exist_ok=True)
    with (staging / "lock").open("w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"another process is preparing {spec.name} in {directory}: wait for it to end"
            ) from None
        _clear(staging)
        try:
            yield staging
        except BaseException:
            # A finished download serves the next attempt; without one nothing is worth keeping.
            if not any(path.is_file() for path in (staging / "downloads").glob("*")):
                shutil.rmtree(staging, ignore_errors=True)
            raise
        shutil.rmtree(staging, ignore_errors=True)


def _clear(staging: Path) -> None:
    for entry in staging.iterdir():
        if entry.name not in ("lock", "downloads"):
            shutil.rmtree(entry)


def _publish(built: Path, home: Path, staging: Path) -> None:
    home.parent.mkdir(exist_ok=True)
    if home.exists():
        os.rename(home, staging / "replaced")
    os.rename(built, home)


def _download(spec: Spec, directory: Path, folder: Path, progress: Progress) -> Path:
    """Fetch the set's files; return what `read_archive` takes."""
    folder.mkdir(exist_ok=True)
    what = "FOLDER (with the four files)" if len(spec.remotes) > 1 else "FILE"
    advice = (
        "where there is no internet, download it elsewhere and use: "
        f"{stored.mend(spec, directory)} --from {what}"
    )
    advance = bar(progress, "downloading", sum(remote.size for remote in spec.remotes))
    paths = [fetch(remote, folder, advance, advice) for remote in spec.remotes]
    return folder if len(paths) > 1 else paths[0]


def _write(spec: Spec, archive: Archive, staging: Path, progress: Progress) -> None:
    import tensorflow_datasets as tfds

    features: dict[str, Any] = {
        "image": tfds.features.Image(shape=spec.image_shape),
        "label": _class_label(archive.label_names, spec.num_classes),
    }
    if spec.name.startswith("cifar"):
        features["id"] = tfds.features.Text()
    if archive.splits["train"].coarse is not None:
        features["coarse_label"] = _class_label(archive.coarse_names, 20)
    advance = bar(progress, "writing", _examples(spec))

    class Builder(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
        """The stock set under its stock name, with images encoded already."""

        name = spec.name
        VERSION = tfds.core.Version(spec.version)

        def _info(self) -> Any:
            return tfds.core.DatasetInfo(
                builder=self,
                description=f"{spec.name} as its authors distribute it, lossless.",
                features=tfds.features.FeaturesDict(features),
                supervised_keys=("image", "label"),
            )

        def _split_generators(self, dl_manager: Any) -> dict[str, Iterator]:
            return {
                split: self._generate_examples(split, original)
                for split, original in archive.splits.items()
            }

        def _generate_examples(self, split: str, original: Original) -> Iterator:
            # Keys as in the stock builders: TFDS derives the stored order from them.
            for key in range(len(original.label)):
                example = {"image": _png(original.image[key]), "label": int(original.label[key])}
                if "id" in features:
                    example["id"] = f"{split}_{key:05d}"
                if original.coarse is not None:
                    example["coarse_label"] = int(original.coarse[key])
                yield key, example
                advance(1)

    tfds.disable_progress_bar()  # It would write into ours.
    with contextlib.redirect_stdout(io.StringIO()):  # Where it names the folder of the moment.
        Builder(data_dir=str(staging)).download_and_prepare(file_format="array_record")


def _class_label(names: list[str], classes: int) -> Any:
    import tensorflow_datasets as tfds

    if len(names) == classes:
        return tfds.features.ClassLabel(names=names)
    return tfds.features.ClassLabel(num_classes=classes)


def _png(image: Any) -> io.BytesIO:
    from PIL import Image

    encoded = io.BytesIO()
    # NumPy images would make TFDS encode them, with TensorFlow.
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(encoded, "PNG")
    encoded.seek(0)
    return encoded
