"""A service that uses Authlib: prints what it gets, one JSON value a line."""

import json
import sys

import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata, get_well_known_url

issuer, client_id, secret, key, method = sys.argv[1:]

metadata = AuthorizationServerMetadata(requests.get(get_well_known_url(issuer, external=True)).json())
assert metadata["issuer"] == issuer
assert metadata["response_types_supported"] == []  # Authlib wants members; there is no authorization endpoint
metadata.validate_grant_types_supported()
metadata.validate_revocation_endpoint()
metadata.validate_revocation_endpoint_auth_methods_supported()
metadata.validate_introspection_endpoint_auth_methods_supported()
assert method in metadata["introspection_endpoint_auth_methods_supported"]


def session(secret):
    return OAuth2Session(
        client_id,
        secret,
        token_endpoint_auth_method=method,
        revocation_endpoint_auth_method=method,
    )


def print_answer(answer):
    print(json.dumps([answer.status_code, answer.json() if answer.content else None]))


def introspect(secret, hint=None):
    print_answer(session(secret).introspect_token(metadata["introspection_endpoint"], token=key, token_type_hint=hint))


def revoke(secret):
    print_answer(session(secret).revoke_token(metadata["revocation_endpoint"], token=key, token_type_hint="access_token"))


introspect(secret)
introspect(secret, "refresh_token")
introspect("wrong")
revoke("wrong")
introspect(secret)
revoke(secret)
introspect(secret)
revoke(secret)
