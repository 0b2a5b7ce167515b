"""drsync: disaster recovery for Kubernetes across clouds."""
