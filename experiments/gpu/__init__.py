"""`python -m experiments.gpu bench | kernels | curves | evidence | carry`: for one GPU.

Written for a machine that has Python, JAX, Flax, Optax, Orbax and PyTorch, and can fetch nothing:
`carry` packs, elsewhere, what it lacks. See docs/gpu.md.
"""
