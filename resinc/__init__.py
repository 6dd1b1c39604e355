"""Why residual and inception networks work, answered by experiment."""

import os

from resinc.xla import guard_sums

__version__ = "0.1.0"

# Whatever of resinc is imported, command or library, comes before JAX starts its back end.
guard_sums(os.environ)
