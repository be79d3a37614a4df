"""PyTorch's threads do not burn what other processes need."""

import os

import pytest

from trackers import __main__ as program


@pytest.mark.parametrize(
    ("given", "kept"),
    [({}, "1000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "ACTIVE"}, None)],
)
def test_threads_sleep_soon_unless_the_user_has_chosen(given, kept, monkeypatch):
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.setenv(name, given.get(name, ""))  # so that both are restored afterwards
        if name not in given:
            monkeypatch.delenv(name)
    monkeypatch.setattr(program, "run", lambda _: 0)
    with pytest.raises(SystemExit):
        program.main()
    assert os.environ.get("GOMP_SPINCOUNT") == kept
