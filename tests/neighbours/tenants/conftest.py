from __future__ import annotations

import os

#: ``tests/neighbours/test_tenants.py`` runs these tests.
if os.environ["DJANGO_SETTINGS_MODULE"] != "tests.neighbours.tenants.settings":
    collect_ignore_glob = ["test_*"]
