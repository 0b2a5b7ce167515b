"""The nouns: frozen values without behaviour that does I/O."""
