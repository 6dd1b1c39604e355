"""What all clusters with a queue share: what is asked of one, and how its jobs are followed."""
