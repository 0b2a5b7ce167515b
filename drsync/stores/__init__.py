"""Object stores: one protocol of seven calls, a driver a kind of store, wrappers around any of them."""
