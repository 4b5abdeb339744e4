#!/usr/bin/env python
"""Run a management command of the example project."""

from __future__ import annotations

import os
import sys

from config import secrets_file
from django.core.management import execute_from_command_line


def main() -> None:
    """Create the secrets for the settings, then run Django's command line."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    secrets_file.create_if_missing()
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
