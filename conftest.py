"""Loads the package before pytest collects doctests: one of its files alone would otherwise be loaded twice."""

import mytorch  # noqa: F401
