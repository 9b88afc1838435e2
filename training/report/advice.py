"""What to try next: rules over the figures, what promises most first. A rule whose figures a run lacks is silent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from training.report import advice_on_data, advice_on_training
from training.report.command import export_command, train_command
from training.report.facts import Facts
from training.report.step import Step

Rule = Callable[[Facts], Step | None]
_RULES: tuple[Rule, ...] = (
    advice_on_data.settle_labels,
    advice_on_data.separate_parts,
    advice_on_data.repair_files,
    advice_on_data.check_suspects,
    advice_on_training.follow_the_preset,
    advice_on_training.train_longer,
    advice_on_training.stop_earlier,
    advice_on_training.regularise,
    advice_on_training.enlarge_network,
    advice_on_data.collect_more,
    advice_on_data.balance,
    advice_on_training.enlarge_pictures,
    advice_on_data.tell_pair_apart,
    advice_on_training.calibrate,
    advice_on_training.refuse_strangers,
    advice_on_data.test_on_more,
    advice_on_training.feed_faster,
)
_MOST = 7


@dataclass(frozen=True)
class Advice:
    """The steps, and the command that publishes the run as it is."""

    steps: tuple[Step, ...]
    publish: str


def advice(facts: Facts) -> Advice:
    """The section: at most seven steps."""
    return Advice(tuple(_apply(_RULES, facts))[:_MOST], export_command(facts))


def reproduction(facts: Facts) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The command that trains the same again, and what it needs: (name, value). Raises KeyError if it is not known."""
    card = facts.card
    found = [
        ("Seed", str(facts.seed)),
        ("Versions", card.framework),
        ("Git commit", card.git_commit),
        ("Hardware", str(facts.report.get("hardware") or "")),
        ("Finished", card.created.replace("T", " ").replace("+00:00", " UTC")),
        ("Run", facts.folder.name),
    ]
    return train_command(facts), tuple((name, value) for name, value in found if value)


def _apply(rules: Sequence[Rule], facts: Facts) -> Iterator[Step]:
    for rule in rules:
        try:
            step = rule(facts)
        except KeyError:
            continue
        if step:
            yield step
