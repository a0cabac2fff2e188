"""Comparisons with the real PyTorch: left out where it is not installed, but never in CI."""

from __future__ import annotations

import importlib.util
import os

collect_ignore_glob = []

if importlib.util.find_spec("torch") is None:
    if os.environ.get("CI"):
        raise RuntimeError("the comparisons need torch, and CI must run them: pip install '.[parity]'")
    collect_ignore_glob = ["test_*.py"]
