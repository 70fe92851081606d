"""The benchmark: what the core costs, an executor, and the graph beside bare ROS."""
