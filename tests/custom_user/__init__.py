"""
Projects with a custom user model, tested in a separate process.

``TEST_USER_MODEL`` names the model: Django reads AUTH_USER_MODEL only once, at start.
"""
