"""The groups of a `JetonUser`: names, with the usual calls of `user.groups` in Django."""

from __future__ import annotations

from typing import Any, Iterator, List, Optional, Tuple


class Name(str):
    """A name that has itself as `.name`, as a row of Django's groups has."""

    __slots__ = ()

    @property
    def name(self) -> str:
        return str(self)


class Names(Tuple[str, ...]):
    """A tuple of names, with those calls of a Django manager that need only names."""

    __slots__ = ()

    def __iter__(self) -> Iterator[Name]:
        return (Name(name) for name in super().__iter__())

    def all(self) -> Names:
        return self

    def filter(self, **lookups: Any) -> Names:
        """`name=` and `name__in=`. Others raise TypeError: an unknown filter must not let a check pass."""
        names = tuple(self)
        for lookup, value in lookups.items():
            if lookup in ("name", "name__exact"):
                names = tuple(name for name in names if name == value)
            elif lookup == "name__in":
                wanted = frozenset(value)
                names = tuple(name for name in names if name in wanted)
            else:
                raise TypeError(f"the groups of a JetonUser have names only: filter({lookup}=..) is not possible")
        return Names(names)

    def exists(self) -> bool:
        return bool(self)

    def count(self, *value: Any) -> int:
        """How many names there are; with a value, how many are equal to it, as for a tuple."""
        return super().count(*value) if value else len(self)

    def first(self) -> Optional[Name]:
        return next(iter(self), None)

    def values_list(self, *fields: str, flat: bool = False) -> List[Any]:
        if fields != ("name",):
            raise TypeError('the groups of a JetonUser have names only: values_list("name")')
        return [str(name) if flat else (str(name),) for name in self]
