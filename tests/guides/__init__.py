"""
Tests that run in the project of a guide, in a separate process.

``tests/test_guides.py`` makes the projects. ``test_<page>.py`` belongs to the page.
"""
