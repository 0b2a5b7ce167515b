"""Volumes to and from the repository: scan, manifest, backup, restore, and the jobs that ask for them."""
