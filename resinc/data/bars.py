"""How the work on a data set shows itself: bars on a terminal, plain lines when piped."""

from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn


def bars(console: Console) -> Progress:
    """To be used as a context manager."""
    return Progress(
        TextColumn("{task.description:12}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )


def bar(progress: Progress, what: str, total: int) -> Callable[[int], None]:
    """Begin a bar; what comes back is called with how much was done."""
    if progress.disable:
        progress.console.print(f"{what} ...")
    task = progress.add_task(what, total=total)
    return lambda count: progress.advance(task, count)
