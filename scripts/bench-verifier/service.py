"""A Django REST framework service for scripts/bench: the same view behind DRF's TokenAuthentication and behind jeton's class."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": "127.0.0.1",
            "PORT": os.environ["PGPORT"],
            "NAME": os.environ["PGDATABASE"],
            "USER": "jeton",
            "CONN_MAX_AGE": None,
        }
    },
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "rest_framework", "rest_framework.authtoken"],
    JETON={"URL": os.environ["JETON_URL"], "CLIENT_ID": "bench", "CLIENT_SECRET": os.environ["JETON_CLIENT_SECRET"]},
    ROOT_URLCONF="service",
    SECRET_KEY="of the benchmark",
    USE_TZ=True,
)
application = get_wsgi_application()

from django.urls import path  # noqa: E402  (Django has to be configured first)
from rest_framework.authentication import TokenAuthentication  # noqa: E402
from rest_framework.permissions import IsAuthenticated  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402

from jeton_client.drf import JetonAuthentication  # noqa: E402


class View(APIView):
    permission_classes = [IsAuthenticated]

    def get(self, request):
        return Response({"user": str(request.user), "id": request.user.pk})


urlpatterns = [
    path("drf/", View.as_view(authentication_classes=[TokenAuthentication])),
    path("jeton/", View.as_view(authentication_classes=[JetonAuthentication])),
]
