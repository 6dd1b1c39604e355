"""Start the runs of a sweep and keep count of them."""

from collections.abc import Callable

from resinc.launch.gke.launcher import Gke
from resinc.launch.launcher import Launcher, Request
from resinc.launch.local import Local
from resinc.launch.slurm.launcher import Slurm

# Where cells run. To add one: its file, and its line here; folders, states and tables stay.
LAUNCHERS: dict[str, Callable[[Request], Launcher]] = {"local": Local, "slurm": Slurm, "gke": Gke}
