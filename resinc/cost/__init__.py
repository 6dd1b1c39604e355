"""What a network costs: counted in its traced program, measured as time and memory."""
