"""Fetch the original files, checked against the checksums that tensorflow-datasets records."""

import hashlib
import http.client
import os
import urllib.request
from collections.abc import Callable
from pathlib import Path

from resinc.data.spec import Remote
from resinc.errors import InputError

_TIMEOUT_S = 60  # Without a single byte.
_BLOCK = 1 << 20  # Bytes.


def fetch(remote: Remote, folder: Path, advance: Callable[[int], object], advice: str) -> Path:
    """Return `folder`/filename, downloaded unless it is there already with the right checksum.

    Args:
      remote: what to fetch.
      folder: exists; the file appears there under its name only once it is whole.
      advance: called with the number of bytes received since the last call.
      advice: ends the error message: what to do instead.

    Raises:
      InputError: the download failed, or what arrived is not the file.
    """
    target = folder / remote.filename
    if target.exists() and _sha256(target) == remote.sha256:
        advance(target.stat().st_size)
        return target
    partial = target.with_name(target.name + ".part")
    digest = hashlib.sha256()
    received = 0
    request = urllib.request.Request(remote.url, headers={"User-Agent": "resinc"})
    try:
        with (
            urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response,
            partial.open("wb") as file,
        ):
            while block := response.read(_BLOCK):
                file.write(block)
                digest.update(block)
                received += len(block)
                advance(len(block))
    except (OSError, http.client.HTTPException) as error:
        partial.unlink(missing_ok=True)
        raise InputError(f"could not download {remote.url}: {error}; {advice}") from error
    if digest.hexdigest() != remote.sha256:
        partial.unlink()
        raise InputError(
            f"what {remote.url} sent is not the file expected: {received} bytes with sha256 "
            f"{digest.hexdigest()} instead of {remote.size} with {remote.sha256}; {advice}"
        )
    os.replace(partial, target)
    return target


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
