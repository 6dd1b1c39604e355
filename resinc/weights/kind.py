"""What a file is, told from its first bytes: suffixes are chosen freely and prove nothing."""

import json
import os
import zipfile
import zlib
from pathlib import Path

from resinc.errors import InputError
from resinc.runs.folder import has_checkpoints

TORCH, SAFETENSORS, HDF5, KERAS = "torch", "safetensors", "HDF5", "Keras archive"

_HEAD = 1024  # Bytes looked at.
# torch.save before PyTorch 1.6: a pickled number, then more pickles.
_TORCH_NUMBER = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
_PACKED = {
    b"\x1f\x8b": "gzip-compressed",
    b"BZh": "bzip2-compressed",
    b"\xfd7zXZ\0": "xz-compressed",
    b"\x28\xb5\x2f\xfd": "zstandard-compressed",
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!": "a rar archive",
}
_OTHERS = {
    b"\x93NUMPY": "one NumPy array (.npy): save all arrays as safetensors",
    b"GGUF": "a GGUF file",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"%PDF": "a PDF document",
    b"\x7fELF": "a program",
}
_SUFFIXES = (".pth", ".pt", ".th", ".bin", ".ckpt", ".tar", ".safetensors", ".h5", ".keras")


def kind_of(path: Path) -> str:
    """TORCH, SAFETENSORS, HDF5 or KERAS.

    Raises:
      InputError: there is no such file, it cannot be read, it is cut off, or it is something else;
        says what it is.
    """
    if path.is_dir():
        raise InputError(f"{str(path)!r} is a folder, no weight file{_inside(path)}")
    if not path.is_file():
        raise InputError(
            f"{str(path)!r} is neither a file nor a folder"
            if path.exists()
            else f"no weight file {str(path)!r}"
        )
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
            size = os.fstat(file.fileno()).st_size
    except OSError as error:
        raise InputError(f"{str(path)!r} cannot be read: {error.strerror}") from None
    if head.startswith(b"PK\x03\x04"):
        return _kind_of_zip(path)
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return HDF5
    if head[:1] == b"\x80" and _TORCH_NUMBER in head[:40]:
        return TORCH
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 2**27:
        if 8 + int.from_bytes(head[:8], "little") > size:
            raise InputError(f"{str(path)!r} is a safetensors file that is cut off: {size} bytes")
        return SAFETENSORS
    raise InputError(f"{str(path)!r} is no weight file: it is {_other(path, head)}")


def _kind_of_zip(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile:
        raise InputError(
            f"{str(path)!r} is cut off or damaged: it begins as a zip archive (PyTorch and Keras "
            f"write those), but has no end, at {path.stat().st_size} bytes"
        ) from None
    if "model.weights.h5" in names:
        _refuse_changed(path)
        return KERAS
    if any(name.endswith("/constants.pkl") or "/code/" in name for name in names):
        raise InputError(
            f"{str(path)!r} is a TorchScript archive, which holds code: load it by torch.jit.load, "
            "and torch.save its state_dict()"
        )
    if any(name == "archive_format" or name.endswith("/archive_format") for name in names):
        raise InputError(
            f"{str(path)!r} is an archive of torch.export, which holds a program: load it by "
            "torch.export.load, and torch.save its state_dict"
        )
    if any(name.endswith("/data.pkl") for name in names):
        _refuse_changed(path)
        return TORCH
    held = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    if names and all(name.endswith(".npy") for name in names):
        raise InputError(
            f"{str(path)!r} is a NumPy archive (.npz) of {held}: save its arrays as safetensors"
        )
    raise InputError(f"{str(path)!r} is a zip archive of {held or 'nothing'}: unpack it")


def _refuse_changed(path: Path) -> None:
    """Raise where bytes are not those that were written: PyTorch reads them as other weights."""
    try:
        with zipfile.ZipFile(path) as archive:
            changed = archive.testzip()
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise InputError(f"{str(path)!r} is damaged: {error}") from None
    if changed:
        raise InputError(f"{str(path)!r} is damaged: the checksum of {changed!r} in it differs")


def _other(path: Path, head: bytes) -> str:
    """What no weight file begins with, in words."""
    if not head:
        return "empty (0 bytes)"
    if head.startswith(b"version https://git-lfs"):
        return "a git-lfs pointer to the file, not the file: run `git lfs pull` where it is from"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text[:9].lower() == b"<!doctype" or text[:5].lower() in (b"<html", b"<head", b"<?xml"):
        return "a web page, not what was to be downloaded: open it in a browser to see why"
    if not head.strip(b"\0"):
        return "filled with zeros, as an interrupted download leaves it"
    for start, words in _PACKED.items():
        if head.startswith(start):
            return f"{words}: unpack it"
    if head[257:262] == b"ustar":
        return f"a tar archive that holds {head[:100].rstrip(bytes(1)).decode(errors='replace')!r}"
    for start, words in _OTHERS.items():
        if head.startswith(start):
            return words
    if head[:1] == b"\x80":
        return "a Python pickle that torch.save has not written: save the arrays as safetensors"
    if text.startswith(b"{"):
        return _json(path)
    try:
        words = head[:40].decode("ascii")
        if words.isprintable() or "\n" in words:
            return f"a text that begins with {words.split(chr(10))[0]!r}"
    except UnicodeDecodeError:
        pass
    return f"of an unknown kind, beginning with {head[:8]!r}"


def _json(path: Path) -> str:
    try:
        pieces = sorted(set(json.loads(path.read_text(encoding="utf-8"))["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError, OSError):
        return "a text in JSON"
    return f"the index of weights that lie in {len(pieces)} other files ({pieces[0]}, ...)"


def _inside(folder: Path) -> str:
    """What to name instead."""
    if has_checkpoints(folder):
        return ": it is a run, which needs no import; `init_from` and `resinc eval` take it"
    if (folder / "saved_model.pb").exists():
        return ": it is a TensorFlow SavedModel; load it, and save_weights as .h5"
    try:
        names = sorted(path.name for path in folder.iterdir())
    except OSError:
        return ""
    files = [name for name in names if name.lower().endswith(_SUFFIXES)]
    return f": it holds {', '.join(files[:5])}" if files else ""
