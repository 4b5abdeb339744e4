"""Private keys: read, encrypt, load and use them, here or in a signing backend."""
