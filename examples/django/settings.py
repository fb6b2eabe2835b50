import os
from pathlib import Path

SECRET_KEY = os.environ.get("DJANGO_SECRET_KEY", "of an example")
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
ROOT_URLCONF = "urls"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "rest_framework",
    "rest_framework.authtoken",
    # Which row of auth_user each user of jeton has; for "USER" below.
    "jeton_client.django",
]
DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": Path(__file__).parent / "db.sqlite3"},
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True

REST_FRAMEWORK = {
    # The one line. A variable only so that this example runs both ways.
    "DEFAULT_AUTHENTICATION_CLASSES": [os.environ.get("AUTHENTICATION", "jeton_client.drf.JetonAuthentication")],
}

JETON = {
    "URL": os.environ.get("EXAMPLE_JETON_URL", "http://127.0.0.1:8001"),
    "CLIENT_ID": os.environ.get("EXAMPLE_JETON_CLIENT_ID", "demo"),
    "CLIENT_SECRET": os.environ.get("EXAMPLE_JETON_CLIENT_SECRET", "unset"),
    # "find" or "create": request.user is a row of auth_user, as before.
    "USER": os.environ.get("EXAMPLE_JETON_USER", "answer"),
}
