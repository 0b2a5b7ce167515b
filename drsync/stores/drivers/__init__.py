"""One module for each kind of object store; its SDK is imported nowhere else."""
