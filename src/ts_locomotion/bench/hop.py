"""One hop between two processes: what an executor of rclpy adds to a message's way."""

import json
import subprocess
import sys
import time
from array import array
from collections.abc import Callable
from typing import Any

import numpy as np
import rclpy
from rclpy.executors import Executor, SingleThreadedExecutor
from rclpy.experimental.events_executor import EventsExecutor
from rclpy.node import Node
from rclpy.utilities import try_shutdown
from std_msgs.msg import UInt8MultiArray

from ts_locomotion.bench.figures import Figure, percentiles

EXECUTORS: dict[str, Callable[[], Executor]] = {
    "EventsExecutor": EventsExecutor,
    "SingleThreadedExecutor": SingleThreadedExecutor,
}
MESSAGE_BYTES = 996
RATES_HZ = (50, 500)
TOPIC = "bench/hop"
STARTER = "import sys; from ts_locomotion.bench.hop import receive; receive(*sys.argv[1:])"


def measure(duration: float) -> list[Figure]:
    """Median and p99 of the hop by executor and rate; anchor: the SingleThreadedExecutor."""
    figures = []
    for rate in RATES_HZ:
        found = {name: _send(name, rate, duration) for name in EXECUTORS}
        single = found["SingleThreadedExecutor"]
        for name, values in found.items():
            anchors = single if name == "EventsExecutor" else dict.fromkeys(single)
            for key, unit in (("p50", "ms"), ("p99", "ms"), ("cpu", "% of a core")):
                label = f"one hop {rate} Hz, {name}, {key}"
                figures.append(Figure(label, values[key], unit, anchors[key]))
    return figures


def _send(executor: str, rate: int, duration: float) -> dict[str, float]:
    count = round(rate * duration)
    receiver = subprocess.Popen(
        [sys.executable, "-c", STARTER, executor, str(count)], stdout=subprocess.PIPE, text=True
    )
    rclpy.init()
    node = Node("bench_sender")
    publisher = node.create_publisher(UInt8MultiArray, TOPIC, 10)
    try:
        _await_reader(publisher, receiver)
        _publish(publisher, rate, count)
        answer, _ = receiver.communicate(timeout=30.0)
    finally:
        receiver.kill()
        node.destroy_node()
        try_shutdown()
    return json.loads(answer.splitlines()[-1])


def _await_reader(publisher: Any, receiver: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 20.0
    while publisher.get_subscription_count() == 0:
        if receiver.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("the receiver of the hop does not come up")
        time.sleep(0.05)
    time.sleep(0.3)


def _publish(publisher: Any, rate: int, count: int) -> None:
    padding = bytes(MESSAGE_BYTES - 8)
    due = time.monotonic()
    for _ in range(count):
        due += 1.0 / rate
        time.sleep(max(0.0, due - time.monotonic()))
        now = np.int64(time.monotonic_ns()).tobytes()
        publisher.publish(UInt8MultiArray(data=array("B", now + padding)))


def receive(executor_name: str, count: str) -> None:
    """The other process: print the hop's percentiles and the CPU use after `count` messages."""
    ages: list[float] = []
    began = [0.0, 0.0]

    def note(message: UInt8MultiArray) -> None:
        sent = int(np.frombuffer(bytes(message.data[:8]), np.int64)[0])
        ages.append((time.monotonic_ns() - sent) * 1e-9)
        if len(ages) == 1:
            began[:] = time.monotonic(), time.process_time()

    rclpy.init()
    node = Node("bench_receiver")
    node.create_subscription(UInt8MultiArray, TOPIC, note, 10)
    executor = EXECUTORS[executor_name]()
    executor.add_node(node)
    last, seen = time.monotonic(), 0
    while len(ages) < int(count) and time.monotonic() - last < 10.0:
        executor.spin_once(timeout_sec=0.5)
        if len(ages) > seen:
            last, seen = time.monotonic(), len(ages)
    share = 100 * (time.process_time() - began[1]) / (time.monotonic() - began[0])
    print(json.dumps({**percentiles(ages), "cpu": share, "received": len(ages)}))
    executor.shutdown()
    node.destroy_node()
    try_shutdown()
