"""What falls due at which step: the same steps however many a call makes."""

from collections.abc import Iterator

from ml_collections import ConfigDict


def logs(config: ConfigDict, step: int) -> bool:
    """Whether a window of training metrics ends here."""
    return step == config.steps or step % config.log_every_steps == 0


def evaluates(config: ConfigDict, step: int) -> bool:
    """At the end unless the interval is -1."""
    every = config.eval_every_steps
    return every >= 0 if step == config.steps else _falls(step, every)


def ends_epoch(config: ConfigDict, steps: range, size: int) -> bool:
    """Whether an epoch of `size` training examples ends in one of these steps, or the run does."""
    passed = [step * config.batch_size // size for step in (steps[0] - 1, steps[-1])]
    return passed[0] < passed[1] or steps[-1] == config.steps


def saves(config: ConfigDict, step: int) -> bool:
    """After every evaluation, too, and at the end."""
    return (
        step == config.steps
        or evaluates(config, step)
        or _falls(step, config.checkpoint_every_steps)
    )


def calls(config: ConfigDict, done: int) -> Iterator[range]:
    """Steps, counted from 1, of each call of the compiled function, after `done` of them.

    As many as `config.steps_per_call`; one where fewer are left before a checkpoint is due: so
    there are two programs to compile, not one for every remainder.
    """
    most = config.steps_per_call
    while done < config.steps:
        # What falls due within a call, falls due at its end.
        whole = done + most <= config.steps and not any(
            saves(config, step) for step in range(done + 1, done + most)
        )
        steps = range(done + 1, done + 1 + (most if whole else 1))
        yield steps
        done = steps[-1]


def _falls(step: int, every: int) -> bool:
    return every > 0 and step % every == 0
