"""The batched MuJoCo Go2: scene, terrain, physics, rewards and the training environment."""
