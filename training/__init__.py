"""What makes the models: people rendered here, networks, losses, fitting, evaluation and export to one ONNX file."""
