"""Microseconds of CPU that one check of a token takes: by a Verifier that remembers the answer, and by a Client that asks."""

import os
import sys
import time

from jeton_client import Client, Verifier

who = (os.environ["JETON_URL"], "bench", os.environ["JETON_CLIENT_SECRET"])
keys, rounds = sys.argv[1:], 5


def micros(client, checks):
    begun = time.thread_time()
    for number in range(checks):
        if not client.introspect(keys[number % len(keys)]).active:
            sys.exit("a token of the benchmark is not active")
    return (time.thread_time() - begun) / checks * 1e6


with Verifier(*who) as verifier, Client(*who) as client:
    end = time.monotonic() + 2  # answers are remembered after the first second
    while time.monotonic() < end:
        micros(verifier, len(keys))
    remembered, asked = zip(*[(micros(verifier, 50_000), micros(client, 300)) for _ in range(rounds)])
print(sorted(remembered)[rounds // 2], sorted(asked)[rounds // 2])
