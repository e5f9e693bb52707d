from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, ValidationError

from recurra.errors import BundleError

FORMAT = 2  # the first that knows of compression; what isn't compressed is written as 1, for older programs
MANIFEST = "manifest.json"
_UNSIGNED = "0" * 64


def check_file_name(name: str) -> str:
    """A plain file name that means the same on every system; anything that could leave the folder is refused."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*", name) or len(name) > 100:
        raise ValueError(f"{name!r} is not a plain file name")
    if name.lower() == MANIFEST:
        raise ValueError(f"{name!r} is the manifest itself")
    return name


FileName = Annotated[str, AfterValidator(check_file_name)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Manifest(BaseModel):
    """What a bundle holds and how it came about.

    `files` has the SHA-256 of every other file; `checksum` is that of the manifest itself, computed with the checksum
    written as 64 zeros. It guards against damage, not against forgery: whoever can write the folder can write both.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format: int = 1
    task: str
    config: dict[str, JsonValue]
    network: dict[str, JsonValue]  # the composition of blocks, as data
    inputs: dict[str, JsonValue]  # what the model reads: columns, kinds, categories
    data_digest: str  # of the data it was fitted on
    versions: dict[str, str]
    compression: dict[str, JsonValue] | None = None  # what was done to make the weights smaller
    files: dict[FileName, Digest]
    checksum: Digest = _UNSIGNED


def render_manifest(manifest: Manifest) -> bytes:
    """The manifest's file, signed with its own checksum."""
    unsigned = manifest.model_dump(mode="json") | {"checksum": _UNSIGNED}
    if manifest.compression is None:
        del unsigned["compression"]
    raw = (json.dumps(unsigned, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
    head, _, tail = raw.rpartition(_UNSIGNED.encode())
    return head + digest(raw).encode() + tail


def parse_manifest(raw: bytes, *, path: Path) -> Manifest:
    """Read a manifest's file; one that is damaged, newer or no manifest at all is refused."""
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise damaged(path) from error
    if not isinstance(document, dict) or not {"format", "task", "files"} <= document.keys():
        raise BundleError(f"{path} isn't the manifest of a recurra bundle. Give the folder that `recurra fit` wrote.")
    found = document["format"]
    if isinstance(found, int) and found > FORMAT:
        raise BundleError(
            f"{path.parent} was made by a newer recurra (format {found}, this program reads up to {FORMAT}): "
            "upgrade with pip install -U recurra."
        )
    checksum = document.get("checksum")
    if not isinstance(checksum, str) or len(checksum) != len(_UNSIGNED):
        raise damaged(path)
    head, signature, tail = raw.rpartition(checksum.encode())
    if not signature or digest(head + _UNSIGNED.encode() + tail) != checksum:
        raise damaged(path)
    try:
        return Manifest.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BundleError(
            f"{path}: {where}: {first['msg']}. The bundle can't be trusted; fit the model again."
        ) from error


def damaged(path: Path) -> BundleError:
    """The error for a file that isn't what was written."""
    return BundleError(
        f"{path} is damaged: it isn't what was saved. Restore {path.parent} from a copy, or fit the model again."
    )


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
