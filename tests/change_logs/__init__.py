"""
Packages that log each change of each row, tested in a separate process.

Without ``TEST_CHANGE_LOGS_EXCLUDE`` they have their default settings. With it, the settings
of the page "other-packages" are added.
"""
