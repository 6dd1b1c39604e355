"""One file = one claim = one figure and one table.

`sweep()` says what to run, `report(rows)` what it shows.
"""

from experiments import depth, gradients

EXPERIMENTS = {"depth": depth, "gradients": gradients}
