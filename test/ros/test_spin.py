"""How a node ends: told to at any moment, it does so without complaint."""

import os
import subprocess
import sys

import bundles
from probe import Probe, free_domains

from ts_locomotion_msgs.msg import Belief

(DOMAIN,) = free_domains(1)
INTERRUPTED_WHILE_A_MESSAGE_IS_MADE = """
import signal
from ts_locomotion.nodes.policy_node import main
from ts_locomotion_msgs.msg import Belief

made = Belief.__init__

def interrupted(self, **values):
    signal.raise_signal(signal.SIGINT)
    made(self, **values)

Belief.__init__ = interrupted
main()
"""


def test_an_interrupt_while_a_message_is_received_ends_the_node_in_order(tmp_path):
    bundle = bundles.write_blind(tmp_path / "tiny")
    arguments = ["--ros-args", "-p", f"bundle:={bundle}"]
    node = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED_WHILE_A_MESSAGE_IS_MADE, *arguments],
        env=os.environ | {"ROS_DOMAIN_ID": str(DOMAIN)},
        stderr=subprocess.PIPE,
        text=True,
    )
    probe = Probe(DOMAIN)
    try:
        probe.bring_up("/policy")
        probe.publisher(Belief, "belief").publish(Belief())
        assert probe.until(lambda: node.poll() is not None)
    finally:
        probe.close()
        node.kill()
        _, complaint = node.communicate()
    assert node.returncode == 0
    assert "Traceback" not in complaint
