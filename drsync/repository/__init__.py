"""Sealed, deduplicated, create-only storage of bytes: packs, indexes, sessions, keys."""
