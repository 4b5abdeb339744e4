"""
The admin's pages in Django's own look and in that of other packages, in Chromium.

The tox environment ``themes`` installs the packages and runs these tests.
"""
