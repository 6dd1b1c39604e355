"""`python -m experiments.gpu bench | kernels | weight-gradients | curves | evidence | carry`.

Work for one GPU, on a machine that has Python, JAX, Flax, Optax, Orbax and PyTorch, and can fetch
nothing: `carry` packs, elsewhere, what it lacks. See docs/gpu.md.
"""
