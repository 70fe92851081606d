"""The second teacher of a belief task: what it is trained for, and whom it teaches."""

from dataclasses import replace
from pathlib import Path

import belief
import numpy as np
import pytest
import torch
from killing import assert_equal
from tensordict import TensorDict

from ts_locomotion.errors import ConfigurationError
from ts_locomotion.simulation import curriculum, scene, terrain
from ts_locomotion.simulation.curriculum import Ground
from ts_locomotion.simulation.sighted_environment import HOLE, SightedEnvironment
from ts_locomotion.simulation.terrain import HeightGrids
from ts_locomotion.training import belief_student, belief_teacher, checkpoint, run, tasks
from ts_locomotion.training.belief_encoder import BeliefStudent, TwoTrunks
from ts_locomotion.training.belief_networks import last_layer
from ts_locomotion.training.belief_tasks import (
    BeliefTask,
    Specialist,
    specialised,
    student_grounds,
)
from ts_locomotion.training.course import Course, Trial
from ts_locomotion.training.distillation import Distillation, Elsewhere
from ts_locomotion.training.publish import publish
from ts_locomotion.training.teacher_walker import TeacherWalker, load
from ts_locomotion.training.train import train

STAIRS = Ground("stairs_up", share=3, variants=2, easiest=0.05, hardest=0.15)
LENGTH = 3
SPECIAL = Specialist(grounds=(STAIRS,), steps=3 * belief.STEPS, steps_per_iteration=LENGTH)


def task(steps: int = SPECIAL.steps) -> BeliefTask:
    """The tiny belief task with a specialist."""
    return replace(belief.task(2, 2), specialist=replace(SPECIAL, steps=steps))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("specialist")
    train(task(), [], 0, folder)
    return folder


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return checkpoint.load(folder / run.CHECKPOINT)["actor_state_dict"]


def test_it_walks_its_own_grounds_alone_for_other_rewards():
    shipped = tasks.make("go2_belief")
    assert isinstance(shipped, BeliefTask) and shipped.specialist
    special = specialised(shipped, shipped.specialist)
    walked = [ground.kind for ground in special.environment.grounds]
    assert walked == ["gaps", "planks", "stepping_stones"]
    before, after = shipped.environment.weights, special.environment.weights
    assert after.foothold < before.foothold and after.hips > before.hips
    assert replace(after, foothold=before.foothold, hips=before.hips) == before
    assert special.steps == shipped.specialist.steps and special.specialist is None


def test_it_is_told_a_velocity_as_wrong_as_its_students_guess_and_the_first_teacher_is_not():
    shipped = tasks.make("go2_belief")
    assert isinstance(shipped, BeliefTask) and shipped.specialist
    special = specialised(shipped, shipped.specialist)
    assert belief_teacher.world(shipped).told_velocity_error == 0.0
    assert belief_teacher.world(special).told_velocity_error == shipped.specialist.misled.velocity
    assert shipped.specialist.misled.velocity > 0.0


@pytest.mark.parametrize("ground", Specialist().grounds, ids=lambda ground: ground.kind)
def test_nobody_wades_on_its_grounds(ground):
    place = terrain.make(
        ground.kind, ground.easiest, stream="train", least_depth=ground.least_depth
    )
    shallow = terrain.make(ground.kind, ground.easiest, stream="train")
    assert place.start_height == ground.least_depth > 2 * shallow.start_height
    assert place.start_height > HOLE


def test_the_bank_digs_as_deep_as_its_ground_says():
    deep = Ground("stepping_stones", variants=1, easiest=0.06, hardest=0.1, least_depth=0.3)
    environment = belief.task().environment
    config = replace(environment, grounds=(deep,), environments=2)
    bank = SightedEnvironment(config, 0).bank
    assert {cell.terrain.start_height for cell in bank.cells} == {0.3}


def test_its_student_walks_each_ground_as_often_as_who_walked_it_most_and_slopes_more():
    shipped = tasks.make("go2_belief")
    assert isinstance(shipped, BeliefTask) and shipped.specialist
    teachers = (*shipped.environment.grounds, *shipped.specialist.grounds)
    for ground in student_grounds(shipped):
        most = max(each.share for each in teachers if each.kind == ground.kind)
        assert ground.share == most + (ground.kind == "slope")


