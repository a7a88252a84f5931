"""Who comes in: every way to the broker, and nothing else."""
