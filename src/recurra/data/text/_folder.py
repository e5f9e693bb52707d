from __future__ import annotations

from pathlib import Path

from recurra.data._text import open_text
from recurra.data.text._documents import Documents
from recurra.errors import DataError


def read_folder(folder: Path, *, needs_labels: bool) -> Documents:
    """Each file below a folder is a text; the name of the folder that it lies in is its label."""
    files = sorted(file for file in folder.rglob("*") if file.is_file() and not _is_hidden(file.relative_to(folder)))
    if not files:
        raise DataError(f"{folder} holds no files; expected a folder for each label, with a file for each text.")
    loose = [file for file in files if file.parent == folder]
    if loose and needs_labels:
        raise DataError(
            f"{folder} holds files beside its folders, for instance {loose[0].name}; expected a folder for each label, "
            "with a file for each text. Give the file itself, or move it."
        )
    texts, notes = [], {}
    for file in files:
        opened = open_text(file, wanted="text file", formats="plain text") if file.stat().st_size else None
        texts.append(opened.read() if opened else "")
        notes.update({note: file for note in opened.notes} if opened else {})
    labels = None if loose else tuple((file.parent.name,) for file in files)
    about = tuple(f"{note[:-1]}, for instance {file.name}." for note, file in notes.items())
    return Documents(texts, labels, False, str(folder), lambda index: str(files[index]), about)


def _is_hidden(path: Path) -> bool:
    return any(part.startswith((".", "__")) for part in path.parts)
