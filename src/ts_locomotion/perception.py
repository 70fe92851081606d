"""Perception: terrain heights around the feet, read from an elevation map."""

SCAN_RADII = (0.08, 0.16, 0.26, 0.36, 0.48)
SCAN_POINTS = (6, 8, 10, 12, 16)
"""Radii [m] of the circles around each foot and points on each (Miki et al. 2022, table S3)."""
SCAN_SIZE = 4 * sum(SCAN_POINTS)
"""Heights in one scan of all feet: F * P."""
