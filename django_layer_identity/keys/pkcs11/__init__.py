"""Keys in a token that speaks PKCS#11; an extra."""

from __future__ import annotations

from django_layer_identity.keys.pkcs11.custody import PKCS11Custody

__all__ = ["PKCS11Custody"]
