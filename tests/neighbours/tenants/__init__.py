"""A project with django-tenants: each tenant has its own users, Layer apps and ledger."""
