"""The credentials that schemathesis uses, and the users, clients and tokens that exist."""

import base64
import collections
import json
import os
import zlib

import requests
import schemathesis

URL = os.environ["JETON_URL"]
EXISTING = {"username": ["alice", "bob"], "client_id": ["billing"], "id": ["1", "2", "3"]}
CALLERS = [json.loads(os.environ["JETON_ADMIN"])["username"], os.environ["JETON_CLIENT"].split(":")[0]]
STATUSES = collections.Counter()


@schemathesis.auth()
class Admin:
    """The admin's token, or a new one after a request has revoked it."""

    def get(self, case, context):
        answer = requests.post(f"{URL}/api-token-auth/", json=json.loads(os.environ["JETON_ADMIN"]), timeout=10)
        assert answer.status_code == 200, f"the admin cannot log in: {answer.status_code} {answer.text}"
        return answer.json()["token"]

    def set(self, case, data, context):
        # At OAuth endpoints every other request comes from a client.
        if "OAuth" in context.operation.tags and chance(case, 2) == 0 and "verify" not in case.path:
            credentials = base64.b64encode(os.environ["JETON_CLIENT"].encode()).decode()
            case.headers["Authorization"] = f"Basic {credentials}"
        else:
            case.headers["Authorization"] = f"Bearer {data}"


def chance(case, sides):
    """A number below `sides`, the same for the same request."""
    return zlib.crc32(repr((case.path_parameters, case.query, case.body)).encode()) % sides


@schemathesis.hook
def before_call(context, case, kwargs):
    """Puts existing names into every other path, and never those of the callers, which no request may change."""
    for name, values in EXISTING.items():
        named = (case.path_parameters or {}).get(name)
        if named is not None and (named in CALLERS or chance(case, 2) == 0):
            case.path_parameters[name] = values[chance(case, len(values))]


@schemathesis.hook
def after_call(context, case, response):
    STATUSES[f"{case.operation.method.upper()} {case.operation.path} {response.status_code}"] += 1
    with open(os.environ["JETON_STATUSES"], "w", encoding="utf-8") as file:
        for line, count in sorted(STATUSES.items()):
            print(f"{count:6} {line}", file=file)