def test_its_student_meets_holes_as_shallow_as_it_teaches_before():
    first = belief.task().environment.grounds
    assert student_grounds(task()) == (first[0], replace(first[1], share=3, least_depth=HOLE))
    assert student_grounds(belief.task()) == first


def test_a_robot_before_a_hole_imitates_it_on_its_ground_and_not_elsewhere():
    learner = belief.distillation()
    learner.stored["heights"][..., 7] = -2 * HOLE
    first = learner._targets().actions.clone()
    robots = torch.arange(belief.ROBOTS) % 3 == 0
    other = belief.teacher(seed=5, scan_group="told_scans")
    learner.elsewhere = Elsewhere(other, robots)
    actions = learner._targets().actions
    assert torch.equal(actions[:, ~robots], first[:, ~robots])
    assert belief.difference(actions[:, robots], first[:, robots]) > 1e-3
    alone = Distillation(other, learner.student, learner.config, belief.ROBOTS)
    alone.stored = learner.stored
    assert belief.difference(actions[:, robots], alone._targets().actions[:, robots]) < 1e-6


def test_who_sees_no_hole_imitates_the_first_teacher_wherever_it_is():
    learner = belief.distillation()
    first = learner._targets().actions.clone()
    everybody = torch.ones(belief.ROBOTS, dtype=torch.bool)
    learner.elsewhere = Elsewhere(belief.teacher(seed=5, scan_group="told_scans"), everybody)
    learner.stored["heights"].clamp_(min=-0.9 * HOLE)
    learner.stored["heights"][1, 2, 30] = -1.1 * HOLE
    apart = (learner._targets().actions - first).abs().amax(-1)
    assert apart[1, 2] > 1e-6
    apart[1, 2] = 0.0
    assert apart.max() == 0.0


def test_it_begins_as_the_first_teacher_ended_and_leaves_that_as_it_is(tmp_path):
    train(task(steps=1), [], 0, tmp_path)
    special = checkpoint.load(tmp_path / run.SPECIALIST / run.CHECKPOINT)
    first = checkpoint.load(tmp_path / run.CHECKPOINT)
    assert special["steps"] == belief.ROBOTS * LENGTH and first["steps"] == 2 * belief.STEPS
    apart = [
        belief.difference(value.float(), weights(tmp_path)[name].float())
        for name, value in special["actor_state_dict"].items()
        if name.endswith("weight")
    ]
    assert 0.0 < max(apart) < 0.05


def test_it_explores_again(tmp_path):
    train(replace(task(), specialist=replace(SPECIAL, steps=1, initial_std=0.7)), [], 0, tmp_path)
    assert belief.difference(weights(tmp_path)["distribution.std_param"], torch.tensor(0.7)) > 0.05
    std = weights(tmp_path / run.SPECIALIST)["distribution.std_param"]
    assert belief.difference(std, torch.tensor(0.7)) < 0.05


def test_its_levels_and_those_of_the_first_teacher_are_its_students(trained):
    taught = {"": [1, 0, 1, 0, 1, 0, 1, 0], run.SPECIALIST: [0, 1, 0, 0, 0, 0, 0, 0]}
    for stage, levels in taught.items():
        path = trained / stage / run.CHECKPOINT
        state = checkpoint.load(path)
        state["environment"]["arrays"]["level"][:] = torch.tensor(levels)
        checkpoint.save(path, state)
    on_stairs = curriculum.interleave(belief.task().environment.grounds, 8) == 1
    assert (np.array(taught[""])[on_stairs] == 0).all()
    assert belief_student._highest(task(), trained).tolist() == [1, 1]
    assert belief_student._highest(belief.task(), trained).tolist() == [1, 0]
    student = belief_student.build(task(), 0, trained, trained / "again")
    environment = student.env.environment
    assert student.alg.elsewhere is not None
    assert np.array_equal(student.alg.elsewhere.robots.numpy(), environment.ground == 1)
    assert (environment.ground == 1).sum() == 6


