"""A file in pieces that may be carried one at a time, and back, by hash."""

import hashlib
from pathlib import Path
from typing import Any

from resinc.errors import InputError
from resinc.file_paths import show
from resinc.runs.files import read_object, write_json
from resinc.runs.shape import fits

MANIFEST = "manifest.json"  # Beside the pieces; it is carried with each of them.
_SHAPE = {"file": str, "sha256": str, "pieces": [{"name": str, "sha256": str}]}


def cut(base: Path, file: str, folder: Path, most: int) -> list[Path]:
    """Write pieces of `base`/`file` and their manifest; older ones there are removed.

    Args:
      base: a folder.
      file: inside it.
      folder: of the pieces.
      most: bytes of each.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("piece-*"):
        old.unlink()
    digest = hashlib.sha256()
    paths: list[Path] = []
    listed: list[dict[str, str]] = []
    with (base / file).open("rb") as whole:
        while content := whole.read(most):
            digest.update(content)
            path = folder / f"piece-{len(paths)}"
            path.write_bytes(content)
            paths.append(path)
            listed.append({"name": path.name, "sha256": hashlib.sha256(content).hexdigest()})
    about = {"file": file, "sha256": digest.hexdigest(), "pieces": listed}
    write_json(folder / MANIFEST, about)
    return paths


def join(folder: Path, base: Path) -> Path:
    """Write the file again, in its place inside `base`, whole or not at all; not if it is there.

    Raises:
      InputError: no manifest, or a piece is missing or not what was cut; says which.
    """
    manifest: dict[str, Any] = read_object(folder / MANIFEST)
    if not fits(manifest, _SHAPE) or ".." in Path(manifest["file"]).parts:
        raise InputError(f"{show(folder / MANIFEST)} lists no pieces")
    whole = base / manifest["file"]
    if whole.is_file():
        return whole
    pieces = manifest["pieces"]
    missing = [piece["name"] for piece in pieces if not (folder / piece["name"]).is_file()]
    if missing:
        raise InputError(
            f"{show(folder)} has {len(pieces) - len(missing)} of {len(pieces)} pieces: "
            f"{', '.join(missing)} must be brought too"
        )
    whole.parent.mkdir(parents=True, exist_ok=True)
    part, digest = whole.with_name(f"{whole.name}.part"), hashlib.sha256()
    try:
        with part.open("wb") as file:
            for piece in pieces:
                content = (folder / piece["name"]).read_bytes()
                if hashlib.sha256(content).hexdigest() != piece["sha256"]:
                    raise InputError(
                        f"{show(folder / piece['name'])} is not the piece that was cut"
                    )
                digest.update(content)
                file.write(content)
        if digest.hexdigest() != manifest["sha256"]:
            raise InputError(f"{show(folder)}: its pieces do not make the file that was cut")
        part.replace(whole)
    finally:
        part.unlink(missing_ok=True)
    return whole
