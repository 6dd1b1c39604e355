"""SLURM: job arrays by submitit, followed by squeue and scontrol."""
