"""What the sites share through the store: who may act, what was sealed, and how far each run has come."""
