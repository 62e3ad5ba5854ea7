"""`./run bench`: how right and how fast this is, measured on the demo's clip; see `__main__`."""
