"""The folder of a training run: its record, its checkpoint, and the actor they hold."""

import platform
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
import yaml
from tensordict import TensorDict

from ts_locomotion import observation
from ts_locomotion.errors import ConfigurationError
from ts_locomotion.simulation import curriculum, environment, sighted_environment
from ts_locomotion.simulation.sighted_environment import SightedConfig
from ts_locomotion.training import checkpoint, history_encoders, tasks, whole_file
from ts_locomotion.training.belief_networks import BeliefCritic
from ts_locomotion.training.belief_tasks import BeliefNetworks
from ts_locomotion.training.cts import ConcurrentPPO, stratified
from ts_locomotion.training.history_encoders import HistoryEncoder, Sizes
from ts_locomotion.training.mirror import Mirror, reflection
from ts_locomotion.training.networks import SightSizes, TeacherStudentActor
from ts_locomotion.training.overrides import as_plain, differences, from_plain
from ts_locomotion.training.ppo_settings import ActionNoise, check_batches
from ts_locomotion.training.tasks import AnyTask, Concurrent, Networks, Task, world
from ts_locomotion.training.teacher_student import TeacherStudentPPO, interleaved

CHECKPOINT = "checkpoint.pt"
RECORD = "run.yaml"
LATER = SPECIALIST, STUDENT = "specialist", "student"
"""Folders of the later stages within that of the first."""
RECORDED: Mapping[str, tuple[type, str]] = {
    "name": (str, "a text"),
    "seed": (int, "a whole number"),
    "command": (str, "a text"),
    "commit": (str, "a text"),
    "versions": (dict, "a mapping"),
    "task": (dict, "a mapping"),
}
"""What every record holds, and in which form."""
PACKAGES = ("torch", "rsl-rl-lib", "mujoco", "numpy")


def write_record(folder: Path, task: AnyTask, edits: Sequence[str], seed: int) -> None:
    """Note what is trained, from what, with what: commit and versions of when it began."""
    begun = (folder / CHECKPOINT).exists() and (folder / RECORD).exists()
    before = read_record(folder) if begun else {}
    told = {"name": task.name, "edits": list(edits), "seed": seed}
    plain = as_plain(task)
    if begun and told.items() <= before.items() and before["task"] == plain:
        return
    record = {
        **told,
        "command": _command(task, seed),
        "commit": before.get("commit") or _commit(),
        "versions": before.get("versions") or _versions(),
        "task": plain,
    }
    whole_file.write(folder / RECORD, yaml.safe_dump(record, sort_keys=False))


def read_record(folder: Path) -> dict[str, Any]:
    """What a run noted of itself. Raises ConfigurationError where there is no run."""
    try:
        record = yaml.safe_load((folder / RECORD).read_text())
    except OSError as error:
        raise ConfigurationError(f"{folder} holds no training run: no {RECORD}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{folder / RECORD} is damaged: it is not YAML") from error
    if not isinstance(record, dict):
        raise ConfigurationError(f"{folder / RECORD} is damaged: expected {', '.join(RECORDED)}")
    for name, (kind, form) in RECORDED.items():
        if not isinstance(record.get(name), kind):
            given = repr(record[name]) if name in record else "nothing"
            raise ConfigurationError(
                f"{folder / RECORD} is damaged: {name}: {given} given, expected {form}"
            )
    return record


def task_of(record: Mapping[str, Any]) -> AnyTask:
    """The task of a record as it was then, whatever it has become since."""
    return from_plain(tasks.make(record["name"]), record["task"])


def load_actor(folder: Path) -> tuple[Task, TeacherStudentActor, int]:
    """Task, trained actor and environment steps of a run."""
    task = task_of(read_record(folder))
    if not isinstance(task, Task):
        raise ConfigurationError(f"{folder} holds a {task.name}, which is not teacher-student")
    state = checkpoint.load(folder / CHECKPOINT)
    actor = blank_actor(task)
    actor.load_state_dict(state["actor_state_dict"])
    return task, actor.eval(), state["steps"]


