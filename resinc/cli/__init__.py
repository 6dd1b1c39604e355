"""The `resinc` command: what can be typed, and what each subcommand does."""

from resinc.cli.parser import main

__all__ = ["main"]
