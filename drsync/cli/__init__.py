"""What an operator types: parse, call, print."""
