"""The node that drives the course, before a graph is there: what makes no sense is not written."""

import feed
import numpy as np
from nav_msgs.msg import Odometry
from probe import free_domains, running
from sensor_msgs.msg import JointState

(DOMAIN,) = free_domains(1)


def test_malformed_odometry_and_joint_states_are_ignored(probe, tmp_path):
    output = tmp_path / "recording.npz"
    with running("course_node", DOMAIN, tmp_path / "log", output=output) as process:
        odometry = probe.publisher(Odometry, "odom")
        joints = probe.publisher(JointState, "joint_states")
        probe.meet("/course")
        odometry.publish(feed.odometry(0, np.array([np.nan, 0.0, 0.0])))
        joints.publish(JointState(name=["wheel"], position=[1.0]))
        assert probe.until(lambda: "ignored joint_states" in process.log)
        assert "ignored odom: position is not finite" in process.log
        assert process.alive
        assert "Traceback" not in process.log
