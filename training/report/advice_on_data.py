"""Advice whose work is on the pictures."""

from __future__ import annotations

from training.datasets import BUILT_IN
from training.report.command import train_command
from training.report.data import class_counts
from training.report.facts import Facts, Json
from training.report.results import class_rows
from training.report.statistics import interval
from training.report.step import Step
from training.report.words import count, listed, percent, quoted

_FEW = 50
_UNEVEN = 3.0
_SURELY_WRONG = 0.9
_LARGE_SHARE = 0.1
_LEAST_CONFUSED = 3
_WIDE = 0.03
_SHOWN = 8
_TRANSFER = "--preset transfer --backbone MobileNetV2"


def settle_labels(facts: Facts) -> Step | None:
    """Pictures that lie under two labels teach a contradiction."""
    groups = _duplicates(facts, "labels_differ")
    if not groups:
        return None
    files = tuple(" = ".join(item["file"] for item in group["files"]) for group in groups)
    return Step(
        "Settle pictures that lie under two labels",
        f"{count(len(groups), 'picture')} can be found under different labels. The network is taught both, and is "
        "wrong "
        "whatever it answers. Keep the right copy, delete the other, train again.",
        train_command(facts),
        files[:_SHOWN],
    )


def separate_parts(facts: Facts) -> Step | None:
    """The same picture in training and test makes the figures too good."""
    groups = _duplicates(facts, "across_parts")
    if not groups:
        return None
    files = tuple(" = ".join(f"{item['file']} ({item['part']})" for item in group["files"]) for group in groups)
    return Step(
        "Remove pictures that are in more than one part",
        f"{count(len(groups), 'picture')} {'is' if len(groups) == 1 else 'are'} in more than one of training, "
        "validation "
        "and test. What is known by heart is answered rightly, so that the figures flatter. Keep one copy of each.",
        train_command(facts),
        files[:_SHOWN],
    )


def repair_files(facts: Facts) -> Step | None:
    """Files that could not be read, folders that are empty."""
    skipped = facts.skipped
    empty = facts.inspection.get("empty", [])
    if not skipped and not empty:
        return None
    parts = []
    if skipped:
        parts.append(
            f"{count(len(skipped), 'file')} could not be read and {'was' if len(skipped) == 1 else 'were'} skipped."
        )
    if empty:
        parts.append(
            f"{listed(empty)} {'holds' if len(empty) == 1 else 'hold'} no readable picture: nothing can be learnt of "
            "it."
        )
    return Step(
        "Repair or remove files that are no pictures", " ".join(parts), files=tuple(s["file"] for s in skipped[:_SHOWN])
    )


def check_suspects(facts: Facts) -> Step | None:
    """Mistakes that the model is sure of are often mistakes of the labels."""
    suspects = [
        item
        for item in facts.report["top_losses"]
        if item["probability"] >= _SURELY_WRONG and item["answer"] != item["right"]
    ]
    if len(suspects) < 2:
        return None
    files = tuple(f"{item['file']} ({item['right']}, or {item['answer']}?)" for item in suspects if item.get("file"))
    where = "The files are named below." if files else "They are shown under “Where it fails”."
    return Step(
        "Look whether these labels are right",
        f"{count(len(suspects), 'test picture')} got another answer than the label with at least "
        f"{percent(_SURELY_WRONG, 0)} "
        f"probability. Such pictures are often labelled wrongly. {where}",
        files=files[:_SHOWN],
    )


def collect_more(facts: Facts) -> Step | None:
    """A class of few pictures is learnt by heart."""
    if "counts" not in facts.inspection:
        return None
    few = sorted((row for row in class_counts(facts) if row.counts[0] < _FEW), key=lambda row: row.counts[0])
    if not few:
        return None
    is_transfer = "transfer" in str(facts.preset["name"])
    why = (
        f"{listed([row.label for row in few])} {'has' if len(few) == 1 else 'have'} fewer than {_FEW} training "
        "pictures "
        f"(the least: {few[0].counts[0]:,}). More pictures help more than any setting"
    )
    if is_transfer or facts.card.image.channels != 3:
        return Step("Collect more pictures", f"{why}.", train_command(facts))
    why += "; until then, a network that has seen a million other photos needs fewer."
    return Step("Collect more pictures", why, train_command(facts, change=_TRANSFER))


def balance(facts: Facts) -> Step | None:
    """Rare classes are found less often where frequent ones pull at the weights."""
    rows = [row for row in class_counts(facts) if row.counts[0]]
    if not rows or "counts" not in facts.inspection:
        return None
    most, least = max(rows, key=lambda row: row.counts[0]), min(rows, key=lambda row: row.counts[0])
    ratio = most.counts[0] / least.counts[0]
    f1 = {row.label: row.f1 for row in class_rows(facts.report)}
    if ratio < _UNEVEN or f1[least.label] >= f1[most.label]:
        return None
    return Step(
        "Even out the classes",
        f"{quoted(most.label)} has {ratio:.1f} times as many training pictures as {quoted(least.label)}, and the "
        "rarer is "
        f"recognised worse (F1 {f1[least.label]:.2f} against {f1[most.label]:.2f}). Collect the rare ones first; class "
        "weights soften the effect, and do not replace pictures.",
    )


def tell_pair_apart(facts: Facts) -> Step | None:
    """The commonest confusion, if it is a large share of its class."""
    pairs = [
        pair for pair in facts.report["confused"] if pair["share"] >= _LARGE_SHARE and pair["count"] >= _LEAST_CONFUSED
    ]
    if not pairs:
        return None
    first = pairs[0]
    return Step(
        f"Tell {quoted(first['right'])} and {quoted(first['answer'])} apart",
        f"{percent(first['share'])} of the test pictures of {quoted(first['right'])} are taken for "
        f"{quoted(first['answer'])}. Add training pictures that show what tells the two apart, or make one class of "
        "them "
        "if nobody needs the difference.",
    )


def test_on_more(facts: Facts) -> Step | None:
    """A small test set leaves the figures unsure."""
    low, high = interval(facts.report["accuracy"], facts.tested)
    if (high - low) / 2 < _WIDE:
        return None
    return Step(
        "Test on more pictures",
        f"With {count(facts.tested, 'test picture')}, the true accuracy may lie anywhere from {percent(low)} to "
        f"{percent(high)}. "
        "Four times as many halve that range.",
    )


def _duplicates(facts: Facts, key: str) -> list[Json]:
    """Groups to do something about: nobody can remove a picture from a built-in data set."""
    if facts.source in BUILT_IN:
        return []
    return [group for group in facts.inspection["duplicates"] if group[key]]
