"""One file = one claim = one figure and one table.

`sweep()` says what to run, `report(rows)` what it shows.
"""

from experiments import (
    auxiliary,
    combination,
    depth,
    generalisation,
    gradients,
    identity,
    inception,
    multiplications,
    network_in_network,
    shortcuts,
    signs,
)

# In the order of the claims.
EXPERIMENTS = {
    "depth": depth,
    "gradients": gradients,
    "shortcuts": shortcuts,
    "identity": identity,
    "generalisation": generalisation,
    "signs": signs,
    "network_in_network": network_in_network,
    "multiplications": multiplications,
    "inception": inception,
    "combination": combination,
    "auxiliary": auxiliary,
}
