from __future__ import annotations

import json

import recurra.data


def test_the_carried_series_are_listed(shell):
    names = [series.name for series in recurra.data.carried()]
    outcome = shell("data", "list")
    assert all(name in outcome.out for name in names)
    document = json.loads(shell("data", "list", "--json").out)
    assert [series["name"] for series in document["series"]] == names


def test_a_carried_series_is_written(shell):
    outcome = shell("data", "get", "sunspots")
    assert "Series  sunspots.csv\n" in outcome.out
    assert "recurra fit forecast sunspots.csv --target sunspots" in outcome.out
    assert (shell.folder / "sunspots.csv").read_bytes() == recurra.data.carried_path("sunspots").read_bytes()
    refused = shell("data", "get", "sunspots")
    assert (refused.code, refused.out) == (2, "")
    assert "sunspots.csv exists already" in refused.err
    assert (
        shell("data", "get", "sunspots", "--overwrite", "--json").out == '{"name": "sunspots", "out": "sunspots.csv"}\n'
    )


def test_a_wrong_name_is_answered_with_the_nearest(shell):
    outcome = shell("data", "get", "sunspot")
    assert (outcome.code, outcome.out) == (2, "")
    assert "Did you mean 'sunspots'?" in outcome.err
