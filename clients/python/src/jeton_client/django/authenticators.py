"""Whether tokens of this project are at jeton alone, as far as its authentication classes say it."""

from __future__ import annotations

from typing import Any, Iterable, Iterator, List

from django.apps import apps
from django.conf import settings
from django.urls import get_resolver

from . import conf
from .token_models import is_any_of

_JETON = {"jeton_client.drf": {"JetonAuthentication"}}
#: They read rows of tokens.
_ROWS = {"rest_framework.authentication": {"TokenAuthentication"}, "knox.auth": {"TokenAuthentication"}}
#: Packages whose views name authentication classes of their own, which the project did not choose.
_PACKAGES = {"rest_framework", "knox", "djoser", "dj_rest_auth"}


def are_jetons_alone() -> bool:
    """The default classes decide. If they accept no tokens at all, those that the views name do."""
    try:
        from rest_framework.settings import api_settings
    except ImportError:  # a project without it
        return False
    classes: List[Any] = list(api_settings.DEFAULT_AUTHENTICATION_CLASSES)
    if not any(_is_jetons(each) or _reads_rows(each) for each in classes):
        classes = list(_of_views())
    if any(_reads_rows(each) for each in classes):
        return False
    return apps.is_installed(conf.APP) or any(_is_jetons(each) for each in classes)


def _is_jetons(cls: Any) -> bool:
    return is_any_of(cls, _JETON)


def _reads_rows(cls: Any) -> bool:
    return is_any_of(cls, _ROWS) and not _is_jetons(cls)


def _of_views() -> Iterator[Any]:
    if not getattr(settings, "ROOT_URLCONF", None):
        return
    try:
        patterns = get_resolver().url_patterns
    except Exception:  # a module of the project cannot be imported: Django's own check of the URLs says that
        return
    for view in _views(patterns):
        chosen = getattr(view, "initkwargs", {}).get("authentication_classes")
        yield from _chosen_by(view.cls) if chosen is None else chosen


def _views(patterns: Iterable[Any]) -> Iterator[Any]:
    """Those of Django REST framework, whose `as_view()` keeps the class and its arguments."""
    for pattern in patterns:
        if hasattr(pattern, "url_patterns"):
            yield from _views(pattern.url_patterns)
        elif hasattr(pattern.callback, "cls"):
            yield pattern.callback


def _chosen_by(view: Any) -> Iterable[Any]:
    for cls in view.__mro__:
        if "authentication_classes" in vars(cls):
            chosen: Iterable[Any] = vars(cls)["authentication_classes"]
            return () if cls.__module__.partition(".")[0] in _PACKAGES else chosen
    return ()
