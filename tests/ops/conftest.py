from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def native_however_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests of the compiled kernel are short calls, which `recurrent` would leave to torch; see test_dispatch.py."""
    monkeypatch.setattr("recurra.ops._recurrent.torch_is_faster", lambda *sizes: False)
