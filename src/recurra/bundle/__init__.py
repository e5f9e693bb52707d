"""What a trained model is on disk: a folder of plain files, each hashed, none of them executable."""

from recurra.bundle._bundle import Bundle, open_bundle
from recurra.bundle._folder import check_destination
from recurra.bundle._manifest import FORMAT, Manifest
from recurra.bundle._write import write_bundle

__all__ = ["FORMAT", "Bundle", "Manifest", "check_destination", "open_bundle", "write_bundle"]
