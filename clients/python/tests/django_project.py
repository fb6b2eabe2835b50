"""Views that differ in who authenticates, and the admin."""

from __future__ import annotations

from typing import List, Type

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.urls import path
from rest_framework.authentication import BaseAuthentication, TokenAuthentication
from rest_framework.generics import ListCreateAPIView
from rest_framework.permissions import AllowAny, BasePermission, DjangoModelPermissions, IsAdminUser, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
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


class Groups(ListCreateAPIView):  # type: ignore[type-arg]
    queryset = Group.objects.all()
    permission_classes = [DjangoModelPermissions]
    serializer_class = Serializer

    def list(self, request: Request, *args: object, **kwargs: object) -> Response:
        return Response(list(Group.objects.values_list("name", flat=True)))

    def create(self, request: Request, *args: object, **kwargs: object) -> Response:
        return Response(status=201)


class Mine(APIView):
    """The rows that belong to whoever asks."""

    authentication_classes = [JetonAuthentication]
    permission_classes = [IsAuthenticated]

    def get(self, request: Request) -> Response:
        return Response(list(LogEntry.objects.filter(user_id=request.user.pk).values_list("object_repr", flat=True)))


urlpatterns = [
    path("admin/", admin.site.urls),
    path("mine/", Mine.as_view()),
    path("before/groups/", Groups.as_view(authentication_classes=[TokenAuthentication])),
    path("after/groups/", Groups.as_view(authentication_classes=[JetonAuthentication])),
] + [
    path(f"{name}/{permission.__name__}/", by(authentication, permission).as_view())
    for name, authentication in {"before": TokenAuthentication, "after": JetonAuthentication}.items()
    for permission in (IsAuthenticated, IsAdminUser, AllowAny)
]
