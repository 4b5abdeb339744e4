"""What the page says after a refusal: what to do, and where in the admin."""

from __future__ import annotations

from django.conf import settings
from django.urls import reverse

# Texts of links, with the models and the queries of the admin's lists. The page inserts
# the username.
USER_IDS = ("Open the Layer user IDs", "layer_identity_layeruser", "?q={username}")
KEYS = ("Open the signing keys", "layer_identity_signingkey", "")
APPS = ("Open the Layer apps", "layer_identity_layerapp", "")
USERS = ("Open the users", "auth_user", "")

WAYS_OUT = {
    "user_id_mismatch": ("Send the “user_id” of the response, or none.", USER_IDS),
    "user_id_taken": ("Give this user another Layer user ID.", USER_IDS),
    "user_id_changed": ("Give this user another Layer user ID.", USER_IDS),
    "no_signing_key": ("Activate a signing key.", KEYS),
    "signing_failed": ("Activate a key that this server can decrypt.", KEYS),
    "app_unknown": ("Enable the Layer app.", APPS),
    "invalid_app_id": ("Enable the Layer app.", APPS),
    "user_inactive": ("Activate the user.", USERS),
    "nonce_already_used": ("A nonce belongs to its first user. Start again.", None),
    "eit_nonce_not_found": ("A nonce works once. Start again.", None),
    "eit_expired": ("The nonce is not used up: send a newer token.", None),
    "eit_key_disabled": ("Activate another key, then start again.", KEYS),
    "eit_key_not_found": ("Start again to get a token of the active key.", KEYS),
    "not_authenticated": ("Sign out here, then sign in again.", None),
    "csrf_failed": ("Reload the page.", None),
}


def ways_out() -> dict[str, dict[str, str]]:
    """Return the text, and with ``DEBUG`` the link, for each code of a refusal."""
    ways = {}
    for code, (text, page) in WAYS_OUT.items():
        ways[code] = {"text": text}
        if page and settings.DEBUG:
            label, model, query = page
            url = reverse(f"admin:{model}_changelist") + query
            ways[code] |= {"label": label, "url": url}
    return ways
