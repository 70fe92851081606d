"""The one observation table: order, scales, and no term that nothing can change."""

import numpy as np
import pytest

from ts_locomotion import observation, robot
from ts_locomotion.errors import ConfigurationError, InvalidInput
from ts_locomotion.observation import TERMS, Proprioception

ALL = tuple(name for name in TERMS if name != "last_phase_action")


def sensed(batch: tuple[int, ...] = (), seed: int = 0) -> Proprioception:
    rng = np.random.default_rng(seed)
    orientation = rng.normal(size=(*batch, 4))
    return Proprioception(
        orientation / np.linalg.norm(orientation, axis=-1, keepdims=True),
        rng.normal(size=(*batch, 3)),
        rng.normal(size=(*batch, 12)),
        rng.normal(size=(*batch, 12)),
    )


def observe(names, batch: tuple[int, ...] = (), seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed + 100)
    others = (rng.normal(size=(*batch, size)) for size in (3, 12, 2))
    return observation.observe(names, sensed(batch, seed), *others)


def test_the_go2_ts_observation_has_45_entries():
    names = [name for name in ALL if name != "gait_clock"]
    assert observation.size(names) == 45
    assert observe(names).shape == (45,)


def test_terms_lie_where_the_layout_says_in_the_order_given():
    names = ("joint_velocities", "command", "projected_gravity")
    observed = observe(names)
    layout = observation.layout(names)
    assert list(layout) == list(names)
    np.testing.assert_allclose(
        observed[layout["joint_velocities"]], sensed().joint_velocities * 0.05, rtol=1e-6
    )
    assert np.linalg.norm(observed[layout["projected_gravity"]]) == pytest.approx(1.0)
    assert layout["projected_gravity"].stop == observation.size(names) == len(observed)


def test_every_entry_depends_on_what_is_sensed():
    observed = np.stack([observe(ALL, seed=seed) for seed in range(5)])
    assert (observed.std(axis=0) > 0).all()


def test_standing_upright_observes_zeros_but_for_gravity():
    still = Proprioception(np.array([1.0, 0, 0, 0]), np.zeros(3), robot.STAND_POSE, np.zeros(12))
    observed = observation.observe(ALL, still, np.zeros(3), np.zeros(12), np.zeros(2))
    expected = np.zeros(observation.size(ALL), np.float32)
    expected[observation.layout(ALL)["projected_gravity"]] = [0, 0, -1]
    np.testing.assert_array_equal(observed, expected)


def test_a_batch_observes_what_each_robot_would_alone():
    together = observe(ALL, (4,))
    assert together.dtype == np.float32
    everyone = sensed((4,))
    rng = np.random.default_rng(100)
    others = [rng.normal(size=(4, size)) for size in (3, 12, 2)]
    for one in range(4):
        alone = observation.observe(
            ALL, Proprioception(*(part[one] for part in everyone)), *(o[one] for o in others)
        )
        np.testing.assert_array_equal(alone, together[one])


def test_scales_and_noise_cover_every_entry():
    assert observation.scales(ALL).shape == (observation.size(ALL),)
    noise = observation.noise_half_widths(ALL)
    layout = observation.layout(ALL)
    np.testing.assert_allclose(noise[layout["angular_velocity"]], 0.05)
    assert not noise[layout["command"]].any()


def test_the_last_action_of_a_phase_residual_is_sixteen_wide():
    names = ["last_phase_action", "command"]
    action = np.arange(16.0)
    observed = observation.observe(names, sensed(), np.zeros(3), action, np.zeros(2))
    np.testing.assert_array_equal(observed, [*action, 0, 0, 0])


@pytest.mark.parametrize(("name", "size"), [("last_action", 16), ("last_phase_action", 12)])
def test_an_action_of_another_size_is_refused(name, size):
    reason = rf"{name} has {size} entries, expected {TERMS[name].size}"
    with pytest.raises(InvalidInput, match=reason):
        observation.observe([name], sensed(), np.zeros(3), np.zeros(size), np.zeros(2))


def test_an_unknown_term_is_refused_with_the_valid_names():
    with pytest.raises(ConfigurationError, match=r"mood.*joint_positions"):
        observation.layout(["command", "mood"])
