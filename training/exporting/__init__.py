"""From a trained network to a file: calibration, precision, and the graph for GPUs."""
