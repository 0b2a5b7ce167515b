"""What moves in a sandbox by itself: what a real cluster's controllers, scheduler and kubelet would do."""
