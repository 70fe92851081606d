"""The exported belief bundle is the student that was trained, and what was learned beside it."""

import shutil

import belief
import numpy as np
import torch
from belief import STEPS, sights

from ts_locomotion.belief import network_scans
from ts_locomotion.simulation.sighted_environment import PRIVILEGED
from ts_locomotion.training import belief_student, run
from ts_locomotion.training.belief_encoder import Senses, StudentGraph
from ts_locomotion.training.onnx_graph import PARITY
from ts_locomotion.training.train import train

ROBOTS = 3


def test_the_bundle_believes_and_acts_as_the_student_over_a_thousand_steps(
    belief_run, belief_bundle
):
    student, _ = belief_student.load(belief.task(), belief_run / run.STUDENT)
    graph, rng = StudentGraph(student), np.random.default_rng(0)
    state = np.zeros((ROBOTS, student.state_size), dtype=np.float32)
    recurrent, worst = torch.from_numpy(state.copy()), 0.0
    for step in range(1100):
        if step % 97 == 0:
            state[1], recurrent[1] = 0.0, 0.0
        inputs = {"observation": rng.normal(size=(ROBOTS, 47)).astype(np.float32)}
        inputs |= network_scans(sights(rng, step, ROBOTS), ROBOTS)
        outputs = belief_bundle.belief.run(inputs | {"state": state})
        senses = Senses(*(torch.from_numpy(inputs[name]) for name in Senses._fields))
        with torch.no_grad():
            expected = graph(*senses, recurrent)
            observed = student.obs_normalizer(senses.observation)
            action = student.act(observed, expected[0])
        told = {"observation": inputs["observation"], "belief": outputs["belief"]}
        given = [*outputs.values(), belief_bundle.policy.run(told)["action"]]
        for one, other in zip(given, (*expected, action), strict=True):
            worst = max(worst, np.abs(one - other.numpy()).max())
        state, recurrent = outputs["state_out"].copy(), expected[1].clone()
    assert worst <= PARITY


def test_the_contract_tells_what_the_student_is(belief_bundle):
    contract = belief_bundle.contract
    assert contract.name == "seeing" and contract.exteroception
    assert contract.gate_size == 96 and contract.belief_size == 120
    assert contract.reconstructed_heights and contract.privileged == PRIVILEGED
    assert contract.training["steps"] == 2 * STEPS == contract.training["student_steps"]


def test_a_published_bundle_can_be_trained_on(belief_bundle, tmp_path):
    shutil.copytree(belief_bundle.path, tmp_path / "seeing")
    runner = train(belief.task(2, 3), [], 7, tmp_path / "seeing")
    assert runner.steps_done == 3 * STEPS
