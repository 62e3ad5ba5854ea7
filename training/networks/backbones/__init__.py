"""Backbones: crops in, feature maps out; one file a family."""
