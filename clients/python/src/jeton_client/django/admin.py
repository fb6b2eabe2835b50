from __future__ import annotations

from typing import TYPE_CHECKING, Any, List, Optional

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.http import HttpRequest

from .models import Link


if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Link]
else:
    ModelAdmin = admin.ModelAdmin


@admin.register(Link)
class LinkAdmin(ModelAdmin):
    """Links are created and deleted, never changed. A link gives a row to a user, so only superusers create one."""

    list_display = ["user", "sub", "issuer", "created_at", "last_seen_at"]
    list_select_related = ["user"]
    list_filter = ["issuer", "last_seen_at"]
    readonly_fields = ["created_at", "last_seen_at"]
    raw_id_fields = ["user"]
    ordering = ["pk"]

    def get_search_fields(self, request: HttpRequest) -> List[str]:
        model: Any = get_user_model()
        return ["=sub", f"user__{model.USERNAME_FIELD}"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(getattr(request.user, "is_superuser", False)) and super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Optional[Any] = None) -> bool:
        return False
