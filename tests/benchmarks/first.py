"""
Measure the first request of this process, later ones, and the parsing of a private key.

Nothing is imported that only the endpoint needs.
"""

from __future__ import annotations

import json
import sys
import time
from statistics import median

import django
from cryptography.hazmat.primitives.serialization import load_pem_private_key

LATER = 20  # requests
PARSES = 3


def main():
    headers, *steps = sys.argv[1:]
    django.setup()
    # The settings are needed for these.
    from tests.benchmarks.handler import requester
    from tests.key_pairs import VECTORS
    from tests.server.clients import URL

    request = requester(URL, json.loads(headers))
    if "warm" in steps:
        from django_layer_identity.issuing import warm_keys

        warm_keys()
    if "bare" in steps:
        requester("/bare", {})()
    first = _seconds(request)
    steady = median(_seconds(request) for _ in range(LATER))
    pem = (VECTORS / "first_private_key.pem").read_bytes()
    parse = median(
        _seconds(lambda: load_pem_private_key(pem, None)) for _ in range(PARSES)
    )
    sys.stdout.write(json.dumps({"first": first, "steady": steady, "parse": parse}))


def _seconds(call):
    start = time.process_time()
    call()
    return time.process_time() - start


main()
