"""What the daemon tells machines: alive, ready, and metrics. It listens on loopback unless told otherwise."""
