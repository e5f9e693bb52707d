"""What stands beside an exported network: its inputs, outputs and state, and what happens before and after it."""

from __future__ import annotations

from typing import Any

from recurra._version import __version__
from recurra.bundle import Bundle
from recurra.export._layout import Input, Layout

PREPROCESSING = "preprocessing.json"

# The inputs of windows over tables, as `recurra.data` makes them.
_INPUTS = {
    "target": "The values so far, in the data's own units; 0 where nothing was observed.",
    "observed": "1 where the value was observed, else 0.",
    "since": "log(1 + rows since the last observation) / 3; for unevenly spaced times, time in median steps.",
    "centre": "Mean of each target over its series' training rows (`centre` in the preprocessing); one step is enough.",
    "scale": "Standard deviation likewise (`scale` in the preprocessing); one step is enough.",
    "past": "Columns known up to now, scaled by `past` in the preprocessing.",
    "past_codes": "Categories of columns known up to now: place in the list of the preprocessing plus 1; 0 is unknown.",
    "known": "The calendar, then the columns known ahead, scaled by `known` in the preprocessing.",
    "known_codes": "Categories of columns known ahead: place in the list of the preprocessing plus 1; 0 is unknown.",
    "future": "The share of the horizon that has passed (1/K, 2/K, ...), then `known` for the steps ahead.",
    "future_codes": "`known_codes` for the steps ahead.",
    "static": "What is constant for a series, scaled by `static` in the preprocessing; one step is enough.",
    "static_codes": "Categories that are constant for a series; one step is enough.",
    "channel": "Which target this window is of, counted from 0; one step is enough.",
    "previous": "(value - level) / spread of the step before; 0 where it wasn't observed.",
    "previous_observed": "1 where the value of the step before was observed, else 0.",
    "level": "What a window is measured from: the output `level` for the context (export it with --outputs).",
    "spread": "What a window is measured in: the output `spread` for the context (export it with --outputs).",
}

# The inputs of texts, as `recurra.data.text` makes them: one step for each piece.
_PIECES = {
    "words": "Code of the piece: its place in `words` of the preprocessing plus 1; 0 is unknown.",
    "casing": "How it is written: 0 without letter or digit, 1 lower, 2 Capitalised, 3 UPPER, 4 miXed, 5 a number, 6 "
    "letters and digits.",
    "characters": "Its characters: place in `characters` of the preprocessing plus 2; 1 is unknown, 0 follows the "
    "last. Of a longer piece the first half and the last.",
    "runs": "The run of two pieces that ends here, of three, and so on: its place in that list of `runs` of the "
    "preprocessing plus 1; 0 is unknown, or too few pieces so far.",
    "values": "A row: (x - mean) / spread of each of `columns`, kept within 10; 0 where missing.",
}

_OUTPUTS = {
    "forecast": "In the data's own units, for each step ahead and target: the mean, then a quantile for each level of "
    "`levels`; the mean alone where training minimised its error. Steps beyond the horizon are padding.",
    "outcome": "For each step and target the parameters of the distribution of (value - level) / spread: see `loss`.",
    "level": "What the window is measured from, in the data's own units.",
    "spread": "What the window is measured in, in the data's own units.",
    "path": "For each piece and label the score of the best path of labels that ends there, less that of the "
    "best of all.",
    "output": "For each of `labels` a score. Divided by `temperature`, where there is one, the logarithm of its "
    "probability but for a constant; where `multi`, the logarithm of its odds.",
    "next": "For each code that may come next a score, the logarithm of its probability but for a constant.",
}

# The parts of preprocessing.json.
_PREPROCESSING = {
    "table": "Columns of the table, their roles, and the categories of each, in the order of their codes.",
    "calendar": "The cycles that begin `known`, each as the sine and then the cosine of 2 pi t: `time of day` t is the "
    "share of the day that has passed; `day of week` t = weekday / 7, Monday being 0; `day of month` t = (day - 1) / "
    "31; `day of year` t = (day of the year - 1) / 365.2425. All on the wall clock of the table's time zone.",
    "known": "Scaling of columns known ahead: x becomes log(1 + x / unit) where unit > 0, then (x - mean) / std, kept "
    "within 10; missing becomes 0. Columns marked `missing` are followed, after all others, by 1 where present.",
    "past": "The same for columns known up to now.",
    "static": "The same for columns that are constant for a series.",
    "series": "The series that were trained on.",
    "centre": "Mean of each target (inner) of each series (outer) over its training rows.",
    "scale": "Standard deviation likewise.",
    "typical_scale": "The scale of a series that wasn't trained on, until its own rows tell.",
    "has_gaps": "Whether targets were missing in places, so that the network sees `observed` and `since`.",
    "uneven_step": "Median microseconds between rows of unevenly spaced times; null where rows are evenly spaced.",
}

_ENCODING = {
    "tokeniser": "How a text is cut into pieces.",
    "words": "The pieces that are known, in the order of their codes.",
    "lower": "Whether pieces are looked up in lower case.",
    "casing": "Whether the network is told how they are written.",
    "characters": "The characters that are known, in the order of their codes.",
    "most_characters": "How many of a piece are kept.",
    "runs": "The runs of two pieces that are known, of three, and so on, in the order of their codes; blanks between.",
    "columns": "The columns of numbers, in the order in which the network takes them.",
    "mean": "The mean of each column.",
    "spread": "The standard deviation of each column.",
    "gaps": "Whether values were missing in training, so that the network sees `observed`.",
}


