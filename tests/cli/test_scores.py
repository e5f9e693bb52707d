from __future__ import annotations

import pytest
from rich.text import Text

from evaluate.page_case import make_scores
from recurra.cli._output import OutputOptions, Screen
from recurra.cli._scores import print_scores


class Sheet(Screen):
    """A screen that keeps its tables."""

    def table(self, title, columns, rows):
        self.columns = list(columns)
        self.bold = {
            str(name): [str(cell) for cell in cells if isinstance(cell, Text) and cell.style == "bold"]
            for name, *cells in rows
        }


def test_the_best_of_each_line_is_bold(capsys: pytest.CaptureFixture[str]):
    sheet = Sheet(OutputOptions())
    scores = make_scores()
    print_scores(sheet, scores)
    assert sheet.columns == ["", "model", *scores.baselines]
    # More accuracy and F1 are better, less log loss and calibration error.
    assert sheet.bold == {"accuracy": ["0.9933"], "macro_f1": ["0.9921"], "log_loss": ["0.1877"], "ece": ["0"]}
    assert scores.verdict.sentence in capsys.readouterr().out
