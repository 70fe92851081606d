"""The shipped bundle that sees: what must hold whatever training it came from."""

from pathlib import Path

import numpy as np
import pytest

from ts_locomotion import bundle
from ts_locomotion.bundle import Bundle
from ts_locomotion.training import (
    belief_evaluate,
    belief_export,
    belief_student,
    gate_sweep,
    onnx_graph,
    run,
)
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


def test_the_gate_falls_with_every_level_of_noise(shipped):
    cells = gate_sweep.sweep(BundleWalker(shipped), 8, levels=(0.0, 0.5, 1.0, 1.5))
    gates = [cell.gate for cell in cells]
    assert (np.diff(gates) < 0.0).all(), gates


def test_reconstructed_heights_are_half_as_wrong_as_what_was_seen(shipped):
    looks = [look for look in REGIMES if look.name in ("offset", "noisy")]
    trial = Trial("stairs up 15 cm", "stairs_up", 0.15, time=12.0)
    for cell in belief_evaluate.evaluate(BundleWalker(shipped), trial, 8, 0, looks):
        assert cell.heights_believed_error <= 0.5 * cell.heights_seen_error, cell.regime
