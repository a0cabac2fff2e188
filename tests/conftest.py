"""What all tests share: the default settings are in place after each test, and files can be loaded by their path."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

import mytorch


@pytest.fixture(autouse=True)
def _default_settings():
    yield
    mytorch.set_default_dtype(mytorch.float32)
    mytorch.set_printoptions(profile="default")
    recording = mytorch.is_grad_enabled()
    mytorch.set_grad_enabled(True)
    assert recording, "the test left recording switched off"


@pytest.fixture(scope="session")
def load_file():
    """Load a Python file that is no module of a package, such as a script in tests/golden."""

    def load(path):
        spec = importlib.util.spec_from_file_location(Path(path).stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load
