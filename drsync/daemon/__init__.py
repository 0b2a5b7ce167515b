"""`drsync daemon`: captures on schedule, watches the objectives, tells people."""
