"""Layer's rules, and nothing of Django: importable in a plain script."""
