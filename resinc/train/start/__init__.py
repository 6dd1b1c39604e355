"""Where a run starts: its own checkpoint, the weights of another run, or the seed."""
