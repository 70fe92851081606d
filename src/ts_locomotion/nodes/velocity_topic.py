"""cmd_vel, which some tools publish as Twist and others, under the same name, as TwistStamped.

teleop_twist_keyboard does either (`stamped:=true`), and so do teleop_twist_joy
(`publish_stamped_twist:=true`) and Nav2. Within one process DDS allows a topic one type, so the
subscription takes the type of whoever publishes.
"""

from collections.abc import Callable

from geometry_msgs.msg import Twist, TwistStamped
from rclpy.subscription import Subscription

from ts_locomotion.nodes.stage import StageNode

TOPIC = "cmd_vel"
LOOK_PERIOD = 0.25
"""Half the time after which another type is heard [s]."""
KINDS: dict[str, type] = {
    "geometry_msgs/msg/Twist": Twist,
    "geometry_msgs/msg/TwistStamped": TwistStamped,
}


class VelocityTopic:
    """The subscription of a configured stage to cmd_vel, soon after it has become active."""

    def __init__(self, stage: StageNode, receive: Callable[[Twist], None]) -> None:
        self._stage = stage
        self._receive = receive
        self._topic = stage.resolve_topic_name(TOPIC)
        self._subscription: Subscription | None = None
        self._kind = "geometry_msgs/msg/Twist"
        self._published: frozenset[str] = frozenset()
        stage.watch(LOOK_PERIOD, self._look)

    def _look(self) -> None:
        """Take up the type that is published, if it is not the one that is heard.

        The executor lets a subscription go in its own time: the next one waits for the next look.
        """
        if self._subscription is None:
            self._subscription = self._stage.listen(KINDS[self._kind], TOPIC, self._hear)
            return
        found = self._stage.get_publishers_info_by_topic(self._topic)
        published = frozenset(publisher.topic_type for publisher in found) & KINDS.keys()
        if published == self._published:
            return
        self._published = published
        log = self._stage.get_logger()
        if len(published) > 1:
            log.warning(f"{self._topic} is published in two types: only {self._kind} is heard")
        elif published and self._kind not in published:
            self._stage.deafen(self._subscription)
            self._subscription = None
            (self._kind,) = published
            log.info(f"{self._topic} is published as {self._kind}")

    def _hear(self, message: Twist | TwistStamped) -> None:
        self._receive(message.twist if isinstance(message, TwistStamped) else message)
