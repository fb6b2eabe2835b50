"""The groups of a `JetonUser`: names, with the usual calls of `user.groups` in Django."""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterator, List, NoReturn, Optional, Tuple

from .errors import FIND


class Name(str):
    """A name that has itself as `.name`, as a row of Django's groups has."""

    __slots__ = ()

    @property
    def name(self) -> str:
        return str(self)

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"A group of a JetonUser is a name, and has no {name!r}. {FIND}")


#: What may follow `name__` in a filter.
_LOOKUPS: Dict[str, Callable[[str, Any], bool]] = {
    "exact": lambda name, value: name == value,
    "iexact": lambda name, value: name.lower() == value.lower(),
    "contains": lambda name, value: value in name,
    "icontains": lambda name, value: value.lower() in name.lower(),
    "startswith": lambda name, value: name.startswith(value),
    "istartswith": lambda name, value: name.lower().startswith(value.lower()),
    "endswith": lambda name, value: name.endswith(value),
    "iendswith": lambda name, value: name.lower().endswith(value.lower()),
    "in": lambda name, value: name in value,
}


class Names(Tuple[str, ...]):
    """A tuple of names, with those calls of a Django manager that need only names. Others raise an error: a check must not
    pass because a filter is unknown here."""

    __slots__ = ()

    def __iter__(self) -> Iterator[Name]:
        return (Name(name) for name in super().__iter__())

    def all(self) -> Names:
        return self

    def none(self) -> Names:
        return Names()

    def filter(self, *conditions: Any, **lookups: Any) -> Names:
        """`name=`, and `name__in=`, `name__startswith=` and the like."""
        matches = _matcher("filter", conditions, lookups)
        return Names(name for name in self if matches(name))

    def exclude(self, *conditions: Any, **lookups: Any) -> Names:
        matches = _matcher("exclude", conditions, lookups)
        return Names(name for name in self if not matches(name))

    def get(self, *conditions: Any, **lookups: Any) -> Name:
        """Raises Django's `Group.DoesNotExist` if there is none."""
        from django.contrib.auth.models import Group

        matches = _matcher("get", conditions, lookups)
        found = [name for name in self if matches(name)]
        if not found:
            raise Group.DoesNotExist("Group matching query does not exist.")
        if len(found) > 1:
            raise Group.MultipleObjectsReturned(f"get() returned more than one Group -- it returned {len(found)}!")
        return found[0]

    def exists(self) -> bool:
        return bool(self)

    def count(self, *value: Any) -> int:
        """How many names there are; with a value, how many are equal to it, as for a tuple."""
        return super().count(*value) if value else len(self)

    def first(self) -> Optional[Name]:
        return next(iter(self), None)

    def last(self) -> Optional[Name]:
        return Name(self[-1]) if self else None

    def distinct(self) -> Names:
        return self

    def order_by(self, *fields: str) -> Names:
        if fields not in (("name",), ("-name",)):
            raise _names_only('order_by("name")')
        return Names(sorted(self, reverse=fields == ("-name",)))

    def values_list(self, *fields: str, flat: bool = False) -> List[Any]:
        if fields != ("name",):
            raise _names_only('values_list("name")')
        return [str(name) if flat else (str(name),) for name in self]

    def values(self, *fields: str) -> List[Dict[str, str]]:
        if fields != ("name",):
            raise _names_only('values("name")')
        return [{"name": str(name)} for name in self]

    async def aexists(self) -> bool:
        return self.exists()

    async def acount(self) -> int:
        return len(self)

    async def afirst(self) -> Optional[Name]:
        return self.first()

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"The groups of a JetonUser are names in no database of this service, without {name!r}. {FIND}")


def _matcher(call: str, conditions: Tuple[Any, ...], lookups: Dict[str, Any]) -> Callable[[str], bool]:
    if conditions:
        raise _names_only(f'{call}(name="billing"), without Q objects,')
    tests = []
    for lookup, value in lookups.items():
        field, _, kind = lookup.partition("__")
        test = _LOOKUPS.get(kind or "exact")
        if field != "name" or test is None:
            raise TypeError(f"The groups of a JetonUser are names: {call}({lookup}=..) is not possible. {FIND}")
        tests.append((test, frozenset(value) if kind == "in" else value))
    return lambda name: all(test(name, value) for test, value in tests)


def _names_only(possible: str) -> TypeError:
    return TypeError(f"The groups of a JetonUser are names: only {possible} is possible. {FIND}")
