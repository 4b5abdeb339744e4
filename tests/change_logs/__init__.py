"""
Packages that log each change of each row, tested in a process of their own.

Without ``TEST_CHANGE_LOGS_EXCLUDE`` they are as installed; with it, the settings of
``docs/other-packages.rst`` are added.
"""
