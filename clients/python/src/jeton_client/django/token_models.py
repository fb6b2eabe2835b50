"""The models of this project whose rows are tokens: those of the packages, and what the project made of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, FrozenSet, Set

from django.apps import apps
from django.db.models import ForeignKey

#: Modules with models of tokens, and those models.
PACKAGES: Dict[str, Set[str]] = {
    "rest_framework.authtoken.models": {"Token", "TokenProxy"},
    "knox.models": {"AuthToken", "AbstractAuthToken"},
}


@dataclass(frozen=True)
class TokenModels:
    #: Names of the models by module.
    names: Dict[str, Set[str]]
    #: How a model refers to all its rows.
    managers: FrozenSet[str]
    #: How a user refers to their rows.
    related: FrozenSet[str]

    def of_the_project(self) -> Set[str]:
        """What a file writes that uses the project's own models."""
        return {name for module, names in self.names.items() if module not in PACKAGES for name in names} | self.related


def token_models() -> TokenModels:
    names = {module: set(models) for module, models in PACKAGES.items()}
    managers = {"objects", "_default_manager", "_base_manager"}
    related: Set[str] = set()
    for model in apps.get_models(include_swapped=True):
        if not is_any_of(model, PACKAGES):
            continue
        names.setdefault(model.__module__, set()).add(model.__name__)
        managers.update(manager.name for manager in model._meta.managers)
        for field in model._meta.get_fields():
            name = field.remote_field.get_accessor_name() if isinstance(field, ForeignKey) and field.name == "user" else None
            if name and name.isidentifier():  # "+" is none
                related.add(name)
    return TokenModels(names, frozenset(managers), frozenset(related))


def is_any_of(cls: object, names: Dict[str, Set[str]]) -> bool:
    """Whether it is one of these classes, or a subclass. By name: the package of a class may not be installed."""
    return any(base.__qualname__ in names.get(base.__module__, ()) for base in getattr(cls, "__mro__", ()))
