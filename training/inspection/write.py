"""The inspection as files: ``inspection.json`` for programs and reports, ``samples.png`` to look at."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from contract.versions import write_atomically
from training.inspection.inspection import Duplicates, Inspection
from training.inspection.samples import draw_samples

JSON_FILE = "inspection.json"
SAMPLES_FILE = "samples.png"


def write(inspection: Inspection, folder: Path) -> None:
    """Writes both files.

    Args:
        inspection: What was found.
        folder: Where to; made if it is not there. ``samples`` in the JSON is relative to the folder above it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    draw_samples(inspection, folder / SAMPLES_FILE)
    values = {**as_dict(inspection), "samples": f"{folder.name}/{SAMPLES_FILE}"}
    write_atomically(folder / JSON_FILE, json.dumps(values, indent=2, ensure_ascii=False) + "\n")


def as_dict(inspection: Inspection) -> dict[str, Any]:
    """All but the pictures, as plain values for JSON."""
    return {
        "name": inspection.name,
        "counts": inspection.counts,
        "sizes": {name: list(size) for name, size in inspection.sizes.items()},
        "formats": inspection.formats,
        "skipped": [asdict(skipped) for skipped in inspection.skipped],
        "duplicates": [_group(group) for group in inspection.duplicates],
        "empty": list(inspection.empty),
    }


def _group(group: Duplicates) -> dict[str, Any]:
    return {
        "kind": group.kind,
        "files": [asdict(picture) for picture in group.pictures],
        "across_parts": group.across_parts,
        "labels_differ": group.labels_differ,
    }
