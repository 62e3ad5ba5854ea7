"""Heads: what a network predicts of a feature map, how that is read as a pose, and what training asks of it."""
