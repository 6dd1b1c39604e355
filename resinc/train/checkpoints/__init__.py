"""What a run goes on from, in `checkpoints/` of its folder: written, read back, checked."""
