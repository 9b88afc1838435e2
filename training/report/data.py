"""The section on the pictures: how many of which class, what is wrong with some, what they look like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from training.report.facts import Facts
from training.report.pictures import Picture, read_picture
from training.report.words import across, count, number

_MOST_BARS = 40
_SHOWN_AT_EACH_END = 15
_SHOWN_FILES = 12
_SAMPLES_SIDE = 1100
PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class ClassCount:
    """A class's pictures by part, and the widths of its bars in percent of the longest."""

    label: str
    counts: tuple[int, int, int]
    widths: tuple[float, float, float]

    @property
    def total(self) -> int:
        """In all parts."""
        return sum(self.counts)


@dataclass(frozen=True)
class DuplicateGroup:
    """Pictures that are the same, or nearly: each file with its part and its label."""

    kind: str
    files: tuple[tuple[str, str, str], ...]
    why: str


@dataclass(frozen=True)
class Data:
    """The section.

    Attributes:
        totals: Name and number of the parts.
        classes: The ones that are shown, the most frequent first.
        left_out: How many are not.
        facts: Sizes, formats and so on: name, value.
        skipped: File and reason; the first ones.
        skipped_total: How many there are.
        duplicates: The groups that matter most.
        duplicate_sentences: What there is to say of all groups.
        empty: Labels of folders without a readable picture.
        samples: A grid of pictures with their labels.
        loose_samples: Where there is no grid: single ones, with their labels.
        inspected: Whether the pictures were looked at before the training.
    """

    totals: tuple[tuple[str, int], ...]
    classes: tuple[ClassCount, ...]
    left_out: int
    facts: tuple[tuple[str, str], ...]
    skipped: tuple[tuple[str, str], ...]
    skipped_total: int
    duplicates: tuple[DuplicateGroup, ...]
    duplicate_sentences: tuple[str, ...]
    empty: tuple[str, ...]
    samples: Picture | None
    loose_samples: tuple[tuple[str, Picture], ...]
    inspected: bool


def data(facts: Facts) -> Data:
    """The section. Raises KeyError if the report counts no pictures."""
    counts, inspection = facts.report["counts"], facts.inspection
    classes = sorted(class_counts(facts), key=lambda row: -row.total)
    shown = classes
    if len(classes) > _MOST_BARS:
        shown = classes[:_SHOWN_AT_EACH_END] + classes[-_SHOWN_AT_EACH_END:]
    skipped = facts.skipped
    groups = inspection.get("duplicates", [])
    samples = read_picture(facts.folder, inspection.get("samples"), _SAMPLES_SIDE)
    return Data(
        totals=tuple((part, int(counts[part])) for part in PARTS),
        classes=tuple(shown),
        left_out=len(classes) - len(shown),
        facts=tuple(_facts(facts, classes)),
        skipped=tuple((item["file"], item["reason"]) for item in skipped[:_SHOWN_FILES]),
        skipped_total=len(skipped),
        duplicates=tuple(_group(group) for group in sorted(groups, key=_urgency)[:_SHOWN_FILES]),
        duplicate_sentences=tuple(_duplicate_sentences(groups)),
        empty=tuple(inspection.get("empty", [])),
        samples=samples,
        loose_samples=() if samples else tuple(_loose(facts)),
        inspected=bool(inspection),
    )


def class_counts(facts: Facts) -> list[ClassCount]:
    """How many pictures every class has; only the tested ones where the pictures were not inspected."""
    rows = _counted(facts)
    longest = max((sum(row) for row in rows.values()), default=0) or 1
    return [
        ClassCount(label, row, (_width(row[0], longest), _width(row[1], longest), _width(row[2], longest)))
        for label, row in rows.items()
    ]


def _counted(facts: Facts) -> Mapping[str, tuple[int, int, int]]:
    if "counts" in facts.inspection:
        return {
            label: (int(row["train"]), int(row["validation"]), int(row["test"]))
            for label, row in facts.inspection["counts"].items()
        }
    return {row["label"]: (0, 0, int(row["support"])) for row in facts.report.get("per_class", [])}


def _width(part: int, longest: int) -> float:
    return round(100 * part / longest, 2)


def _facts(facts: Facts, classes: list[ClassCount]) -> list[tuple[str, str]]:
    found = [("Data set", str(facts.report["dataset"])), ("Classes", number(len(facts.labels)))]
    totals = [row.total for row in classes if row.total]
    if totals:
        per_class = f"{min(totals):,} to {max(totals):,}" if min(totals) < max(totals) else f"{totals[0]:,} each"
        where = "" if facts.inspection.get("counts") else " (test pictures)"
        found.append(("Pictures of a class", per_class + where))
    sizes = facts.inspection.get("sizes") or {}
    for key in ("smallest", "median", "largest"):
        if sizes.get(key):
            found.append((f"{key.capitalize()} picture", f"{across(*sizes[key])} pixels"))
    formats = facts.inspection.get("formats") or {}
    if formats:
        found.append(("Formats", ", ".join(f"{amount:,} {name}" for name, amount in formats.items())))
    return found


def _urgency(group: Mapping[str, Any]) -> tuple[bool, bool, bool]:
    return not group["labels_differ"], not group["across_parts"], group["kind"] != "exact"


def _group(group: Mapping[str, Any]) -> DuplicateGroup:
    why = [
        text for key, text in (("labels_differ", "different labels"), ("across_parts", "different parts")) if group[key]
    ]
    files = tuple((item["file"], item["part"], item["label"]) for item in group["files"][:_SHOWN_FILES])
    return DuplicateGroup("the same" if group["kind"] == "exact" else "nearly the same", files, " and ".join(why))


def _duplicate_sentences(groups: list[Mapping[str, Any]]) -> list[str]:
    if not groups:
        return []
    pictures = sum(len(group["files"]) for group in groups)
    exact = sum(group["kind"] == "exact" for group in groups)
    found = [
        f"{count(pictures, 'picture')} in {count(len(groups), 'group')} are the same or nearly the same "
        f"({exact:,} exactly, {len(groups) - exact:,} nearly)."
    ]
    differ = sum(bool(group["labels_differ"]) for group in groups)
    across = sum(bool(group["across_parts"]) for group in groups)
    if differ:
        found.append(f"{count(differ, 'group')} {_have(differ)} different labels: at least one of them is wrong.")
    if across:
        found.append(
            f"{count(across, 'group')} {_have(across)} pictures in different parts: what was learnt by heart counts "
            "as known."
        )
    return found


def _have(amount: int) -> str:
    return "has" if amount == 1 else "have"


def _loose(facts: Facts) -> list[tuple[str, Picture]]:
    """The run's own ten test pictures, named ``<number>-<label>.png``."""
    found = []
    for path in sorted((facts.folder / "samples").glob("*.png")):
        picture = read_picture(facts.folder, f"samples/{path.name}", 160)
        if picture:
            found.append((path.stem.split("-", 1)[-1], picture))
    return found
