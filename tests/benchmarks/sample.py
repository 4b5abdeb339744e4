"""
The way of Layer's Django sample: no login, and the key is read at each request.

It signs the user ID that the client sends, so anyone can log in as anyone. It is here
only to be measured.
"""

from __future__ import annotations

import time

import jwt
from django.http import JsonResponse
from django.views.decorators.csrf import csrf_exempt

from tests.benchmarks.names import KEY_ID, PROVIDER_ID
from tests.key_pairs import VECTORS

LIFETIME = 120  # seconds


@csrf_exempt
def identity_token(request):
    pem = (VECTORS / "first_private_key.pem").read_text()
    now = int(time.time())
    token = jwt.encode(
        {
            "iss": f"layer:///providers/{PROVIDER_ID}",
            "prn": request.POST["user_id"],
            "iat": now,
            "exp": now + LIFETIME,
            "nce": request.POST["nonce"],
        },
        pem,
        algorithm="RS256",
        headers={"cty": "layer-eit;v=1", "kid": f"layer:///keys/{KEY_ID}"},
    )
    return JsonResponse({"identity_token": token})
