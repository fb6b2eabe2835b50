"""Two views that differ in who authenticates."""

from __future__ import annotations

from typing import List, Type

from django.urls import path
from rest_framework.authentication import BaseAuthentication, TokenAuthentication
from rest_framework.permissions import AllowAny, BasePermission, IsAdminUser, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jeton_client.drf import JetonAuthentication


class View(APIView):
    permission: Type[BasePermission] = IsAuthenticated

    def get_permissions(self) -> List[BasePermission]:
        return [self.permission()]

    def get(self, request: Request) -> Response:
        user = request.user
        return Response({"username": getattr(user, "username", None), "is_staff": user.is_staff})


def by(authentication: Type[BaseAuthentication], permission: Type[BasePermission]) -> Type[View]:
    return type("View", (View,), {"authentication_classes": [authentication], "permission": permission})


urlpatterns = [
    path(f"{name}/{permission.__name__}/", by(authentication, permission).as_view())
    for name, authentication in {"before": TokenAuthentication, "after": JetonAuthentication}.items()
    for permission in (IsAuthenticated, IsAdminUser, AllowAny)
]
