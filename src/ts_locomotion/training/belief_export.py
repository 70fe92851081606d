"""What a bundle of the belief task consists of."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ts_locomotion.contract import Contract
from ts_locomotion.simulation.sighted_environment import PRIVILEGED
from ts_locomotion.training import belief_student, run
from ts_locomotion.training.belief_encoder import BeliefStudent, BlindStudentGraph, StudentGraph
from ts_locomotion.training.belief_tasks import BeliefTask
from ts_locomotion.training.networks import PolicyGraph
from ts_locomotion.training.onnx_graph import Graph
from ts_locomotion.training.promise import graphs, promised


def describe(
    task: BeliefTask, source: Path, name: str, training: Mapping[str, Any]
) -> tuple[tuple[Graph, Graph], Contract]:
    """Networks and contract of the student that was trained into the folder `source`."""
    student, steps = belief_student.load(task, source / run.STUDENT)
    told = dict(training) | {"steps": task.steps, "student_steps": steps}
    if task.second_teacher:
        told |= {"specialist_steps": task.second_teacher.steps}
    contract = contract_of(task, student, name, told)
    return graphs_of(contract, student), contract


def graphs_of(contract: Contract, student: BeliefStudent) -> tuple[Graph, Graph]:
    """The two networks of a bundle."""
    believing = StudentGraph(student) if student.sight else BlindStudentGraph(student)
    return graphs(contract, believing, PolicyGraph(student))


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
