"""From an image to joints in one graph: a pose model's file, with what cuts the crops in front of it.

It is made once for a model, with the package ``onnx``; running it needs nothing more than any other model.
"""
