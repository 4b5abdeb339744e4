"""Inputs that nobody would think of, and what each of them may be answered with."""
