"""Errors between a service and jeton. No error contains a token, a secret, or text that jeton sent."""

from __future__ import annotations

#: What to do about code that needs a row of the project's, where there is none.
FIND = (
    'JETON["USER"] = "find" makes request.user the row of this project that belongs to the user, "create" makes new rows too.'
)


class JetonError(Exception):
    """The root of this package's errors."""


class JetonUnavailable(JetonError):
    """It is unknown whether the token is valid: jeton did not answer, not in time, or not in the expected form."""

    #: False if the request was not sent, because jeton did not answer the one before it.
    sent = True


class JetonUnreachable(JetonUnavailable):
    """jeton did not answer at all: no connection, or not in time."""

    def __init__(self, message: str, *, sent: bool = True) -> None:
        super().__init__(message)
        self.sent = sent


class JetonRefused(JetonUnavailable):
    """jeton refuses this service's client id and secret, or does not permit the request."""
