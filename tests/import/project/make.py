"""Makes a Django project's database, with rows as the project's own code writes them, and a dump of it.

make.py SHAPE DATABASE DUMP [dumpdata's options]: DATABASE is a path, or postgres://USER@HOST:PORT/NAME. Prints the keys and passwords that clients
have, as JSON.
"""

import json
import sys
from importlib import import_module
from pathlib import Path
from urllib.parse import unquote, urlsplit

import django
from django.conf import settings
from django.core.management import call_command

shape, database, dump, *options = sys.argv[1:]
sys.path.insert(0, str(Path(__file__).parent))


def database_settings(place):
    if "://" not in place:
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": place}
    url = urlsplit(place)
    host, _, port = url.netloc.rpartition("@")[2].partition(":")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(url.path[1:]),
        "USER": url.username,
        "HOST": unquote(host),
        "PORT": port,
    }


module = import_module(f"shapes.{shape}.settings")
settings.configure(
    SECRET_KEY="only for a test",
    DATABASES={"default": database_settings(database)},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        *module.APPS,
    ],
    # Quick to check.
    PASSWORD_HASHERS=getattr(module, "HASHERS", ["hashers.Quick"]),
    **{"USE_TZ": True, **module.SETTINGS},
)
django.setup()
# Tables of apps without migrations refer to those of groups.
call_command("migrate", "auth", verbosity=0)
call_command("migrate", run_syncdb=True, verbosity=0)
fill = import_module(f"shapes.{shape}.fill").fill
print(json.dumps(fill()))
call_command("dumpdata", *options, output=dump, verbosity=0)
