"""Plan builders: pure functions from facts to a plan, and from a plan and its journal to what comes next."""
