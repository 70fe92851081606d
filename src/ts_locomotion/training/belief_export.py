"""What a bundle of the belief task consists of."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ts_locomotion import observation
from ts_locomotion.bundle import SCAN_PORTS
from ts_locomotion.contract import Contract
from ts_locomotion.simulation.sighted_environment import PRIVILEGED
from ts_locomotion.training import belief_student, run
from ts_locomotion.training.belief_encoder import BeliefStudent, BlindStudentGraph, StudentGraph
from ts_locomotion.training.belief_tasks import BeliefTask
from ts_locomotion.training.networks import PolicyGraph
from ts_locomotion.training.onnx_graph import Graph
from ts_locomotion.training.promise import promised


def describe(
    task: BeliefTask, source: Path, name: str, training: Mapping[str, Any]
) -> tuple[tuple[Graph, Graph], Contract]:
    """Networks and contract of the student that was trained into the folder `source`."""
    student, steps = belief_student.load(task, source / run.STUDENT)
    told = dict(training) | {"steps": task.steps, "student_steps": steps}
    return graphs_of(task, student), contract_of(task, student, name, told)


def graphs_of(task: BeliefTask, student: BeliefStudent) -> tuple[Graph, Graph]:
    """The two networks of a bundle."""
    size = observation.size(task.environment.policy_terms)
    seen = SCAN_PORTS if student.sight else {}
    state = {"state": student.state_size} if student.state_size else {}
    believing = StudentGraph(student) if student.sight else BlindStudentGraph(student)
    return (
        Graph("belief.onnx", believing, {"observation": size, **seen, **state}, believing.outputs),
        Graph(
            "policy.onnx",
            PolicyGraph(student),
            {"observation": size, "belief": student.belief_size},
            ("action",),
        ),
    )


def contract_of(
    task: BeliefTask, student: BeliefStudent, name: str, training: Mapping[str, Any]
) -> Contract:
    """The promise that travels with the weights."""
    config = task.environment
    return Contract(
        name=name,
        task=task.name,
        belief_observation=config.policy_terms,
        exteroception=task.exteroception,
        state_size=student.state_size,
        belief_size=student.belief_size,
        gate_size=student.gate_size,
        reconstructed_heights="heights" in student.decoded,
        privileged=PRIVILEGED if "privileged" in student.decoded else {},
        **promised(config, training),
    )