def test_a_ground_that_nobody_walked_was_reached_at_its_lowest_level(trained):
    absent = Ground("rough", share=0)
    environment = task().environment
    rarer = replace(environment, grounds=(*environment.grounds, absent))
    levels = belief_student._highest(replace(task(), environment=rarer), trained)
    assert len(levels) == 3 and levels[-1] == 0


def test_the_blind_have_none(tmp_path):
    train(replace(task(), exteroception=False), [], 0, tmp_path)
    assert not (tmp_path / run.SPECIALIST).exists()
    assert (tmp_path / run.STUDENT / run.CHECKPOINT).exists()


def test_a_bundle_keeps_the_checkpoints_of_all_stages_packed(trained, tmp_path):
    publish(trained, tmp_path / "bundle", 0)
    for stage in ("", *run.LATER):
        whole, packed = (f / stage / run.CHECKPOINT for f in (trained, tmp_path / "bundle"))
        assert packed.read_bytes().startswith(checkpoint.GZIP)
        assert_equal(checkpoint.load(packed), checkpoint.load(whole))


def test_a_bundle_keeps_it_and_it_is_judged_before_the_holes_of_its_ground(trained, tmp_path):
    publish(trained, tmp_path / "bundle", 0)
    walker = load(tmp_path / "bundle", "teacher")
    assert isinstance(walker, TeacherWalker)
    special = walker._specialists["stairs_up"]
    seen = TensorDict(
        belief.observed(4, torch.Generator().manual_seed(0)), batch_size=belief.ROBOTS
    )
    seen["scans"].clamp_(min=-0.9 * HOLE)
    seen["scans"][1, 50] = -1.1 * HOLE
    before_hole = torch.arange(belief.ROBOTS) == 1
    for kind, change in (("stairs_up", before_hole), ("flat", torch.zeros_like(before_hole))):
        trial = Trial(kind, kind, 0.1, time=0.1)
        course = Course(walker.contract, trial, 2, 0, scene.TRAINING)
        walker.begin(course, HeightGrids(course.terrains))
        expected = torch.where(change[:, None], special(seen), walker._teacher(seen))
        assert torch.equal(walker._decide(seen), expected)
    for teacher, stage in ((special, run.SPECIALIST), (walker._teacher, "")):
        kept = teacher.state_dict()
        assert all(torch.equal(kept[n], v) for n, v in weights(trained / stage).items())


def test_while_it_is_not_there_the_first_teacher_is_judged_alone(trained, tmp_path):
    for name in (run.CHECKPOINT, run.RECORD):
        (tmp_path / name).write_bytes((trained / name).read_bytes())
    walker = load(tmp_path, "teacher")
    assert isinstance(walker, TeacherWalker) and not walker._specialists


def test_it_cannot_be_changed_once_it_is_trained(trained):
    with pytest.raises(ConfigurationError, match="another specialist"):
        train(task(steps=7 * belief.STEPS), [], 0, trained)


def test_its_student_has_both_trunks_and_mixes_them_by_what_it_knows():
    first, second = belief.teacher(seed=1), belief.teacher(seed=2)
    student = BeliefStudent(first, second, **belief_student.student_settings(task()))
    assert isinstance(student.mlp, TwoTrunks)
    known = torch.randn(5, first.mlp[0].in_features)
    bias = last_layer(student.mlp.selector).bias
    for surely, teacher in ((-1e3, first), (1e3, second)):
        with torch.no_grad():
            bias.fill_(surely)
        assert belief.difference(student.mlp(known), teacher.mlp(known)) < 1e-5
    with torch.no_grad():
        bias.zero_()
    share = torch.sigmoid(student.mlp.selector(known))
    mixed = (1 - share) * first.mlp(known) + share * second.mlp(known)
    assert belief.difference(student.mlp(known), mixed) < 1e-5
    assert share.std() > 0.0


def test_without_it_its_student_has_the_trunk_of_the_one_teacher():
    student = BeliefStudent(belief.teacher(), **belief_student.student_settings(task()))
    assert not isinstance(student.mlp, TwoTrunks)
