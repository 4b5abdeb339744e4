"""A replacement for Layer's servers in development and tests. Not for production."""
