import numpy as np
import pytest

from ts_locomotion import rotation

RANDOM = np.random.default_rng(0)
QUATERNIONS = RANDOM.normal(size=(30, 4))
QUATERNIONS /= np.linalg.norm(QUATERNIONS, axis=1, keepdims=True)
VECTORS = RANDOM.normal(size=(30, 3))


def about(axis: tuple[float, float, float], angle: float) -> np.ndarray:
    return np.array([np.cos(angle / 2), *(np.sin(angle / 2) * np.array(axis))])


def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Hamilton product."""
    vector = a[0] * b[1:] + b[0] * a[1:] + np.cross(a[1:], b[1:])
    return np.array([a[0] * b[0] - a[1:] @ b[1:], *vector])


def test_matrices_rotate_like_the_quaternion_sandwich():
    for quaternion, vector in zip(QUATERNIONS, VECTORS, strict=True):
        conjugate = quaternion * [1, -1, -1, -1]
        rotated = product(product(quaternion, np.array([0.0, *vector])), conjugate)[1:]
        np.testing.assert_allclose(rotation.to_matrix(quaternion) @ vector, rotated, atol=1e-12)


def test_matrices_are_proper_rotations():
    matrices = rotation.to_matrix(QUATERNIONS)
    identity = np.broadcast_to(np.eye(3), (30, 3, 3))
    np.testing.assert_allclose(matrices @ matrices.swapaxes(1, 2), identity, atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(matrices), 1.0)


def test_a_quarter_turn_left_points_forward_to_the_left():
    turned = rotation.rotate(about((0, 0, 1), np.pi / 2), np.array([1.0, 0.0, 0.0]))
    np.testing.assert_allclose(turned, [0, 1, 0], atol=1e-12)


def test_rotating_back_undoes_rotating():
    there = rotation.rotate(QUATERNIONS, VECTORS)
    np.testing.assert_allclose(rotation.rotate_inverse(QUATERNIONS, there), VECTORS, atol=1e-12)


def test_projected_gravity_is_down_seen_from_the_base():
    down = np.broadcast_to([0.0, 0.0, -1.0], (30, 3))
    expected = rotation.rotate_inverse(QUATERNIONS, down)
    np.testing.assert_allclose(rotation.projected_gravity(QUATERNIONS), expected, atol=1e-12)


def test_a_raised_nose_sees_gravity_at_its_back():
    raised = about((0, 1, 0), -0.3)
    np.testing.assert_allclose(
        rotation.projected_gravity(raised), [-np.sin(0.3), 0, -np.cos(0.3)], atol=1e-12
    )


@pytest.mark.parametrize("angle", [-3.0, -0.5, 0.0, 1.2, 3.1])
def test_yaw_is_the_turn_about_the_vertical_whatever_the_tilt(angle):
    tilted = product(about((0, 0, 1), angle), about((0, 1, 0), 0.4))
    assert rotation.yaw(tilted) == pytest.approx(angle)


@pytest.mark.parametrize("angle", [0.0, 0.8, 1.57, 3.0])
def test_tilt_is_the_angle_to_the_vertical_whatever_the_heading(angle):
    turned = product(about((0, 0, 1), 2.0), about((0.6, 0.8, 0.0), angle))
    assert rotation.tilt(turned) == pytest.approx(angle, abs=1e-7)


def test_tilt_of_a_quaternion_rounded_to_single_precision_is_a_number():
    assert np.isfinite(rotation.tilt(QUATERNIONS.astype(np.float32) * np.float32(1.00001))).all()


def test_a_heading_alone_turns_about_the_vertical():
    angles = np.array([[-3.0, -0.4], [0.0, 2.0]])
    turned = rotation.from_yaw(angles)
    assert rotation.yaw(turned) == pytest.approx(angles)
    assert rotation.tilt(turned) == pytest.approx(np.zeros((2, 2)))


def test_roll_pitch_and_yaw_compose_to_the_orientation():
    for quaternion in QUATERNIONS:
        roll, pitch, yaw = rotation.roll_pitch_yaw(quaternion)
        composed = product(
            about((0, 0, 1), yaw), product(about((0, 1, 0), pitch), about((1, 0, 0), roll))
        )
        np.testing.assert_allclose(
            rotation.to_matrix(composed), rotation.to_matrix(quaternion), atol=1e-9
        )


def test_single_and_batched_answers_agree():
    for function in (rotation.to_matrix, rotation.projected_gravity, rotation.yaw, rotation.tilt):
        singles = [function(quaternion) for quaternion in QUATERNIONS]
        np.testing.assert_array_equal(function(QUATERNIONS), singles)
