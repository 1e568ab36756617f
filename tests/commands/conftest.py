"""Fixtures of the commands' tests."""

import pytest


@pytest.fixture
def no_display(monkeypatch):
    """As on a server."""
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
