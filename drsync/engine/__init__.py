"""The shell: looks at the world, and carries plans out."""
