"""What a trained model is on disk: a folder of plain files, each hashed, none of them executable."""

from recurra.bundle._bundle import Bundle, open_bundle
from recurra.bundle._folder import check_destination, sync_folder
from recurra.bundle._manifest import FORMAT, Manifest
from recurra.bundle._quantised import SCALE, dequantise, quantise
from recurra.bundle._write import WEIGHTS, write_bundle, write_compressed

__all__ = [
    "FORMAT",
    "SCALE",
    "WEIGHTS",
    "Bundle",
    "Manifest",
    "check_destination",
    "dequantise",
    "open_bundle",
    "quantise",
    "sync_folder",
    "write_bundle",
    "write_compressed",
]
