"""What the student of a teacher-student training does by itself."""

from collections.abc import Mapping

from torch import Tensor

from ts_locomotion.training.history_encoders import WindowEncoder
from ts_locomotion.training.networks import Sights, TeacherStudentActor


def act_as_student(actor: TeacherStudentActor, obs: Mapping[str, Tensor]) -> Tensor:
    """Deterministic action from what the robot felt last and sees now. Shape (B, J)."""
    assert isinstance(actor.history_encoder, WindowEncoder)
    latent = actor.history_encoder(obs["history"])
    if actor.sight:
        latent = actor.sight(latent, Sights(*(obs[name] for name in Sights._fields)))
    return actor.mlp(actor.policy_input(obs, latent))  # type: ignore
