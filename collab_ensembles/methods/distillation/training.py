"""Builds a student with its teachers, and chooses its optimizer and learning rate."""

from collab_ensembles.methods.assembly import build_member
from collab_ensembles.methods.distillation.model import DistillationModel
from collab_ensembles.methods.distillation.options import DistillationConfig
from collab_ensembles.models.model import Model
from collab_ensembles.models.optimizers import SGD
from collab_ensembles.models.schedules import Rate, step
from collab_ensembles.networks.joined import joined
from collab_ensembles.networks.teacher import load_teacher
from collab_ensembles.settings.method import Shape


def build(config: DistillationConfig, image_shape: Shape, num_classes: int) -> Model:
    """See `settings.method.Training`.

    Raises:
      ConfigError: a teacher does not fit the data, see `load_teacher`.
    """
    student = build_member(config, image_shape, num_classes, 0, "student")
    teachers = {
        f"teacher{number}": load_teacher(path, image_shape, num_classes, config.dataset)
        for number, path in enumerate(config.teacher, start=1)
    }
    teacher = joined(teachers, "teacher")
    return DistillationModel(student, teacher, temperature=config.temperature, beta=config.beta)


def optimizer(config: DistillationConfig) -> SGD:
    """SGD with Nesterov's momentum, as in the multi-head runs that students are compared with."""
    return SGD(config.single_rate, momentum=0.9, nesterov=True)


def learning_rates(config: DistillationConfig) -> dict[str, Rate]:
    """The learning rate is divided by 10 twice."""
    return {"optimizer": Rate(lambda epoch: step(config.single_rate, epoch, config.epochs))}
