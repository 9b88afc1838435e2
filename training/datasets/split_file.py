"""A CSV file that says which picture is in which part, for datasets with a published split.

    file,split
    glass/glass115.jpg,train
    glass/glass176.jpg,val

More columns may follow. `file` may be called path, filename, image or name, and `split` part, set or subset.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Sequence

from training.datasets.layout import PART_NAMES
from training.errors import DatasetError

_FILE = ("file", "path", "filename", "image", "name")
_SPLIT = ("split", "part", "set", "subset")
_SHOWN = 5


def read_split(data: bytes, name: str) -> dict[str, str]:
    """File name to ``train``, ``validation`` or ``test``.

    Args:
        data: The file's bytes, UTF-8.
        name: Its name, for messages.

    Raises:
        DatasetError: Not such a table, an unknown part, a file in two parts, or none to train on.
    """
    try:
        rows = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        return _read(rows, name)
    except (UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{name} cannot be read as CSV in UTF-8: {error}") from error


def _read(rows: csv.DictReader[str], name: str) -> dict[str, str]:
    columns = rows.fieldnames or []
    file, split = _column(_FILE, columns, name), _column(_SPLIT, columns, name)
    known = {alias: part for part, aliases in PART_NAMES.items() for alias in aliases}
    parts: dict[str, str] = {}
    for row in rows:
        part = known.get((row[split] or "").strip().lower())
        if part is None:
            raise DatasetError(
                f"Expected train, validation or test in the column {split!r} of {name}. "
                f"Received: {row[split]!r} in line {rows.line_num}"
            )
        path = unicodedata.normalize("NFC", row[file]).replace("\\", "/").removeprefix("./")
        if parts.setdefault(path, part) != part:
            raise DatasetError(f"Expected each file of {name} in one part. Received: {path!r} in two")
    if "train" not in parts.values():
        raise DatasetError(f"Expected files to train on in {name}. Received: none of {len(parts):,}")
    return parts


def _column(wanted: Sequence[str], columns: Sequence[str], name: str) -> str:
    found = next((column for alias in wanted for column in columns if column.strip().lower() == alias), None)
    if found is None:
        raise DatasetError(
            f"Expected a column {wanted[0]!r} in {name}, whose first line names its columns. "
            f"Received: {list(columns)[:_SHOWN]}"
        )
    return found
