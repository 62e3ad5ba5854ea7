"""What is left out of a test run, and why."""

from importlib.util import find_spec

# With a sourced ROS, whose NumPy is too old for it, nothing for training is installed.
collect_ignore = [] if find_spec("torch") else ["training"]
