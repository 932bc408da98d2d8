"""RunFields: the settings of a run as data, with their defaults, order, JSON form and digest."""

import dataclasses
import hashlib
import itertools
import json
from collections.abc import Mapping
from typing import Any, ClassVar

from collab_ensembles.data import catalogue
from collab_ensembles.settings.fields import KINDS, TRAINING, WHAT, field_types
from collab_ensembles.settings.folder_options import FOLDER, FolderOptions
from collab_ensembles.settings.shared_options import SharedOptions
from collab_ensembles.settings.training_control import CONTROL, TrainingControl

FORMAT_VERSION = 1
"""Increased when the meaning of a field changes. A new default does not increase it: see `RunFields.first_default`."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunFields(SharedOptions, TrainingControl, FolderOptions):
    """The settings that all systems share, and how those of one system stand beside them.

    `RunConfig` checks their values.

    Attributes:
      younger: fields that earlier releases did not have, with the values that describe what those releases did.
    """

    younger: ClassVar[Mapping[str, Any]] = {}

    def default(self, name: str) -> Any:
        """The default of a field that depends on other fields; None if there is no such default.

        Data set and members are set before this is called for other fields.
        """
        return {
            "members": ("ST", "M"),
            "epochs": catalogue.default_epochs(self.dataset),
            "batch_size": 64,
            "learning_rate": 2.0**-10,
            "regularization_rate": 1e-4,
            "decay_scope": "report",
            "shuffle": "none",
            "augment": False,
        }.get(name)

    def first_default(self, name: str) -> Any:
        """The value that all runs had before the default of the field changed, or before the field existed.

        The digest leaves out fields with this value, so that old run directories keep their names.
        """
        return self.younger.get(name, self.default(name))

    def default_of(self, field: "dataclasses.Field[Any]") -> Any:
        """The default of any field, for this data set and these members."""
        return self.default(field.name) if field.default is None else field.default

    def changed(self) -> dict[str, Any]:
        """The settings that differ from their defaults, in the order of `in_order`."""
        values = ((field, getattr(self, field.name)) for field in self.in_order())
        return {field.name: value for field, value in values if value != self.default_of(field)}

    @classmethod
    def own_fields(cls) -> list["dataclasses.Field[Any]"]:
        """The fields that only this system has."""
        shared = {field.name for field in dataclasses.fields(RunFields)}
        return [field for field in dataclasses.fields(cls) if field.name not in shared]

    @classmethod
    def in_order(cls) -> list["dataclasses.Field[Any]"]:
        """All fields in the order of the help: data and networks, the system's own settings, training."""
        shared = {heading: list[Any]() for heading in (WHAT, TRAINING, CONTROL, FOLDER)}
        for field in dataclasses.fields(RunFields):
            shared[field.metadata["heading"]].append(field)
        first, *others = shared.values()
        return [*first, *cls.own_fields(), *itertools.chain(*others)]

    def kept_files(self) -> dict[str, str]:
        """The fields that name Keras files, and the directory in a run directory where their copies are kept."""
        kept = {field.name: str(field.metadata["kept_in"]) for field in dataclasses.fields(self)}
        return {name: directory for name, directory in kept.items() if directory}

    @classmethod
    def fault(cls) -> str:
        """What is wrong with this class as that of a system's settings, or nothing."""
        if "__dataclass_fields__" not in vars(cls):
            return "has a config without @dataclasses.dataclass(frozen=True, kw_only=True)"
        shared = {field.name for field in dataclasses.fields(RunFields)} & set(vars(cls).get("__annotations__", {}))
        if shared:
            return f"has a setting {' and a setting '.join(sorted(shared))} as all systems have; give it another name"
        types = field_types(cls)
        for field in cls.own_fields():
            if "help" not in field.metadata:
                return f"has a setting {field.name} that is not made by settings.fields.option"
            if types[field.name] not in KINDS:
                allowed = ", ".join(getattr(kind, "__name__", str(kind)) for kind in KINDS)
                return f"has a setting {field.name} of type {types[field.name]}; allowed: {allowed}"
        return ""

    def to_json(self) -> dict[str, Any]:
        """All fields as JSON values."""
        values = dataclasses.asdict(self)
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    def identity(self) -> dict[str, Any]:
        """The settings that differ from their first defaults, as JSON values: the input of the digest."""
        values = self.to_json()
        first = {
            field.name: self.first_default(field.name) if field.default is None else field.default
            for field in dataclasses.fields(self)
        }
        return {name: values[name] for name in values if getattr(self, name) != first[name]}

    def digest(self) -> str:
        """SHA-256 in hexadecimal of the `identity`.

        Fields at their first default are left out, so that neither a new field nor a new default changes old digests.
        """
        content = {"format_version": FORMAT_VERSION, **self.identity()}
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()
