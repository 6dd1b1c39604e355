"""The folder of a run: everything that knows what lies in it, read and written here; no JAX."""
