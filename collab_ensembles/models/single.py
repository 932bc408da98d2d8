"""SingleModel: one network, trained as the ensemble of one."""

import keras

from collab_ensembles.models.model import Model


class SingleModel(Model):
    """One member with its cross-entropy and weight decay."""

    def __init__(self, member: keras.Model) -> None:
        super().__init__({member.name: member})
