"""Paths as people type them: read and shown in one way by every command, field and variable."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from resinc.errors import InputError


def read_path(text: str | os.PathLike[str]) -> Path:
    """The path that a text names, "~" replaced by the home folder; it need not exist.

    Raises:
      InputError: it is empty, too long or a circle of links, begins with the "~" of nobody, starts
        from a current folder that was removed, or has a name that is not UTF-8: checkpoints could
        not be written under it.
    """
    text = os.fspath(text)
    if not text.strip():
        raise InputError(f"path {text!r} is empty: name a folder or file, '.' for the current one")
    path = os.path.expanduser(text)
    if path.startswith("~"):
        raise InputError(
            f"path {text!r}: there is no home folder for {path.split('/')[0]!r} (HOME is not set, "
            "or nobody has that name); write the folder out"
        )
    if not os.path.isabs(path):
        check_current_folder()
    whole = os.path.abspath(path)
    try:
        plain = os.fsencode(whole) == whole.encode("utf-8")
    except UnicodeError:
        plain = False
    if not plain:
        # Python would decode and encode such a name by the locale, the checkpoint library as UTF-8:
        # half a run would lie in a folder of another name.
        raise InputError(
            f"path {text!r} is not UTF-8 in this locale: choose a name of plain letters, or set "
            "LC_ALL=C.UTF-8"
        )
    try:
        os.stat(whole)
    except OSError as error:
        if error.errno in (errno.ENAMETOOLONG, errno.ELOOP):
            raise InputError(f"path {text!r}: {error.strerror}") from None
    except ValueError as error:
        raise InputError(f"path {text!r}: {error}") from None  # A zero byte.
    return Path(path)


def check_current_folder() -> None:
    """Check that there is one: libraries ask for it even where all paths are absolute.

    Raises:
      InputError: it was removed.
    """
    try:
        os.getcwd()
    except FileNotFoundError:
        raise InputError("the current folder no longer exists: change to one that does") from None


@contextlib.contextmanager
def written(path: Path) -> Iterator[Path]:
    """A file that a user asked for, whole or not at all; inside, what it gives is to be written.

    Raises:
      InputError: it cannot be written; what was there before stays.
    """
    part = path.with_name(f"{path.name}.part")
    with writing(path):
        try:
            yield part
            part.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                part.unlink()
            raise


def show(path: str | os.PathLike[str]) -> str:
    """A path in a sentence: in quotes, what does not print escaped, so that it is one line."""
    return repr(os.fspath(path))


@contextlib.contextmanager
def writing(path: str | os.PathLike[str], what: str = "") -> Iterator[None]:
    """Around the writing of what the user named.

    Args:
      path: of the file or folder.
      what: it is, for the sentence, e.g. "workdir".

    Raises:
      InputError: the system does not let it be written, and why.
    """
    try:
        yield
    except OSError as error:
        named = f"{what} {show(path)}" if what else show(path)
        reason = error.strerror or str(error)
        raise InputError(f"{named} cannot be written: {reason}") from error
