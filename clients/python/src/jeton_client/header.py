"""`Authorization`, read as Django REST framework's TokenAuthentication reads it, with its sentences."""

from __future__ import annotations

from typing import Iterable, Optional

NOT_PROVIDED = "Authentication credentials were not provided."
NO_CREDENTIALS = "Invalid token header. No credentials provided."
SPACES = "Invalid token header. Token string should not contain spaces."
INVALID_CHARACTERS = "Invalid token header. Token string should not contain invalid characters."
INVALID_TOKEN = "Invalid token."
INACTIVE_USER = "User inactive or deleted."
UNAVAILABLE = "The token service is temporarily unavailable."


class MalformedHeader(Exception):
    """Holds the sentence."""


def token_of(header: bytes, keywords: Iterable[str]) -> Optional[str]:
    """The token; None where the header is missing or for somebody else."""
    words = header.split()
    if not words or words[0].lower() not in [keyword.lower().encode() for keyword in keywords]:
        return None
    if len(words) == 1:
        raise MalformedHeader(NO_CREDENTIALS)
    if len(words) > 2:
        raise MalformedHeader(SPACES)
    try:
        return words[1].decode()
    except UnicodeError:
        raise MalformedHeader(INVALID_CHARACTERS) from None
