"""Teacher-student reinforcement learning on rsl-rl-lib."""
