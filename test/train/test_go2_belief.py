"""The shipped bundle that sees: what must hold whatever training it came from."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ts_locomotion import bundle
from ts_locomotion.bundle import Bundle
from ts_locomotion.simulation.curriculum import Ground
from ts_locomotion.simulation.sighted_environment import SightedEnvironment
from ts_locomotion.training import (
    belief_evaluate,
    belief_export,
    belief_student,
    gate_sweep,
    onnx_graph,
    run,
)
from ts_locomotion.training.belief_encoder import Senses, StudentGraph
from ts_locomotion.training.belief_evaluate import REGIMES
from ts_locomotion.training.belief_tasks import BeliefTask
from ts_locomotion.training.course import Trial
from ts_locomotion.training.walkers import BundleWalker

FOLDER = Path(__file__).parents[2] / "models" / "go2_belief"


@pytest.fixture(scope="module")
def shipped() -> Bundle:
    if not FOLDER.exists():
        pytest.skip("models/go2_belief is not there yet")
    return bundle.load(FOLDER)


def test_its_checkpoint_still_computes_what_the_bundle_does(shipped):
    task = run.task_of(run.read_record(FOLDER))
    assert isinstance(task, BeliefTask)
    student, _ = belief_student.load(task, FOLDER / run.STUDENT)
    for graph in belief_export.graphs_of(shipped.contract, student):
        onnx_graph.check_parity(graph, FOLDER)


def test_it_computes_what_its_student_does_over_a_thousand_steps_of_a_walk(shipped):
    task = run.task_of(run.read_record(FOLDER))
    assert isinstance(task, BeliefTask)
    student, _ = belief_student.load(task, FOLDER / run.STUDENT)
    graph, walk = StudentGraph(student), walking(task)
    state = np.zeros((walk.count, student.state_size), dtype=np.float32)
    seen, worst, blind, resets = walk.observe(), 0.0, 0, 0
    for _ in range(1100):
        inputs = {"observation": seen["policy"]}
        inputs |= {name: seen[name] for name in ("heights", "valid", "map_age")}
        outputs = shipped.belief.run(inputs | {"state": state})
        told = {"observation": seen["policy"], "belief": outputs["belief"]}
        action = shipped.policy.run(told)["action"]
        senses = Senses(*(torch.from_numpy(inputs[name]) for name in Senses._fields))
        with torch.no_grad():
            expected = graph(*senses, torch.from_numpy(state))
            observed = student.obs_normalizer(senses.observation)
            acted = student.act(observed, expected[0])
        for one, other in zip((*outputs.values(), action), (*expected, acted), strict=True):
            worst = max(worst, np.abs(one - other.numpy()).max())
        seen, _, fell, late, _ = walk.step(action)
        state = outputs["state_out"] * ~(fell | late)[:, None]
        blind, resets = blind + (inputs["valid"].sum(1) == 0).sum(), resets + (fell | late).sum()
    assert worst <= onnx_graph.PARITY
    assert blind > 100 and resets > 2


def walking(task: BeliefTask) -> SightedEnvironment:
    """A few robots on stairs, whose maps have all the noise and gaps of the training."""
    stairs = Ground("stairs_up", variants=1, easiest=0.10, hardest=0.15)
    world = replace(task.environment, environments=6, levels=2, grounds=(stairs,))
    return SightedEnvironment(replace(world, height_noise=task.height_noise), 0)


@pytest.mark.parametrize(
    ("kind", "size", "blank"),
    [("stairs_up", 0.15, (0.6, 1.0)), ("stairs_up", 0.20, (0.0, 1.0))]
    + [(kind, 0.20, (0.0, 0.1)) for kind in ("gaps", "planks", "stepping_stones")],
)
def test_it_crosses_what_needs_eyes_and_without_them_what_does_not(shipped, kind, size, blank):
    looks = [look for look in REGIMES if look.name in ("nominal", "blank")]
    trial = Trial(kind, kind, size, time=16.0)
    seen, unseen = belief_evaluate.evaluate(BundleWalker(shipped), trial, 10, 0, looks)
    assert seen.success >= 0.8
    assert blank[0] <= unseen.success <= blank[1]


def test_the_gate_falls_with_every_level_of_noise(shipped):
    cells = gate_sweep.sweep(BundleWalker(shipped), 8, levels=(0.0, 0.5, 1.0, 1.5))
    gates = [cell.gate for cell in cells]
    assert (np.diff(gates) < 0.0).all(), gates


def test_reconstructed_heights_are_half_as_wrong_as_what_was_seen(shipped):
    looks = [look for look in REGIMES if look.name in ("offset", "noisy")]
    trial = Trial("stairs up 15 cm", "stairs_up", 0.15, time=12.0)
    for cell in belief_evaluate.evaluate(BundleWalker(shipped), trial, 8, 0, looks):
        assert cell.heights_believed_error <= 0.5 * cell.heights_seen_error, cell.regime
