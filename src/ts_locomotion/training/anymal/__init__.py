"""The PyTorch API of anymal-belief-state-encoder-decoder-pytorch, mended; see docs/anymal.md."""

from ts_locomotion.training.anymal.environments import MockEnv
from ts_locomotion.training.anymal.networks import MLP, Student, Teacher
from ts_locomotion.training.anymal.noise import HeightNoise, NoiseSchedule
from ts_locomotion.training.anymal.ppo import PPO
from ts_locomotion.training.anymal.running import RunningStats
from ts_locomotion.training.anymal.trainer import StudentTrainer
from ts_locomotion.training.anymal.wrapper import Anymal

__all__ = [
    "MLP",
    "PPO",
    "Anymal",
    "HeightNoise",
    "MockEnv",
    "NoiseSchedule",
    "RunningStats",
    "Student",
    "StudentTrainer",
    "Teacher",
]
