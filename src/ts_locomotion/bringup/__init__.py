"""Bringing the graph up: one description of its nodes, two front ends (processes, ros2 launch)."""
