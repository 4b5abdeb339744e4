"""An application that calls ``warm_keys()`` before gunicorn forks."""

from __future__ import annotations

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()

from django_layer_identity.issuing import warm_keys  # noqa: E402  # needs the settings

warm_keys()
