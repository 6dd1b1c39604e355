"""`python -m experiments.gpu bench | curves | carry`: work for one GPU, in calls of a few minutes.

Written for a machine that has Python, JAX, Flax, Optax, Orbax and PyTorch, and can fetch nothing:
`carry` packs, elsewhere, what it lacks. See docs/gpu.md.
"""
