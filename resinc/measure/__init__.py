"""What a chain of layers costs: counted, timed, weighed."""
