"""`make carry`: what a bare machine lacks, in build/gpu; and the runs of a GPU, to take home.

prepare   packages of pip as plain folders, the commit, CIFAR-10 as arrays in pieces
out       the runs, as pieces of one archive: of a run that has ended no checkpoints, of another
          the newest
in        such pieces, unpacked; a run that has ended here stays as it is
"""

import argparse
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from experiments.gpu.packages import CARRIED, PACKED
from experiments.gpu.pieces import cut, join
from resinc.cache import kernel_choices
from resinc.errors import InputError
from resinc.file_paths import show
from resinc.launch.local import XLA_CACHE
from resinc.runs import provenance
from resinc.runs.folder import CHECKPOINTS, HOLDER, LOCK, PACKS, TENSORBOARD, is_begun
from resinc.runs.status import FOR_GOOD, state_of

DATASET = "cifar10"
PIECES, DATA = CARRIED / "data", CARRIED / "tfds"
ARCHIVE = "runs.tar.gz"
MIB = 1 << 20
LEFT_BEHIND = (CHECKPOINTS, HOLDER, LOCK, TENSORBOARD)


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.gpu carry",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", choices=("prepare", "out", "in"))
    parser.add_argument("--packages", default=" ".join(PACKED), help="of pip, pure Python")
    parser.add_argument("--dir", type=Path, help="TFDS directory that has CIFAR-10")
    parser.add_argument("--root", type=Path, help="folder of a sweep, of which runs are carried")
    parser.add_argument("--pieces", type=Path, help="folder of the pieces")
    parser.add_argument("--most-mib", type=float, help="of a piece (default: 50, of runs 15)")
    args = parser.parse_args(argv)
    if args.what == "prepare":
        prepare(args.packages.split(), args.dir, args.pieces or PIECES, args.most_mib or 50)
    elif not args.root or not args.pieces:
        parser.error("runs are carried from or to --root, in --pieces")
    elif args.what == "out":
        pack_runs(args.root, args.pieces, args.most_mib or 15)
    else:
        unpack_runs(args.pieces, args.root)
    return 0


def prepare(packages: Sequence[str], directory: Path | None, pieces: Path, most: float) -> None:
    install = ["pip", "install", "--quiet", "--no-deps", "--upgrade", f"--target={CARRIED}/site"]
    CARRIED.mkdir(parents=True, exist_ok=True)
    if packages:
        _python(*install, *packages)
    provenance.write_commit(CARRIED / "commit.json")
    place = [f"--dir={directory}"] if directory else []
    _python("resinc", "data", "arrays", DATASET, f"--to={DATA}", *place)
    (whole,) = DATA.glob(f"{DATASET}/*/*.npz")
    _tell(cut(DATA, str(whole.relative_to(DATA)), pieces, int(most * MIB)))


def _python(module: str, *words: str) -> None:
    """Raises InputError where it fails; it has said why."""
    if status := subprocess.run([sys.executable, "-m", module, *words]).returncode:
        raise InputError(f"python -m {module} ended with status {status}")


def provide_data() -> None:
    """Point TFDS_DATA_DIR, where it is not set, at CIFAR-10 as it was carried; joins its pieces.

    Raises:
      InputError: pieces are missing or damaged.
    """
    if not os.environ.get("TFDS_DATA_DIR"):
        join(PIECES, DATA)
        os.environ["TFDS_DATA_DIR"] = str(DATA.resolve())


def pack_runs(root: Path, pieces: Path, most: float) -> None:
    if not root.is_dir():
        raise InputError(f"{show(root)} holds no runs")
    pieces.mkdir(parents=True, exist_ok=True)
    archive = pieces / ARCHIVE
    with tarfile.open(archive, "w:gz", compresslevel=3) as tar:
        for path in _worth_keeping(root):
            tar.add(path, path.relative_to(root), recursive=True)
    paths = cut(pieces, ARCHIVE, pieces, int(most * MIB))
    archive.unlink()
    _tell(paths)


def _worth_keeping(root: Path) -> Iterator[Path]:
    for path in sorted(root.iterdir()):
        if path.is_dir() and is_begun(path):
            yield from (part for part in path.iterdir() if part.name not in LEFT_BEHIND)
            steps = [p for p in path.glob(f"{CHECKPOINTS}/*") if p.name.isdigit()]
            if steps and state_of(path) not in FOR_GOOD:
                yield max(steps, key=lambda step: int(step.name))
        elif path.is_file() or path.name == PACKS:
            yield path
    choices = kernel_choices({"JAX_COMPILATION_CACHE_DIR": str(root / XLA_CACHE)})
    if choices and choices.is_dir():
        yield choices  # So that runs go on elsewhere with the kernels that they began with.


def unpack_runs(pieces: Path, root: Path) -> None:
    (root / ARCHIVE).unlink(missing_ok=True)
    archive = join(pieces, root)
    with tarfile.open(archive) as tar:
        names = {name for name in tar.getnames() if "/" in name}
        folders = {Path(name).parts[0] for name in names}
        kept = {name for name in folders if state_of(root / name) in FOR_GOOD}
        wanted = [m for m in tar if Path(m.name).parts[0] not in kept]
        tar.extractall(root, wanted, filter="data")
    archive.unlink()
    count = sum(is_begun(root / name) for name in folders - kept)
    print(f"{count} runs unpacked into {show(root)}, {len(kept)} left alone")


def _tell(paths: Sequence[Path]) -> None:
    for path in paths:
        print(f"{show(path)}  {path.stat().st_size / MIB:.1f} MiB")
