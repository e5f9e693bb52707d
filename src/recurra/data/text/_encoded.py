from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from typing import IO

import numpy as np

_IN_MEMORY = 64 << 20


class Encoded:
    """Many texts as numbers: one flat array an input, text after text, and `offsets` between them.

    Beyond 64 MB the arrays lie in temporary files, mapped into memory; the system removes them with this object.
    """

    def __init__(self, texts: Iterable[Mapping[str, np.ndarray]], widths: Mapping[str, int]) -> None:
        columns = {name: _Column(width) for name, width in widths.items()}
        lengths: list[int] = []
        for inputs in texts:
            for name, column in columns.items():
                column.append(inputs[name])
            lengths.append(len(inputs[next(iter(widths))]))
        self.flat = {name: column.finish() for name, column in columns.items()}  # name -> (N, width) int32
        self.lengths = np.array(lengths, np.int64)
        self.offsets = np.concatenate([[0], np.cumsum(self.lengths)])

    def __len__(self) -> int:
        return self.lengths.size

    def gather(self, indices: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """The inputs (B, T, width) int64 of chosen texts, zeros after each, and their lengths (B,); T is at least 1."""
        lengths = self.lengths[indices]
        steps = np.arange(max(int(lengths.max(initial=0)), 1))
        inside = steps < lengths[:, None]  # (B, T)
        places = (self.offsets[:-1][indices][:, None] + steps)[inside]
        inputs = {}
        for name, flat in self.flat.items():
            padded = np.zeros((*inside.shape, flat.shape[1]), np.int64)
            padded[inside] = flat[places]
            inputs[name] = padded
        return inputs, lengths

    def batches(self, batch_size: int) -> Iterator[np.ndarray]:
        """All texts once, as index arrays of texts of like length, the longest first."""
        order = np.argsort(-self.lengths, kind="stable")
        yield from (order[start : start + batch_size] for start in range(0, order.size, batch_size))


class _Column:
    """A growing (N, width) array: in memory first, in a file without name once it is large."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._parts: list[bytes] = []
        self._size = 0
        self._file: IO[bytes] | None = None

    def append(self, rows: np.ndarray) -> None:
        part = np.ascontiguousarray(rows, np.int32).tobytes()
        self._parts.append(part)
        self._size += len(part)
        if self._size > _IN_MEMORY:
            self._spill()

    def finish(self) -> np.ndarray:
        if self._file is None:
            return np.frombuffer(b"".join(self._parts), np.int32).reshape(-1, self._width)
        self._spill()
        self._file.flush()
        mapped = np.memmap(self._file, np.int32, "r").reshape(-1, self._width)
        self._file.close()  # the mapping keeps what it needs
        return mapped

    def _spill(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="recurra-")
        self._file.write(b"".join(self._parts))
        self._parts, self._size = [], 0
