"""Object stores around object stores: each adds one habit and keeps the seven calls."""
