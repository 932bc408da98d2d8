"""Builds a student with its teacher, and chooses its optimizer and learning rate."""

import keras

from collab_ensembles.methods.assembly import build_member
from collab_ensembles.methods.teaching.model import TeachingModel
from collab_ensembles.methods.teaching.options import TeachingConfig
from collab_ensembles.models.model import Model
from collab_ensembles.models.optimizers import KERAS_EPSILON, Adam
from collab_ensembles.models.schedules import Rate
from collab_ensembles.networks.teacher import load_teacher
from collab_ensembles.settings.method import Shape


def build(config: TeachingConfig, image_shape: Shape, num_classes: int) -> Model:
    """See `settings.method.Training`.

    Without a teacher's file there is no teacher: such a model can answer, but not be taught.

    Raises:
      ConfigError: the teacher does not fit the data, see `load_teacher`.
    """
    learner, best = (
        build_member(config, image_shape, num_classes, 0, "student", dropout=config.dropout) for _ in range(2)
    )
    teachers = [load_teacher(path, image_shape, num_classes, config.dataset) for path in config.teacher]
    return TeachingModel(
        learner,
        best,
        teachers[0] if teachers else None,
        stack=config.stack,
        batch_size=config.batch_size,
        difficulty=config.difficulty,
        targets=config.targets,
        patience=config.patience,
        seed=config.seed,
    )


def optimizer(config: TeachingConfig) -> keras.Optimizer:
    """Adam with Keras' constants."""
    return Adam(config.single_rate, epsilon=KERAS_EPSILON)


def learning_rates(config: TeachingConfig) -> dict[str, Rate]:
    """The rate does not change."""
    return {"optimizer": Rate(lambda epoch: config.single_rate)}
