"""`python -m experiments.gpu bench | curves | evidence | carry`: for one GPU, in calls of minutes.

Written for a machine that has Python, JAX, Flax, Optax, Orbax and PyTorch, and can fetch nothing:
`carry` packs, elsewhere, what it lacks. See docs/gpu.md.
"""
