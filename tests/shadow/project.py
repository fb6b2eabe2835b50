"""A Django project with DRF's tokens, or Knox's. Arguments: which, the file of its database, and for HTTPS those of a certificate and
its key.

It prints, as JSON, its port and the keys of the users who have a token. `X-Plant` makes it answer otherwise than it does.
"""

import json
import ssl
import sys

import django
from django.conf import settings
from django.core.management import call_command

which, database, *certificate = sys.argv[1:]
is_knox = which == "knox"
token_app = "knox" if is_knox else "rest_framework.authtoken"
settings.configure(
    ALLOWED_HOSTS=["*"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": database, "OPTIONS": {"timeout": 30}}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "rest_framework", token_app],
    MIDDLEWARE=["django.middleware.common.CommonMiddleware", "__main__.planted"],
    PASSWORD_HASHERS=["__main__.QuickHasher"],
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": [
            "knox.auth.TokenAuthentication" if is_knox else "rest_framework.authentication.TokenAuthentication"
        ],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    },
    LOGGING={"version": 1, "loggers": {"django": {"level": "CRITICAL"}}},
    ROOT_URLCONF="__main__",
    SECRET_KEY="of the tests",
    USE_TZ=True,
)

from django.contrib.auth.hashers import PBKDF2PasswordHasher  # noqa: E402


class QuickHasher(PBKDF2PasswordHasher):
    iterations = 100


django.setup()

from django.contrib.auth import get_user_model  # noqa: E402
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.http import HttpResponse, StreamingHttpResponse  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework.authtoken.serializers import AuthTokenSerializer  # noqa: E402
from rest_framework.permissions import AllowAny, IsAuthenticated  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402


def planted(get_response):
    def answer(request):
        response = get_response(request)
        plant = request.headers.get("X-Plant")
        if plant == "sentence":
            response.content = response.content.replace(b"provided credentials", b"these credentials")
        elif plant == "status":
            response.status_code = 422
        elif plant == "header":
            del response["WWW-Authenticate"]
        return response

    return answer


class Me(APIView):
    permission_classes = [IsAuthenticated]

    def get(self, request):
        return Response({"username": request.user.username})


class NewUser(APIView):
    permission_classes = [AllowAny]

    def post(self, request):
        User.objects.create_user(**request.data)
        return Response(status=204)


class Open(APIView):
    permission_classes = [AllowAny]

    def get(self, request):
        return Response({"query": request.META["QUERY_STRING"], "for": request.META.get("HTTP_X_FORWARDED_FOR")})

    def put(self, request):
        return Response({"size": len(request.body), "type": request.content_type}, status=201)


def chunks(request):
    return StreamingHttpResponse((b"x" * 100_000 for _ in range(20)), headers={"X-Chunks": "20"})


def failing(request):
    return HttpResponse("broken", status=500)


def unchanged(request):
    return HttpResponse(status=304, headers={"Content-Length": "20", "ETag": '"a"'})


urlpatterns = [path("unchanged/", unchanged), path("me/", Me.as_view()), path("open/", Open.as_view()), path("chunks/", chunks), path("failing/", failing), path("users/", NewUser.as_view())]
if is_knox:
    from knox import views
    from knox.models import AuthToken

    class Login(views.LoginView):
        """As Knox's documentation has it."""

        permission_classes = [AllowAny]

        def post(self, request, format=None):
            serializer = AuthTokenSerializer(data=request.data, context={"request": request})
            serializer.is_valid(raise_exception=True)
            request.user = serializer.validated_data["user"]
            return super().post(request, format=None)

    urlpatterns += [
        path("api/login/", Login.as_view()),
        path("api/logout/", views.LogoutView.as_view()),
        path("api/logoutall/", views.LogoutAllView.as_view()),
    ]
else:
    from rest_framework.authtoken.models import Token
    from rest_framework.authtoken.views import obtain_auth_token

    urlpatterns += [path("api-token-auth/", obtain_auth_token)]

call_command("migrate", verbosity=0)
keys = {}
User = get_user_model()
for number in range(12):
    user = User.objects.create_user(f"user{number}", password=f"the password of user{number}")
    if number < 6:
        keys[user.username] = AuthToken.objects.create(user)[1] if is_knox else Token.objects.create(user=user).key
User.objects.filter(username__in=["user5", "user11"]).update(is_active=False)
User.objects.create_user("nobody")

server = ThreadedWSGIServer(("127.0.0.1", 0), WSGIRequestHandler)
server.set_app(get_wsgi_application())
WSGIRequestHandler.log_message = lambda *arguments: None
if certificate:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
print(json.dumps({"port": server.server_port, "keys": keys}), flush=True)
server.serve_forever()
