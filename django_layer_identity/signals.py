"""
Two signals, one for each token and one for each refusal.

The sender is ``LayerApp``. Receivers get ``user`` (the real instance), ``request``
(Django's), ``app``, ``fingerprint`` (of the signing key) and ``nonce_digest``; a value
is None if it was not known yet. A refusal also has its ``code``. No argument contains a
token, nonce or password, except ``request``, which has all that the client sent.
"""

from __future__ import annotations

from django.dispatch import Signal

identity_token_issued = Signal()
identity_token_refused = Signal()
