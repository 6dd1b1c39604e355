"""Which packages training on a GPU imports; of the others of pyproject.toml it needs none."""

import importlib.util

# Module -> what pip calls it.
NEEDED = {
    "absl": "absl-py",
    "flax": "flax",
    "jax": "jax",
    "ml_collections": "ml-collections",
    "numpy": "numpy",
    "optax": "optax",
    "orbax": "orbax-checkpoint",
    "rich": "rich",
    "tensorboardX": "tensorboardX",
    "yaml": "PyYAML",
}


def missing() -> list[str]:
    """As pip calls them."""
    return [name for module, name in NEEDED.items() if importlib.util.find_spec(module) is None]
