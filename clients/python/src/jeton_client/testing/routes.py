"""What a FakeJeton answers to the requests of this package's clients."""

from __future__ import annotations

import json
from typing import Any, Dict, Mapping, Optional, Tuple
from urllib.parse import parse_qs

import httpx

from .. import header
from .records import Records


def respond(
    records: Records, method: str, url: httpx.URL, headers: Mapping[str, str], content: bytes
) -> Tuple[int, bytes]:
    """Status and body. The path of jeton's URL, if it has one, stands before the route."""
    asked = f"{method} /{url.path.rsplit('/', 1)[-1]}"
    form = {name: values[0] for name, values in parse_qs(content.decode()).items()} if asked != "POST /batch" else {}
    if asked == "POST /introspect":
        return _answer(200, introspect(records, form.get("token")))
    if asked == "POST /batch":
        return _answer(200, {"results": [introspect(records, key) for key in json.loads(content)["tokens"]]})
    if asked == "POST /revoke":
        records.revoke(form.get("token", ""))
        return _answer(200, {})
    if asked == "GET /verify":
        return _verify(records, headers.get("Authorization", "").split(" ")[-1])
    return _answer(404, {"detail": "Not found."})


def introspect(records: Records, key: Optional[str]) -> Dict[str, Any]:
    token = records.valid(key)
    if token is None or not token.user.is_active:
        return {"active": False}
    user = token.user
    answer = {
        "active": True,
        "token_type": "Bearer",
        "sub": str(user.id),
        "username": user.username,
        "scope": token.scope,
        "iat": token.iat,
        "exp": token.exp,
        "jti": str(token.id),
        "user_id": user.id,
        "email": user.email,
        "is_staff": user.is_staff,
        "is_superuser": user.is_superuser,
        "groups": list(user.groups),
        "external_id": user.external_id,
    }
    # As jeton leaves out what there is none of.
    return {name: value for name, value in answer.items() if value is not None and (name != "scope" or value)}


def _verify(records: Records, key: str) -> Tuple[int, bytes]:
    token = records.valid(key)
    if token is None:
        return _answer(401, {"detail": header.INVALID_TOKEN})
    return _answer(200, {}) if token.user.is_active else _answer(401, {"detail": header.INACTIVE_USER})


def _answer(status: int, body: Dict[str, Any]) -> Tuple[int, bytes]:
    return status, json.dumps(body).encode()
