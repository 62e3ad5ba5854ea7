"""What the numbers and columns of meshes and outfits mean; both renderers read them."""

from __future__ import annotations

BODY, SKIRT, HAIR_MESH, EYE = 0, 1, 2, 3
"""What a triangle of a dressed person belongs to."""

COLUMNS = 8
ARM, LEG, HEIGHT, SCALP, HEAD, FOOT, HAND, CROWN = range(COLUMNS)
"""Columns of the body's fields (see body.py)."""

(
    SLEEVE, HEM, NECK, TROUSERS, WAIST, SHOES, GLOVES, HAIRLINE, TOP_SCALE, BOTTOM_SCALE, BUMP, OPENING, HAT, HOOD,
    COAT,
) = range(15)  # fmt: skip
"""Entries of an outfit's cut: where garments end on the body's fields, how textures repeat, how creased cloth is, half
the width of a jacket's opening (m), where the hat begins, whether a hood hides the hair and whether the skirt is a
coat's."""

SKIN, TOP, BOTTOM, SHOE, INNER, HEADGEAR, HAIR, EYEBALL = range(8)
"""What a pixel of a person is made of; TOP to HEADGEAR are fabrics, in the order of `Looks.fabrics`."""

SKIRTS = ((9.0, 0.0), (-0.16, 0.0), (-0.36, 0.0), (-0.50, 0.0), (-9.0, 0.0), (-0.10, 0.07), (-0.30, 0.06), (-0.5, 0.05))
"""What can hang from the waist: height of the hem in the rest pose and half the width of an opening in front, m. The
first is nothing, then come skirts and dresses from short to long, then open coats."""

FIRST_COAT = 5

FACE_LEFT, FACE_WIDTH, FACE_TOP, FACE_HEIGHT, FACE_DEPTH = -0.09, 0.18, 0.82, 0.27, -0.035
"""Where a face's picture lies in the rest pose: x from FACE_LEFT, z downwards from FACE_TOP, y below FACE_DEPTH (m)."""