def settings(task: Task) -> dict[str, Any]:
    """A task in the words of rsl_rl."""
    return {
        "num_steps_per_env": task.steps_per_iteration,
        "obs_groups": {"actor": ["policy"], "critic": ["critic", "privileged"]},
        "actor": {"class_name": TeacherStudentActor, **_actor_settings(task)},
        "critic": critic_settings(task.networks, task.exteroception),
        "algorithm": {
            "mirror": Mirror(
                observation_layout(task), task.mirror_share, task.environment.action.observed
            ),
            "schedule": "adaptive",
            **_algorithm_settings(task),
        },
    }


def observation_layout(task: Task) -> dict[str, tuple[str, ...]]:
    """Names of the terms in each observation group."""
    config = world(task)
    if isinstance(config, SightedConfig):
        return sighted_environment.observation_layout(config, task.exteroception)
    return environment.observation_layout(config)


def critic_settings(networks: Networks | BeliefNetworks, sees: bool) -> dict[str, Any]:
    """Class and arguments of a critic."""
    if not sees:
        return {
            "class_name": "MLPModel",
            "hidden_dims": networks.critic,
            "obs_normalization": True,
        }
    return {
        "class_name": BeliefCritic,
        "hidden_dims": networks.critic,
        "scan_encoding": networks.critic_scan_encoding,
        "scan_encoder": networks.critic_scan_encoder,
    }


def distribution_settings(noise: ActionNoise) -> dict[str, Any]:
    """Class and arguments of what a policy draws its actions from."""
    return {
        "class_name": "GaussianDistribution",
        "init_std": noise.initial_std,
        "std_range": noise.std_range,
    }


def _algorithm_settings(task: Task) -> dict[str, Any]:
    values, config = asdict(task.algorithm), task.environment
    share, count = values.pop("student_share"), config.environments
    if isinstance(task.algorithm, Concurrent):
        ground = curriculum.interleave(config.grounds, count)
        kind, students = ConcurrentPPO, stratified(share, ground)
        learned = min(len(students), count - len(students))
    else:
        kind, students = TeacherStudentPPO, interleaved(share, count)
        learned = count - len(students)
    check_batches(task.algorithm, learned * task.steps_per_iteration)
    return {"class_name": kind, "students": students, **values}


def _actor_settings(task: Task) -> dict[str, Any]:
    networks = task.networks
    return {
        "hidden_dims": networks.policy,
        "distribution_cfg": distribution_settings(networks),
        "latent_size": networks.latent,
        "privilege_dims": networks.privilege_encoder,
        "history_encoder": partial(_history_encoder, networks),
        "sight": _sight(networks) if task.exteroception else None,
        "last_layer_gain": networks.last_layer_gain,
    }


def _sight(networks: Networks) -> SightSizes:
    return SightSizes(networks.scan_encoding, networks.scan_encoder, networks.sight_head)


def _history_encoder(
    networks: Networks, frames: int, frame_size: int, latent: int
) -> HistoryEncoder:
    widths = (networks.history_encoder, networks.tcn_channels, networks.gru_hidden)
    return history_encoders.make(networks.encoder, Sizes(frames, frame_size, latent, *widths))


def blank_actor(task: Task) -> TeacherStudentActor:
    """The policy of a task before training."""
    config = task.environment
    layout = observation_layout(task)
    frame = observation.size(layout["history"])
    obs = {
        "policy": torch.zeros(1, observation.size(layout["policy"])),
        "privileged": torch.zeros(1, len(reflection(layout["privileged"]).order)),
        "history": torch.zeros(1, config.history_frames, frame),
    }
    groups = {"actor": ["policy"]}
    return TeacherStudentActor(
        TensorDict(obs, batch_size=[1]),
        groups,
        "actor",
        config.action.size,
        **_actor_settings(task),
    )


def _command(task: AnyTask, seed: int) -> str:
    """What trains this task, however it came to differ from the one of its name."""
    named = replace(tasks.make(task.name), steps=task.steps, purpose=task.purpose)
    edits = [f"--set {shlex.quote(edit)}" for edit in differences(named, task)]
    return " ".join(["ts-train", task.name, f"--seed {seed}", f"--steps {task.steps}", *edits])


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return found


def _commit() -> str:
    """The commit of this package's working tree, marked when it has been edited."""
    here = Path(__file__).resolve().parent
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        told = subprocess.run(command, cwd=here, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return told.stdout.strip()
