"""The inspection in words, for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from training.inspection.inspection import Duplicates, Inspection

_SHOWN = 10


def summary(inspection: Inspection) -> str:
    """What a person should know before training, a few dozen lines at most."""
    return "\n".join(
        [
            *_counts(inspection),
            *_files(inspection),
            *_listed("Not readable and left out", [f"{one.file}: {one.reason}" for one in inspection.skipped]),
            *_listed("Without a readable picture, and so no class", inspection.empty),
            *_duplicates(inspection.duplicates),
        ]
    )


def _counts(inspection: Inspection) -> Iterable[str]:
    counts = inspection.counts
    totals = {label: sum(row.values()) for label, row in counts.items()}
    least, most = min(totals.values()), max(totals.values())
    yield f"{inspection.name}: {sum(totals.values()):,} pictures in {len(counts):,} classes"
    shown = dict(list(counts.items())[:_SHOWN]) if len(counts) > 2 * _SHOWN else counts
    width = max(len(label) for label in (*shown, "class"))
    yield f"  {'class':<{width}}  {'train':>7} {'validation':>11} {'test':>7}"
    for label, row in shown.items():
        yield f"  {label:<{width}}  {row['train']:>7,} {row['validation']:>11,} {row['test']:>7,}"
    if len(shown) < len(counts):
        yield f"  ... and {len(counts) - len(shown):,} more classes, of {least:,} to {most:,} pictures"
    if most >= 2 * least:
        yield f"  The largest class has {most / least:.1f} times the pictures of the smallest"


def _files(inspection: Inspection) -> Iterable[str]:
    sizes = inspection.sizes
    smallest, median, largest = (f"{sizes[name][0]}x{sizes[name][1]}" for name in ("smallest", "median", "largest"))
    formats = ", ".join(f"{count:,} {form}" for form, count in inspection.formats.items())
    size = smallest if smallest == largest else f"{smallest} to {largest}, in the middle {median}"
    yield f"Sizes: {size}" + (f". Formats: {formats}" if formats else "")


def _duplicates(groups: Sequence[Duplicates]) -> Iterable[str]:
    if not groups:
        yield "Duplicates: none"
        return
    exact = sum(group.kind == "exact" for group in groups)
    across = sum(group.across_parts for group in groups)
    differ = sum(group.labels_differ for group in groups)
    yield (
        f"Duplicates: {exact:,} exact and {len(groups) - exact:,} near; {differ:,} with labels that differ, "
        f"{across:,} in more than one part"
    )
    grave = [group for group in groups if group.labels_differ or group.across_parts]
    yield from (f"  {line}" for line in _some([_in_words(group) for group in grave]))


def _in_words(group: Duplicates) -> str:
    what = [
        word for word, given in (("labels differ", group.labels_differ), ("parts differ", group.across_parts)) if given
    ]
    pictures = " = ".join(f"{one.file} ({one.label}, {one.part})" for one in group.pictures[:3])
    more = f" = {len(group.pictures) - 3} more" if len(group.pictures) > 3 else ""
    return f"{group.kind}, {' and '.join(what)}: {pictures}{more}"


def _listed(title: str, lines: Sequence[str]) -> Iterable[str]:
    if lines:
        yield f"{title} ({len(lines):,}):"
        yield from (f"  {line}" for line in _some(lines))


def _some(lines: Sequence[str]) -> Iterable[str]:
    yield from lines[:_SHOWN]
    if len(lines) > _SHOWN:
        yield f"... and {len(lines) - _SHOWN:,} more"
