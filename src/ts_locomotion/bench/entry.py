"""Entry of the benchmark that needs torch, and no ROS as the others do."""

from ts_locomotion.training import entry


def train() -> int:
    """`ts-bench-train`."""
    return entry.run("ts_locomotion.bench.train")
