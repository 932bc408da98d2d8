"""SingleModel: one network, trained as the ensemble of one."""

from typing import Any

import keras

from collab_ensembles.models.ensemble import EnsembleModel


@keras.saving.register_keras_serializable("collab_ensembles")
class SingleModel(EnsembleModel):
    """One member with its cross-entropy and weight decay; its name is that of the network."""

    def __init__(self, member: keras.Model) -> None:
        # Anything but a network may have no name; the check of the members refuses it.
        super().__init__({getattr(member, "name", "member"): member})

    def get_config(self) -> dict[str, Any]:
        """The constructor's argument, serialised."""
        (member,) = self.members.values()
        return {"member": keras.saving.serialize_keras_object(member)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "SingleModel":
        """The model of a configuration, with new weights."""
        return cls(keras.saving.deserialize_keras_object(config["member"], custom_objects))
