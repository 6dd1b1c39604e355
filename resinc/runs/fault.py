"""Why the folder of one run cannot be read: said of that run, beside all that can be.

Rights, a broken disk or network folder, a file where a folder should be or the reverse. A damaged
config.json too: what the numbers beside it are of, nobody knows. Every other file, damaged, counts
as absent.
"""

import os
import stat
from pathlib import Path

from resinc.runs import folder
from resinc.runs.files import parse_object

FILES = (
    folder.CELL,
    folder.CONFIG,
    folder.CORRECT,
    folder.GRADIENTS,
    folder.HOLDER,
    folder.LOCK,
    folder.LOG,
    folder.MEASUREMENTS,
    folder.METRICS,
    folder.PROVENANCE,
    folder.QUEUE,
    folder.STATUS,
    folder.TIMING,
)


def fault_of(workdir: Path) -> str:
    """In a few words, e.g. "status.json: not a file"; "" where nothing hinders, or is there."""
    try:
        there = set(os.listdir(workdir))
    except FileNotFoundError:
        return "it is a link to nothing" if workdir.is_symlink() else ""
    except NotADirectoryError:
        return "it is a file, not a folder"
    except OSError as error:
        return error.strerror or str(error)
    for name in FILES:
        if name in there and (fault := _fault_of_file(workdir / name)):
            return f"{name}: {fault}"
    return _fault_of_config(workdir / folder.CONFIG) if folder.CONFIG in there else ""


def _fault_of_file(path: Path) -> str:
    try:
        # A pipe without a writer would be waited for.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return "not a file"
            os.read(descriptor, 1)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        return ""  # Removed since, as signs of life are.
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _fault_of_config(path: Path) -> str:
    try:
        parse_object(path)
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"{path.name}: {error.strerror or error}"
    except ValueError:
        return f"{path.name} is damaged: it holds no JSON object"
    return ""
