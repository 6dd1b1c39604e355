"""Which part of a batch a process reads, where several train together."""

import dataclasses

from resinc.errors import InputError


@dataclasses.dataclass(frozen=True)
class Share:
    """Which rows of every batch are this process's: part `index` of `count` equal ones."""

    index: int = 0
    count: int = 1

    def rows(self, batch_size: int) -> slice:
        """Raises InputError where the batch does not divide."""
        if batch_size % self.count:
            raise InputError(f"batch size {batch_size} is not divisible by {self.count} processes")
        size = batch_size // self.count
        return slice(self.index * size, (self.index + 1) * size)


ALONE = Share()
