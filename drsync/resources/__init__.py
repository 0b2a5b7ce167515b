"""What is taken of a cluster, what is written into another, and in which order: pure rules on objects."""
