"""From a trained network to a file: calibration, and in which precision it is stored and computed."""
