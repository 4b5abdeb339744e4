"""
The views beside which the endpoint is measured.

The *floor view* does what each endpoint must do that issues identity tokens, and nothing
more: authentication, a JSON body, the app's row, the key's row, an entry in the cache and
one signature. It checks nothing.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from django.core.cache import cache
from django.http import JsonResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView

from django_layer_identity.models import LayerApp, SigningKey
from tests.benchmarks.names import PRIMARY_KEY, USERNAME
from tests.key_pairs import load_rsa_key

TOKEN = "x" * 867  # as long as the token of the endpoint
MESSAGE = TOKEN[:524].encode()  # as long as its signed part
EXPIRES_AT = 1_795_000_000
NONCE_LIFETIME = 600  # seconds


@csrf_exempt
def bare(request):
    return JsonResponse({"identity_token": TOKEN})


class FloorView(APIView):
    permission_classes = [IsAuthenticated]

    def post(self, request):
        nonce = request.data["nonce"]
        LayerApp.objects.get(pk=PRIMARY_KEY)
        SigningKey.objects.get(pk=PRIMARY_KEY)
        cache.add(nonce, USERNAME, NONCE_LIFETIME)
        load_rsa_key("first").sign(MESSAGE, PKCS1v15(), SHA256())  # loaded once
        return Response(
            {
                "identity_token": TOKEN,
                "layer_identity_token": TOKEN,
                "user_id": USERNAME,
                "expires_at": EXPIRES_AT,
            }
        )
