from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from recurra.cli._files import write_file
from recurra.errors import DataError, StateError
from recurra.runtime import Model, Session, seal, unseal

_HEAD = struct.Struct("<Q")  # bytes of the list of sessions, JSON, which comes next; then their states


class Sessions:
    """The sessions of a stream, one for each id, opened when their first row comes."""

    def __init__(self, model: Model, ids: tuple[str, ...], options: Mapping[str, Any], *, limit: int) -> None:
        self.model, self.ids = model, ids
        self._options, self._limit = options, limit
        self._open: dict[tuple[str, ...], Session] = {}
        self.own_ids = model.spec().id_columns
        self._own = [ids.index(name) for name in self.own_ids]

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[tuple[str, ...]]:
        return iter(self._open)

    def of(self, id: tuple[str, ...]) -> Session:
        """The session of an id. DataError for one more than the limit."""
        session = self._open.get(id)
        if session is not None:
            return session
        if len(self._open) >= self._limit:
            raise DataError(
                f"{_said(id)} would be one more than {self._limit} sequences at once. Raise --limit-sessions, or mend "
                "the ids."
            )
        own = {"id": [id[place] for place in self._own]} if self._own else {}
        session = self._open[id] = self.model.stream(**own, **self._options)
        return session

    def forget_unused(self, id: tuple[str, ...]) -> None:
        """Drop a session whose first row wasn't one."""
        if id in self._open and not self._open[id].steps:
            del self._open[id]

    def save(self, path: Path) -> None:
        """Write all states to a file, whole or not at all."""
        states = [session.state() for session in self._open.values()]
        listed = [[*id, len(state)] for id, state in zip(self._open, states, strict=True)]
        head = json.dumps({"ids": self.ids, "sessions": listed}, ensure_ascii=False).encode()
        write_file(path, seal(self.model.fingerprint, b"".join([_HEAD.pack(len(head)), head, *states])))

    def restore(self, path: Path) -> None:
        """Go on from a file that `save` wrote.

        StateError if it's damaged, another model's, or kept by other columns or with other options.
        """
        try:
            content = unseal(self.model.fingerprint, path.read_bytes())
        except OSError as error:
            raise StateError(f"{path} can't be read: {error.strerror or error}. Give --state another file.") from error
        except StateError as error:
            raise StateError(f"{path}: {error}") from error
        (size,) = _HEAD.unpack_from(content)
        place = _HEAD.size + size
        head = json.loads(content[_HEAD.size : place])
        if tuple(head["ids"]) != self.ids:
            raise StateError(
                f"{path} keeps sequences by {', '.join(head['ids']) or 'no id'}, and this stream by "
                f"{', '.join(self.ids) or 'no id'}. Give the --id that it was saved with, or another file."
            )
        for *id, length in head["sessions"]:
            session = self._open[tuple(id)] = self.model.restore(content[place : place + length])
            place += length
            for name, value in self._options.items():
                if session.options[name] != value:
                    raise StateError(
                        f"{path} was kept with {_flag(name, session.options[name])}, but {_flag(name, value)} was "
                        "given. Leave it out, or give --state another file."
                    )


def _said(id: tuple[str, ...]) -> str:
    return " / ".join(id) or "The sequence"


def _flag(name: str, value: Any) -> str:
    """An option as it's typed."""
    return f"--{'' if value else 'no-'}{name}" if isinstance(value, bool) else f"--{name} {value}"
