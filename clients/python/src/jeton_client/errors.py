"""What can go wrong between a service and jeton. No error holds a token, a secret, or words that jeton sent."""

from __future__ import annotations


class JetonError(Exception):
    """The root of this package's errors."""


class JetonUnavailable(JetonError):
    """Nobody knows whether the token is good: jeton did not answer, not in time, or not in a form it answers in."""


class JetonUnreachable(JetonUnavailable):
    """jeton did not answer at all: no connection, or not in time."""


class JetonRefused(JetonUnavailable):
    """jeton does not take this service's client id and secret, or does not let it do this."""
