"""How fast, against whom: `make bench` runs every file here and prints one table.

Each comparison is a file with `run(results, quick)`; numbers go to runs/bench/NAME.jsonl, a line
each, with versions, device, cores and commit. Stopped and started again it goes on with what is
missing. Both sides of a comparison live in processes of their own, with their own flags and the
same cores, and take turns; a side counts by the median of its turns.
"""
