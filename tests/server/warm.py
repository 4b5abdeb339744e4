"""The configuration of a gunicorn whose workers call ``warm_keys()``."""

from __future__ import annotations


def post_worker_init(worker):
    from django_layer_identity.issuing import warm_keys  # Django is ready only now

    warm_keys()
