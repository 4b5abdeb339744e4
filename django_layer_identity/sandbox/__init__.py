"""A stand-in for Layer's servers, for development and tests: never for production."""
