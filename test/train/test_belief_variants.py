"""Students without gate, memory or reconstruction: what is left out really is out."""

from dataclasses import replace

import belief
import numpy as np
import pytest
import torch
from belief import at, difference, senses

from ts_locomotion import bundle
from ts_locomotion.belief import BeliefRuntime, network_scans
from ts_locomotion.training import belief_export, onnx_graph, tasks
from ts_locomotion.training.ablation_belief import STUDENTS, student
from ts_locomotion.training.belief_encoder import Senses, StudentGraph
from ts_locomotion.training.belief_memory import Momentary, Recurrent
from ts_locomotion.training.overrides import as_plain, from_plain

ROBOTS = 3
EDITS = pytest.mark.parametrize("edit", STUDENTS.values(), ids=STUDENTS)
OUTPUTS = ("belief", "state_out", "gate", "heights_out", "privileged")


@pytest.fixture(scope="module")
def teacher():
    return belief.teacher()


@EDITS
def test_every_student_learns_with_all_its_weights(edit):
    learner = belief.distillation(edit)
    before = {n: p.clone() for n, p in learner.student.named_parameters()}
    losses = [learner.update()]
    for _ in range(6):
        learner.step = learner.config.steps_per_iteration
        losses.append(learner.update())
    after = dict(learner.student.named_parameters())
    assert not [name for name, value in before.items() if torch.equal(value, after[name])]
    assert set(losses[0]) == {"behaviour", *learner.student.decoded, "gate"}
    for name in ("behaviour", *learner.student.decoded):
        assert losses[-1][name] < 0.8 * losses[0][name], name


@EDITS
def test_a_sequence_gives_what_single_steps_give(edit, teacher):
    made = belief.student(teacher, edit)
    told = senses(9, ROBOTS, seed=3)
    ended = torch.rand(9, ROBOTS, generator=torch.Generator().manual_seed(1)) < 0.2
    state = first = torch.randn(ROBOTS, made.state_size)
    acted, believed = made.sequence(told, first, ended)
    for step in range(9):
        action, state, now = made.step(at(told, step), state)
        state = torch.where(ended[step][:, None], 0.0, state)
        assert difference(action, acted[step]) < 1e-5
        for one, many in zip(now, believed, strict=True):
            assert one.shape == many[step].shape
            assert not one.numel() or difference(one, many[step]) < 1e-5


@pytest.mark.parametrize(("recurrent", "remembers"), [(True, True), (False, False)])
def test_the_past_of_a_student_without_memory_makes_no_difference(recurrent, remembers, teacher):
    made = belief.student(teacher, student(recurrent=recurrent))
    ended = torch.zeros(4, 1, dtype=torch.bool)
    one, other = senses(4, 1, seed=1), senses(4, 1, seed=2)
    same = Senses(*(torch.cat([a[:3], b[3:]]) for a, b in zip(other, one, strict=True)))
    state = torch.zeros(1, made.state_size)
    (first, _), (second, _) = (made.sequence(told, state, ended) for told in (one, same))
    assert not torch.equal(first[0], second[0])
    assert torch.equal(first[3], second[3]) is not remembers
    assert bool(made.state_size) is remembers


def test_a_student_without_gates_is_one_whose_gates_are_stuck_open(teacher):
    gated, bare = belief.student(teacher), belief.student(teacher, student(gated=False))
    weights = bare.state_dict()
    assert not [name for name in weights if "gate" in name or "skip" in name]
    missing, unexpected = gated.load_state_dict(weights, strict=False)
    assert {name.split(".")[0] for name in missing} == {"gate_head", "skip_head"}
    assert not unexpected
    felt, state = senses(5), torch.randn(5, gated.state_size)
    action, _, believed = bare.step(felt, state)
    assert difference(gated.step(felt, state)[0], action) > 1e-4
    with torch.no_grad():
        for head in (gated.gate_head, gated.skip_head):
            head[-1].bias.fill_(1e3)
    open_action, _, opened = gated.step(felt, state)
    assert difference(open_action, action) < 1e-6
    for one, other in zip(opened, believed, strict=True):
        assert difference(one, other) < 1e-5


