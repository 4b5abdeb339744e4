"""Measure the first request of this process, later ones, and the parsing of a PEM."""

from __future__ import annotations

import json
import sys
import time
from statistics import median

import django
from cryptography.hazmat.primitives.serialization import load_pem_private_key

LATER = 20  # requests
PARSES = 3
#: What REST framework imports only because other benchmarks need it.
UNUSED = {"sqlite": ["psycopg", "requests"], "postgresql": ["requests"]}


def main():
    place, headers, *steps = sys.argv[1:]
    sys.modules.update(dict.fromkeys(UNUSED[place]))  # as if they were not installed
    django.setup()
    # These need the settings. The URLconf is imported by the first request.
    from django_layer_identity.issuing import warm_keys
    from tests.benchmarks.handler import requester
    from tests.key_pairs import VECTORS
    from tests.server.clients import URL

    headers = json.loads(headers)
    request, floor = requester(URL, headers), requester("/floor/token", headers)
    if "warm" in steps:
        warm_keys()
    before = _seconds(floor) if "floor" in steps else None
    first = _seconds(request)
    later = median(_seconds(request) for _ in range(LATER))
    pem = (VECTORS / "first_private_key.pem").read_bytes()
    parse = median(
        _seconds(lambda: load_pem_private_key(pem, None)) for _ in range(PARSES)
    )
    found = {"floor": before, "first": first, "later": later, "parse": parse}
    sys.stdout.write(json.dumps(found))


def _seconds(call):
    start = time.process_time()
    call()
    return time.process_time() - start


main()
