"""SigningBackend of private keys."""
