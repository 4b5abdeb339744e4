"""What people paste or upload for a private key, as far as it takes to read it."""
