"""Protocols of the data sets: one file each says what is measured, on which joints, and how it is averaged."""
