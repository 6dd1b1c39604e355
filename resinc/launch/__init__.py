"""Start the runs of a sweep and keep count of them."""

from resinc.launch import local

# name: function(jobs, workers, devices, environment, listener) -> signal that stopped it, or None
LAUNCHERS = {"local": local.run}
