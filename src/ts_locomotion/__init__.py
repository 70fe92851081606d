"""Legged locomotion that sees, on ROS 2: perception, belief and policy for the Unitree Go2."""
