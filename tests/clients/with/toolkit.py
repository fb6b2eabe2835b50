"""A project with these settings, which tells who holds a token. Arguments: the settings, an address, a port."""

import sys

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path
from werkzeug.serving import WSGIRequestHandler, run_simple

page, address, port = sys.argv[1:]
from_page = {}
exec(page, from_page)
apps = ["django.contrib.auth", "django.contrib.contenttypes", "oauth2_provider"]
settings.configure(
    ALLOWED_HOSTS=["*"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    INSTALLED_APPS=apps,
    MIGRATION_MODULES={app.rpartition(".")[2]: None for app in apps},
    OAUTH2_PROVIDER=from_page["OAUTH2_PROVIDER"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="of the tests",
)
django.setup()

from oauth2_provider.decorators import protected_resource  # noqa: E402
from oauth2_provider.models import AccessToken  # noqa: E402


@protected_resource()
def reports(request):
    assert not AccessToken.objects.exclude(token="").exists(), "a key is in the database"
    return HttpResponse(request.resource_owner.username)


urlpatterns = [path("reports", reports)]
call_command("migrate", run_syncdb=True, verbosity=0)
WSGIRequestHandler.protocol_version = "HTTP/1.1"
run_simple(address, int(port), get_wsgi_application())
