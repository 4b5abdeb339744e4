"""Layer's rules. This package does not import Django, so plain scripts can use it."""
