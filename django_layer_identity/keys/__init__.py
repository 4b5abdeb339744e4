"""Custody of private keys."""
