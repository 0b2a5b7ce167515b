"""Pure functions from manifest to manifest, for what differs between two clusters."""
