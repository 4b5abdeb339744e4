"""Packages of the dependency group "neighbours", for the page "Works with"."""
