"""One file = one claim = one figure and one table.

`sweep()` says what to run, `report(rows)` what it shows.
"""

from experiments import depth, generalisation, gradients

# In the order of the claims.
EXPERIMENTS = {"depth": depth, "gradients": gradients, "generalisation": generalisation}
