"""What the demonstration walks: stretches of ground in a row, and where the map is cut."""

from collections.abc import Mapping

from ts_locomotion.simulation.terrain import Segment

COURSE = (
    Segment("flat", length=4.0),
    Segment("rough", size=0.04, length=3.0),
    Segment("flat", length=1.0),
    Segment("stairs_up", size=0.08),
    Segment("flat", length=1.5),
    Segment("stairs_down", size=0.08),
    Segment("flat", length=3.0),
)
"""Low enough to be felt: a robot without eyes walks it."""

OBSTACLE_COURSE = (
    Segment("flat", length=3.0),
    Segment("rough", size=0.04, length=1.5),
    Segment("flat", length=0.5),
    Segment("stairs_up", size=0.15, number=4),
    Segment("flat", length=1.0),
    Segment("stairs_down", size=0.15, number=4),
    Segment("flat", length=0.8),
    Segment("gaps", size=0.20, number=2),
    # What was mapped last reaches 2 m ahead and is used up by the time the steps begin.
    Segment("flat", length=2.5, mapped=False),
    Segment("stairs_up", size=0.08, number=4, mapped=False),
    Segment("flat", length=0.6, mapped=False),
    Segment("stairs_down", size=0.08, number=4, mapped=False),
    Segment("flat", length=2.5),
)
"""Steps and gaps that need eyes; then low steps that have to be walked without any."""

COURSES: Mapping[str, tuple[Segment, ...]] = {
    "course": COURSE,
    "obstacle_course": OBSTACLE_COURSE,
}
"""By name. The robot starts at x = 0, which is 1 m into the first segment."""
