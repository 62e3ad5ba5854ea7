"""What the numbers and columns of meshes and outfits mean; both renderers read them."""

from __future__ import annotations

BODY, SKIRT, HAIR_MESH, EYE = 0, 1, 2, 3
"""What a triangle of a dressed person belongs to."""

ARM, LEG, HEIGHT, SCALP, HEAD, FOOT, HAND = range(7)
"""Columns of the body's fields (see body.py)."""

SLEEVE, HEM, NECK, TROUSERS, WAIST, SHOES, GLOVES, HAIRLINE, TOP_SCALE, BOTTOM_SCALE, BUMP = range(11)
"""Entries of an outfit's cut: where garments end on the body's fields, how textures repeat, how creased cloth is."""
