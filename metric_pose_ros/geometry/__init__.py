"""Cameras, crops and placement in pure NumPy and OpenCV."""
