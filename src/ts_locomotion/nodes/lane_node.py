"""Drives one lane of an evaluation through a running graph, as course_node does its course."""

from ts_locomotion.demo import lane
from ts_locomotion.demo.course import Driver
from ts_locomotion.demo.logbook import Logbook
from ts_locomotion.nodes import course_node


class LaneNode(course_node.CourseNode):
    """Of the course's parameters `terrain` means nothing here."""

    def __init__(self) -> None:
        super().__init__()
        legs = lane.legs(self.settings.duration)
        self.driver = Driver(legs, lane.STEERING)
        self.logbook = Logbook(tuple(leg.name for leg in legs))


def main() -> None:
    """Entry point."""
    course_node.main(LaneNode)


if __name__ == "__main__":
    main()
