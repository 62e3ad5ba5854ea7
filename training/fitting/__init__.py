"""Training runs: settings, optimizer, learning curve, validation, and stopping in order."""
