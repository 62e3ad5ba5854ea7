"""What `./run bench-gpu` measures: crops per second, time from image to people, and how far from the limits."""
