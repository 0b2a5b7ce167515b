"""One idempotent function a kind of step: look, act, look again."""
