from __future__ import annotations

import json
from html.parser import HTMLParser

from bench.reports import RUN, measurement, report, timing
from recurra.bench import bar_table, mean_table, remarks, render_page, save_picture, speed_tables, to_document
from recurra.bench._results import Run


def test_a_table_shows_times_and_how_many_times_longer():
    forward = speed_tables(report(RUN))[0]
    assert forward.columns == ("", "ms", "+-", "GF/s", "peak", "torch", "jax")
    # 2 * 3 * 256 * 512 operations for each of 320 rows and steps, in a millisecond.
    assert forward.rows[0] == ("gru T10-B32-I256-H256", "1", "25%", "252", "50%", "4 4.00x", "2 2.00x")


def test_a_wrong_result_shows_that_and_no_speed():
    forward = speed_tables(report(RUN))[0]
    assert forward.rows[1][-1] == "FAILED"
    ours = measurement(torch=timing(1e-3), failures={"recurra": "output is off"})
    (table,) = speed_tables(report(Run((ours,), 500.0)))
    assert table.rows[0] == ("lstm T10-B32-I256-H256", "FAILED", "", "", "", "1")
    assert "FAILED: lstm T10-B32-I256-H256 forward, recurra: output is off." in list(remarks(report(Run((ours,), 1.0))))


def test_a_step_is_shown_in_microseconds():
    step = speed_tables(report(RUN))[1]
    assert step.columns == ("", "us", "+-", "torch", "onnxruntime")
    assert step.rows == (("lstm T9-B1-I8-H8", "1", "0%", "100 100x", "2 2.00x"),)


def test_variable_lengths_stand_beside_the_padded_run():
    lengths = speed_tables(report(RUN))[2]
    assert lengths.columns[-2:] == ("padded", "torch")
    assert lengths.rows[0][-2:] == ("2 2.00x", "8 8.00x")


def test_means_are_by_cell():
    rows = {row[0]: row[1:] for row in mean_table(report(RUN)).rows}
    assert rows["forward, GRU"] == ("4.00x", "2.00x", "4.00x T10-B32-I256-H256")
    assert rows["forward, LSTM"] == ("1.00x", "1.00x", "0.50x T7-B3-I2-H5")


def test_the_bar_lists_every_run_and_is_met_if_all_meet_it():
    slower = Run((measurement("gru", recurra=timing(1e-3), torch=timing(3e-3)), *RUN.measurements[1:]), 500.0)
    table = bar_table(report(RUN, slower))
    rows = {row[0]: row[1:] for row in table.rows}
    assert table.columns[1:3] == ("run 1", "run 2")
    assert rows["forward, GRU against torch.nn"] == ("4", "3", ">= 3.5", "NO", "")
    assert rows["one step, LSTM against torch.nn"][:4] == ("100", "100", ">= 20", "yes")
    assert rows["one step, GRU against torch.nn"][:4] == ("-", "-", ">= 8", "-")


def test_rounds_of_several_runs_are_pooled():
    pooled = report(RUN, RUN).measurements
    assert pooled[0].timings["torch"].seconds == (4e-3, 4e-3, 8e-3) * 2
    failing = Run(
        (measurement("gru", recurra=timing(1e-3), failures={"torch": "wrong", "jax": "wrong"}), *RUN.measurements[1:]),
        1.0,
    )
    assert "torch" not in report(RUN, failing).measurements[0].timings
    assert report(RUN, failing).failures["gru T10-B32-I256-H256 forward, torch"] == "wrong"


def test_a_busy_machine_is_remarked_upon():
    assert any("busy (load 3.0" in remark for remark in remarks(report(RUN, load=3.0)))
    assert not any("busy" in remark for remark in remarks(report(RUN, load=0.1)))


def test_the_document_holds_every_number():
    document = json.loads(json.dumps(to_document(report(RUN)), allow_nan=False))
    first = document["results"][0]
    assert (first["cell"], first["size"], first["best_peer"]) == ("gru", "T10-B32-I256-H256", "jax")
    assert first["peers"]["torch"]["ratio"]["median"] == 4
    assert first["peers"]["recurra"]["rounds"] == [1e-3, 1e-3, 2e-3]
    assert document["failures"] == {"lstm T10-B32-I256-H256 forward, jax": "output is off by 3.0e-01"}
    assert {line["name"]: line["met"] for line in document["bar"]}["forward, GRU against torch.nn"] == [True]


def test_the_page_holds_the_tables_and_loads_nothing():
    page = render_page(report(RUN))
    found: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.extend([tag, *(f"{tag} {key}" for key, _ in attrs)])

    Reader().feed(page)
    assert found.count("table") == 5
    assert found.count("svg") == 1
    assert not {"script", "link", "img src", "script src"} & set(found)
    assert '<td class="bad">FAILED</td>' in page
    assert "Abacus" in page


def test_the_picture_is_written(tmp_path):
    save_picture(report(RUN), tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