def card(bundle: Bundle, layout: Layout, files: dict[str, str], differences: dict[str, float]) -> dict[str, Any]:
    """Everything about an export as JSON data. `files` says what each written file is."""
    manifest = bundle.manifest
    branches = {branch.name: branch for branch in layout.composition.branches}
    return {
        "made_by": f"recurra {__version__}",
        "bundle": {"name": bundle.path.resolve().name, "task": manifest.task, "checksum": manifest.checksum},
        "files": files,
        "checked_against_recurra": differences,
        "inputs": [
            {
                "name": given.name,
                "type": "float32" if given.codes is None else "int64",
                "shape": [*_axes(given.rank), given.width],
                "steps": _steps(given, layout),
                "meaning": (_INPUTS | _PIECES).get(
                    given.name, f"Integers from 0 to {given.codes - 1}." if given.codes else ""
                ),
            }
            for given in layout.inputs
        ],
        "outputs": [
            {
                "name": name,
                "type": "float32",
                "shape": [*_axes(layout.ranks[name]), layout.widths[name]],
                "meaning": _OUTPUTS.get(name, "") if name != "output" or manifest.task == "classify" else "",
                "computed_from": " -> ".join(
                    [f" {branches[name].join} ".join(branches[name].takes), *(b.kind for b in branches[name].blocks)]
                ),
            }
            for name in layout.outputs
        ],
        "state": [
            {
                "name": field.name,
                "following": field.following,
                "type": "float32",
                "shape": [field.layers, "batch", field.hidden_size],
            }
            for field in layout.states
        ],
        "read_from_the_table": manifest.inputs,
        "config": manifest.config,
        "preprocessing": bundle.document(PREPROCESSING) if PREPROCESSING in bundle.files else {},
    }


def page(card: dict[str, Any], use: str) -> str:
    """The card for people, as Markdown; `use` is an example of calling the network."""
    lines = [
        f"# {card['bundle']['name']}",
        "",
        f"A network for {card['bundle']['task']}, exported by {card['made_by']}.",
        "",
        *(f"* `{name}`: {what}" for name, what in card["files"].items()),
        "",
        use.strip("\n"),
        "",
        "## Inputs",
        "",
        "Where an input is only ever joined with others, one step of it stands for all.",
        "",
        *_table(
            ["name", "type", "shape", "steps", "meaning"],
            [[f"`{g['name']}`", g["type"], _shape(g), g["steps"], g["meaning"]] for g in card["inputs"]],
        ),
        "",
        "## Outputs",
        "",
        *_table(
            ["name", "shape", "computed from", "meaning"],
            [[f"`{g['name']}`", _shape(g), g["computed_from"], g["meaning"]] for g in card["outputs"]],
        ),
        "",
        "## State",
        "",
        *_state(card),
        "",
        "## Before and after the network",
        "",
        *_preprocessing(card["preprocessing"]),
        "",
        "## Checked",
        "",
        "On random inputs (batches of 1 and 3, several lengths), the largest difference from recurra's own output, as "
        "a share of the largest output:",
        "",
        *(f"* {name}: {difference:.1e}" for name, difference in card["checked_against_recurra"].items()),
        "",
    ]
    return "\n".join(lines)


def _axes(rank: int) -> list[str]:
    return ["batch", "steps", *(f"axis {axis}" for axis in range(2, rank - 1))][: rank - 1]


def _steps(given: Input, layout: Layout) -> str:
    if given.rank < 3:
        return "no such axis"
    if given.steps is not None:
        return str(given.steps)
    alike = next(other for other in layout.inputs if other.like == given.like)
    if alike.name != given.name:
        return f"as many as `{alike.name}`"
    return "any number" if given.multiple_of == 1 else f"any multiple of {given.multiple_of}"


def _shape(entry: dict[str, Any]) -> str:
    return f"({', '.join(map(str, entry['shape']))})"


def _table(header: list[str], rows: list[list[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (header, ["---"] * len(header), *rows)]


def _state(card: dict[str, Any]) -> list[str]:
    if not card["state"]:
        return ["None: the network takes whole windows, each from its beginning."]
    return [
        "The network goes on from any state: feed what came out back in, with any number of further steps. A sequence "
        "begins with zeros.",
        "",
        *_table(
            ["in", "out", "shape: layer, batch, hidden"],
            [[f"`{field['name']}`", f"`{field['following']}`", _shape(field)] for field in card["state"]],
        ),
    ]


def _preprocessing(document: dict[str, Any]) -> list[str]:
    if not document:
        return ["The network takes its inputs as they are."]
    return [
        "The network computes what lies between the inputs and outputs above. What turns rows of a table, or a text, "
        "into those inputs is under `preprocessing` in the JSON file beside this page; what the model reads and how "
        "its answers are read is under `read_from_the_table` and `config`. Calibration of intervals isn't part of the "
        "network.",
        "",
        *(f"* `{name}`: {(_PREPROCESSING | _ENCODING).get(name, 'see the bundle.')}" for name in document),
    ]
