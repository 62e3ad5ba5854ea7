"""Trunks, heads and placement, and the model that joins them."""
