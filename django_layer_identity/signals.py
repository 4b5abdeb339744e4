"""
Two signals, one for each token and one for each refusal.

The sender is ``LayerApp``. Receivers get ``user`` (the real instance), ``request``
(Django's), ``app``, ``fingerprint`` (of the signing key) and ``nonce_digest``; each is
None where it was not known yet. A refusal also has its ``code``. Apart from ``request``,
which has all that the client sent, they carry no token, nonce or password.
"""

from __future__ import annotations

from django.dispatch import Signal

identity_token_issued = Signal()
identity_token_refused = Signal()
