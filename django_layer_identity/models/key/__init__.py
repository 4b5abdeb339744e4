"""Signing keys: what is stored, what may be done with them, and what is known of them."""