@pytest.mark.parametrize(
    ("name", "teaching"),
    [
        ("belief", {"actions", "heights", "privileged"}),
        ("no privileged reconstruction", {"actions", "heights"}),
        ("no reconstruction", {"actions"}),
    ],
)
def test_only_what_is_reconstructed_teaches_the_student(name, teaching):
    learner = belief.distillation(STUDENTS[name])
    targets, robots = learner._targets(), torch.arange(belief.ROBOTS)
    _, usual = learner._gradient(targets, robots, belief.ROBOTS)
    for part in targets._fields:
        changed = targets._replace(**{part: getattr(targets, part) + 1.0})
        _, gradient = learner._gradient(changed, robots, belief.ROBOTS)
        same = all(torch.equal(a, b) for a, b in zip(usual, gradient, strict=True))
        assert same is (part not in teaching), part
    decoders = {n.split(".")[0] for n in learner.student.state_dict() if "decoder" in n}
    assert decoders == {f"{part}_decoder" for part in teaching - {"actions"}}


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_what_stands_for_the_memory_has_as_many_weights(layers):
    def weights(network: torch.nn.Module) -> int:
        return sum(values.numel() for values in network.parameters())

    cells, layered = (kind(143, 100, layers) for kind in (Recurrent, Momentary))
    assert weights(cells) <= weights(layered) < 1.01 * weights(cells)


@pytest.mark.parametrize(
    ("name", "absent"),
    [
        ("no gate", {"gate"}),
        ("MLP, no gate", {"gate", "state_out"}),
        ("no reconstruction", {"heights_out", "privileged"}),
    ],
)
def test_the_exported_student_believes_as_the_trained_one(name, absent, tmp_path):
    learner = belief.distillation(STUDENTS[name])
    learner.update()
    made, task = learner.student, STUDENTS[name](belief.task())
    contract = belief_export.contract_of(task, made, "odd", {})
    for graph in belief_export.graphs_of(contract, made):
        onnx_graph.write(graph, tmp_path)
    bundle.write_contract(tmp_path, contract)
    model = bundle.load(tmp_path)
    runtime, graph = BeliefRuntime(model), StudentGraph(made)
    state, rng = runtime.initial_state(ROBOTS), np.random.default_rng(0)
    remembered, worst = torch.from_numpy(state.copy()), 0.0
    for step in range(120):
        scans = belief.sights(rng, step, ROBOTS)
        observed = rng.normal(size=(ROBOTS, 47)).astype(np.float32)
        told = runtime.step(observed, scans, state)
        inputs = {"observation": observed, **network_scans(scans, ROBOTS)}
        felt = Senses(*(torch.from_numpy(inputs[part]) for part in Senses._fields))
        with torch.no_grad():
            outputs = graph(*felt, *([remembered] if made.state_size else []))
        expected = dict(zip(graph.outputs, outputs, strict=True))
        given = dict(zip(OUTPUTS, told, strict=True))
        assert [part for part in OUTPUTS if given[part].size] == list(expected)
        for part, values in expected.items():
            worst = max(worst, difference(torch.from_numpy(given[part]), values))
        state, remembered = told.state, expected.get("state_out", remembered)
    assert worst <= onnx_graph.PARITY
    assert set(OUTPUTS) - set(expected) == absent


def test_a_task_from_before_these_settings_has_all_of_them_on():
    plain = as_plain(tasks.make("go2_belief"))
    for name in ("recurrent", "gated", "decodes_heights", "decodes_privileged"):
        del plain["student"][name]
    bare = STUDENTS["no reconstruction"](STUDENTS["MLP, no gate"](tasks.make("go2_belief")))
    assert from_plain(bare, plain) == tasks.make("go2_belief")
    assert replace(bare, student=tasks.make("go2_belief").student) == tasks.make("go2_belief")
