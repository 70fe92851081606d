"""`ts-export`: from a training run to a model bundle that needs no torch."""

import argparse
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ts_locomotion import bundle
from ts_locomotion.contract import NETWORK_FILES, Contract
from ts_locomotion.errors import LocomotionError
from ts_locomotion.training import belief_export, deploy_yaml, run, torchscript
from ts_locomotion.training.belief_tasks import BeliefTask
from ts_locomotion.training.networks import (
    BeliefGraph,
    PolicyGraph,
    SeeingBeliefGraph,
    TeacherStudentActor,
)
from ts_locomotion.training.onnx_graph import Graph, check_parity, write
from ts_locomotion.training.promise import graphs, promised
from ts_locomotion.training.run import load_actor, read_record
from ts_locomotion.training.tasks import Task

SCORES = "scores.json"


def export(
    source: Path,
    folder: Path,
    name: str | None = None,
    scripted: bool = False,
    deployed: bool = False,
) -> Contract:
    """Write the bundle of a run. Raises BundleMismatch if ONNX differs from torch.

    Products of a bundle that was in the folder before are removed.
    `scripted`: its networks as TorchScript as well. `deployed`: deploy/ for other controllers.
    """
    record = read_record(source)
    task = run.task_of(record)
    training = {key: record[key] for key in ("command", "seed", "commit", "versions")}
    about = (name or folder.name, training)
    if isinstance(task, BeliefTask):
        networks, contract = belief_export.describe(task, source, *about)
    else:
        task, actor, steps = load_actor(source)
        training["steps"] = steps
        contract = contract_of(task, actor, *about)
        networks = graphs_of(contract, actor)
    folder.mkdir(parents=True, exist_ok=True)
    _clear(folder)
    for graph in networks:
        write(graph, folder)
        check_parity(graph, folder)
    written = bundle.write_contract(folder, contract)
    bundle.load(folder)
    if scripted:
        torchscript.write(folder, networks)
    if deployed:
        deploy_yaml.write(folder, written, networks)
    return written


def _clear(folder: Path) -> None:
    """Remove what was made of the networks that are about to be replaced."""
    for name in (SCORES, *(Path(network).with_suffix(".pt") for network in NETWORK_FILES)):
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / deploy_yaml.FOLDER, ignore_errors=True)


def contract_of(
    task: Task, actor: TeacherStudentActor, name: str, training: Mapping[str, Any]
) -> Contract:
    """The promise that travels with the weights."""
    config = task.environment
    return Contract(
        name=name,
        task=task.name,
        belief_observation=config.frame_terms,
        exteroception=task.exteroception,
        state_size=actor.history_encoder.state_size,
        belief_size=task.networks.latent,
        **promised(config, training),
    )


def graphs_of(contract: Contract, actor: TeacherStudentActor) -> tuple[Graph, Graph]:
    """The two networks of a bundle."""
    belief = SeeingBeliefGraph(actor) if actor.sight else BeliefGraph(actor)
    return graphs(contract, belief, PolicyGraph(actor))


def main(arguments: list[str] | None = None) -> int:
    """Command line; see `ts-export --help`."""
    parser = argparse.ArgumentParser("ts-export", description=__doc__)
    parser.add_argument("run", type=Path, help="a folder of ts-train, as out/train/go2_ts")
    parser.add_argument("--out", type=Path, required=True, help="as models/go2_ts")
    parser.add_argument("--torchscript", action="store_true", help="the networks as .pt as well")
    parser.add_argument("--deploy", action="store_true", help="deploy/ for other controllers")
    options = parser.parse_args(arguments)
    try:
        contract = export(
            options.run, options.out, scripted=options.torchscript, deployed=options.deploy
        )
    except (LocomotionError, OSError) as error:
        print(f"ts-export: {error}", file=sys.stderr)
        return 2
    print(f"{options.out}: {contract.task} after {contract.training['steps']} steps")
    return 0


if __name__ == "__main__":
    sys.exit(main())
