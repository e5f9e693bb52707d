from __future__ import annotations

import hashlib
import struct

from recurra.errors import StateError

_MAGIC, _FORMAT = b"recurra\0", 1
_HEAD = struct.Struct("<8sHxx16sQ")  # magic, format, fingerprint of the model, bytes that follow
_SEAL = 16


def seal(fingerprint: bytes, content: bytes) -> bytes:
    """The bytes of a state: what it holds between a head that names its model and a checksum."""
    body = _HEAD.pack(_MAGIC, _FORMAT, fingerprint, len(content)) + content
    return body + hashlib.blake2b(body, digest_size=_SEAL).digest()


def unseal(fingerprint: bytes, state: bytes) -> bytes:
    """What `seal` was given; StateError if these aren't the whole bytes of a state of this model."""
    if not isinstance(state, (bytes, bytearray)):
        raise StateError(f"A state of type {type(state).__name__} was given; expected the bytes that state() returned.")
    if len(state) < _HEAD.size + _SEAL or not state.startswith(_MAGIC):
        raise StateError(f"{len(state)} bytes were given that aren't a session's state. Pass what state() returned.")
    _, version, owner, size = _HEAD.unpack_from(state)
    if version > _FORMAT:
        raise StateError(
            f"This state was saved by a newer recurra (format {version}, this one reads {_FORMAT}). "
            "Upgrade with pip install -U recurra."
        )
    if len(state) != _HEAD.size + size + _SEAL:
        raise StateError(
            f"This state is {len(state)} bytes long; it was saved with {_HEAD.size + size + _SEAL}. Use a whole copy."
        )
    body = state[:-_SEAL]
    if hashlib.blake2b(body, digest_size=_SEAL).digest() != state[-_SEAL:]:
        raise StateError("This state is damaged: its checksum differs. Use another copy, or begin a new session.")
    if owner != fingerprint:
        raise StateError(
            "This state belongs to another model. Restore it with the bundle that it was saved from, or begin anew."
        )
    return body[_HEAD.size :]
