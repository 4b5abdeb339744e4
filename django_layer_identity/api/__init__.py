"""The endpoint that clients call."""
