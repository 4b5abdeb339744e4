"""
Projects whose user model is not Django's, tested in a process of their own.

``TEST_USER_MODEL`` says which: a user model is chosen once, before Django starts.
"""
