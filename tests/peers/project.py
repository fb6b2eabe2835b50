"""A Django project with one of the packages that jeton takes the place of: its login at /login/, /logout/ and
/logoutall/ where it has them, and /private/, which needs a token. Arguments: the package, a folder for its database,
and the users as JSON. It prints its port."""

import json
import logging
import socketserver
import sys
import wsgiref.handlers
import wsgiref.simple_server

import django
from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher

logging.disable()
PACKAGE, FOLDER, USERS = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
BY_EMAIL = PACKAGE == "djoser-email"
ALLAUTH = PACKAGE.startswith("allauth")



class Cheap(PBKDF2PasswordHasher):
    iterations = 1000


APPS = {
    "drf": ["rest_framework.authtoken"],
    "knox": ["knox"],
    "djoser": ["rest_framework.authtoken", "djoser"],
    "djoser-email": ["rest_framework.authtoken", "djoser"],
    "dj-rest-auth": ["rest_framework.authtoken", "dj_rest_auth"],
}
SITE = ["django.contrib.sites", "allauth", "allauth.account"]
METHODS = {"allauth-username": {"username"}, "allauth-email": {"email"}, "allauth-both": {"username", "email"}}
AUTHENTICATION = {
    "knox": ["rest_framework.authentication.BasicAuthentication", "knox.auth.TokenAuthentication"],
}
BACKENDS = {
    "djoser-email": "djoser.auth_backends.LoginFieldBackend",
    **dict.fromkeys(METHODS, "allauth.account.auth_backends.AuthenticationBackend"),
}

settings.configure(
    SECRET_KEY="of a test",
    ALLOWED_HOSTS=["*"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{FOLDER}/django.db"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "rest_framework",
        *(SITE if ALLAUTH else []),
        *APPS["dj-rest-auth" if ALLAUTH else PACKAGE],
    ],
    PASSWORD_HASHERS=[f"{__name__}.Cheap"],
    SITE_ID=1,
    MIDDLEWARE=[
        "django.middleware.common.CommonMiddleware",
        *(
            [
                "django.contrib.sessions.middleware.SessionMiddleware",
                "django.contrib.auth.middleware.AuthenticationMiddleware",
                "allauth.account.middleware.AccountMiddleware",
            ]
            if ALLAUTH
            else []
        ),
    ],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    AUTHENTICATION_BACKENDS=[BACKENDS.get(PACKAGE, "django.contrib.auth.backends.ModelBackend")],
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": AUTHENTICATION.get(
            PACKAGE, ["rest_framework.authentication.TokenAuthentication"]
        ),
        # A service in production has no pages for browsers.
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    },
    DJOSER={"LOGIN_FIELD": "email"} if BY_EMAIL else {},
    REST_AUTH={"SESSION_LOGIN": False},
    ACCOUNT_LOGIN_METHODS=METHODS.get(PACKAGE, {"username"}),
    ACCOUNT_EMAIL_VERIFICATION="none",
    ACCOUNT_RATE_LIMITS=False,
    CACHES={"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}},
)
django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework.permissions import IsAuthenticated  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402


class Private(APIView):
    permission_classes = [IsAuthenticated]
    if PACKAGE == "knox":
        from knox.auth import TokenAuthentication

        authentication_classes = [TokenAuthentication]

    def get(self, request):
        return Response({"username": request.user.username})


if PACKAGE == "knox":
    from knox.views import LoginView, LogoutAllView, LogoutView

    views = {"login": LoginView, "logout": LogoutView, "logoutall": LogoutAllView}
elif PACKAGE.startswith("djoser"):
    from djoser.views import TokenCreateView, TokenDestroyView

    views = {"login": TokenCreateView, "logout": TokenDestroyView}
elif PACKAGE == "drf":
    from rest_framework.authtoken.views import ObtainAuthToken

    views = {"login": ObtainAuthToken}
else:
    from dj_rest_auth.views import LoginView, LogoutView

    views = {"login": LoginView, "logout": LogoutView}

urlpatterns = [path(f"{name}/", view.as_view()) for name, view in views.items()]
urlpatterns.append(path("private/", Private.as_view()))


class Server(socketserver.ThreadingMixIn, wsgiref.simple_server.WSGIServer):
    daemon_threads = True


class Handler(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, *_):
        pass


wsgiref.handlers.SimpleHandler.http_version = "1.1"
call_command("migrate", verbosity=0)
for user in USERS:
    User.objects.create_user(**user)
server = wsgiref.simple_server.make_server("127.0.0.1", 0, get_wsgi_application(), Server, Handler)
print(server.server_port, flush=True)
server.serve_forever()
