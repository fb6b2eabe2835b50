"""`request.auth`, subclasses of the authentication class, permissions, and the OpenAPI document of a project."""

from __future__ import annotations

from typing import Any, Dict, Tuple, Type

import pytest
from conftest import Jeton
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser, Group
from django.core.exceptions import ImproperlyConfigured
from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import IsAdminUser, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory, force_authenticate
from rest_framework.views import APIView

from jeton_client import Introspection
from jeton_client.drf import JetonAuthentication, ServiceUnavailable, Token
from jeton_client.permissions import HasScope, InGroup
from project import authenticate, project
from support import CLOSE, Server

Alice = Tuple[Dict[str, Any], str]

pytestmark = pytest.mark.usefixtures("database")


def ask(key: str, permissions: Any, keyword: str = "Token", by: Type[JetonAuthentication] = JetonAuthentication) -> Response:
    class View(APIView):
        authentication_classes = [by]
        permission_classes = permissions

        def get(self, request: Request) -> Response:
            return Response()

    request = APIRequestFactory().get("/", headers={"Authorization": f"{keyword} {key}"})
    response: Response = View.as_view()(request)
    return response


def test_auth_is_the_answer_and_the_token(alice: Alice) -> None:
    _user, auth = authenticate(alice[1])
    assert isinstance(auth, Token) and isinstance(auth, Introspection) and auth.active
    assert auth.key == alice[1] and alice[1] not in repr(auth) and auth.scopes == {"a", "b"}
    assert auth.has_scope("a") and not auth.has_scope("c") and not auth.has_scope("a b")


@pytest.mark.parametrize("how", ["revoke", "delete"])
def test_it_logs_out(how: str, alice: Alice) -> None:
    getattr(authenticate(alice[1])[1], how)()
    with pytest.raises(AuthenticationFailed):
        authenticate(alice[1])


def test_a_logout_that_jeton_does_not_answer_is_503(alice: Alice, server: Server) -> None:
    auth = authenticate(alice[1])[1]
    with project(URL=server.does([CLOSE], [CLOSE]).url):
        from jeton_client.django import conf

        with pytest.raises(ServiceUnavailable):
            Token(auth, alice[1], conf.configured().client).revoke()
    assert authenticate(alice[1])


class OwnKeyword(JetonAuthentication):
    keyword = "Api-Key"


def test_the_keyword_of_a_subclass_is_the_only_one(alice: Alice) -> None:
    for keyword, status in [("Api-Key", 200), ("api-key", 200), ("Token", 401), ("Bearer", 401)]:
        response = ask(alice[1], [IsAuthenticated], keyword, OwnKeyword)
        assert response.status_code == status
        assert response.headers.get("WWW-Authenticate") == (None if status == 200 else "Api-Key")


class OnlyAlices(JetonAuthentication):
    def authenticate_credentials(self, key: str) -> Tuple[Any, Token]:
        user, token = super().authenticate_credentials(key)
        if token.email != "alice@example.com":
            raise AuthenticationFailed("Not here.")
        return user, token


class WithRows(JetonAuthentication):
    def authenticate_credentials(self, key: str) -> Any:
        return self.get_model().objects.get(key=key)


def test_a_subclass_decides_about_credentials(alice: Alice, jeton: Jeton) -> None:
    other = jeton.key(jeton.user()["username"])
    assert ask(alice[1], [IsAuthenticated], by=OnlyAlices).status_code == 200
    response = ask(other, [IsAuthenticated], by=OnlyAlices)
    assert response.status_code == 401 and response.data == {"detail": "Not here."}
    with pytest.raises(ImproperlyConfigured, match="authenticate_credentials"):
        ask(alice[1], [IsAuthenticated], by=WithRows)


@pytest.mark.parametrize(
    "permission, status",
    [
        (HasScope("a"), 200),
        (HasScope("a", "b"), 200),
        (HasScope("a", "c"), 403),
        (HasScope("a b"), 403),
        (InGroup("billing"), 200),
        (InGroup("sales", "bureau é"), 200),
        (InGroup("sales"), 403),
        (IsAuthenticated & HasScope("a"), 200),
        (HasScope("c") | InGroup("billing"), 200),
        (HasScope("a") & IsAdminUser, 403),
        (~HasScope("a"), 403),
        (~HasScope("c"), 200),
    ],
    ids=repr,
)
@pytest.mark.parametrize("how", ["answer", "create"])
def test_permissions(permission: Any, status: int, how: str, alice: Alice) -> None:
    with project(USER=how):
        assert ask(alice[1], [permission]).status_code == status


def test_who_brings_no_token_is_asked_for_one() -> None:
    for permission in (HasScope("a"), InGroup("a")):
        assert ask("", [permission], "Basic").status_code == 401


def test_users_without_a_token_have_groups_and_no_scopes() -> None:
    user = get_user_model().objects.create(username="local")
    user.groups.add(Group.objects.create(name="billing"))
    for permission, who, allowed in [
        (InGroup("billing"), user, True),
        (InGroup("sales"), user, False),
        (HasScope("a"), user, False),
        (InGroup("billing"), AnonymousUser(), False),
    ]:
        request = APIRequestFactory().get("/")
        force_authenticate(request, user=who)
        assert permission().has_permission(APIView().initialize_request(request), APIView()) is allowed


@pytest.mark.parametrize("names", [(), ("",), (7,)])
def test_permissions_take_names(names: Any) -> None:
    for kind in (HasScope, InGroup):
        with pytest.raises(TypeError):
            kind(*names)


def test_the_projects_document_has_the_authorize_button() -> None:
    """drf-spectacular takes the class for what it is a kind of: the document says what it said before."""
    from drf_spectacular.extensions import OpenApiAuthenticationExtension
    from rest_framework.authentication import TokenAuthentication

    import drf_spectacular.authentication  # noqa: F401  (it registers what it knows)

    schemes = []
    for kind in (TokenAuthentication, JetonAuthentication, OwnKeyword):
        scheme: Any = OpenApiAuthenticationExtension.get_match(kind())
        assert scheme is not None
        schemes.append((scheme.name, scheme.get_security_definition(None)))
    assert schemes[0] == schemes[1] and schemes[1][0] == "tokenAuth"
    assert "Api-Key" in schemes[2][1]["description"]


def test_a_document_asks_for_the_token_where_jeton_does() -> None:
    """The whole document: what Swagger UI makes its Authorize button of."""
    from drf_spectacular.generators import SchemaGenerator
    from drf_spectacular.openapi import AutoSchema

    class Asked(APIView):
        schema = AutoSchema()
        authentication_classes = [JetonAuthentication]
        permission_classes = [IsAuthenticated]

        def get(self, request: Request) -> Response:
            """Nobody calls it."""
            raise NotImplementedError

    def document(**changes: object) -> Any:
        with project(**changes):
            patterns = [path("asked/", extend_schema(responses=None)(Asked).as_view())]
            generator: Any = SchemaGenerator
            return generator(patterns=patterns).get_schema(request=None, public=True)

    asked = document()
    assert asked["paths"]["/asked/"]["get"]["security"] == [{"tokenAuth": []}]
    assert asked["components"]["securitySchemes"]["tokenAuth"] == {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": 'Token-based authentication with required prefix "Token"',
    }
    scheme = document(KEYWORDS=["Bearer"])["components"]["securitySchemes"]["tokenAuth"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
