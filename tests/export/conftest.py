from __future__ import annotations

import os

# Before any test imports onnxruntime: otherwise it reports to its makers.
os.environ |= {"ORT_DISABLE_TELEMETRY": "1", "ORT_TELEMETRY_DISABLED": "1"}
