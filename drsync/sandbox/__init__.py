"""Small Kubernetes API servers of drsync's own: for the demo, and as the tests' fake cluster."""
