"""Data sets as their owners distribute them: one file each."""
