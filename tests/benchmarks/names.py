"""IDs and names in the requests and rows of the benchmarks."""

from __future__ import annotations

from uuid import UUID

PRIMARY_KEY = 1  # of the app, the key and the user, because the database is new
APP_ID = UUID("aaaaaaaa-0000-4000-8000-000000000001")
PROVIDER_ID = UUID("bbbbbbbb-0000-4000-8000-000000000002")
KEY_ID = UUID("cccccccc-0000-4000-8000-000000000003")
USERNAME = "alice"
SESSIONS = ["rest_framework.authentication.SessionAuthentication"]
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
