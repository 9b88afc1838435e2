"""The report of a tuning: one HTML page that needs nothing else, light or dark as its reader has it."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from serving.tuning.chart import chart, kind
from serving.tuning.journal import Journal
from serving.tuning.measured import Figures
from serving.tuning.outcome import Outcome
from serving.tuning.rule import RULE

_STYLE = """
:root { color-scheme: light dark; --ground: #f6f5f1; --surface: #fff; --ink: #1d2421; --soft: #5a6560; --line: #dcddd6;
  --accent: #0b715d; --other: #5a55b8; --wash: #e6f2ee; --alert: #a3341c; --on: #fff;
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif; }
@media (prefers-color-scheme: dark) { :root { --ground: #121614; --surface: #1b211e; --ink: #e9eeeb; --soft: #a1ada7;
  --line: #323b36; --accent: #45c6a5; --other: #aeb0ff; --wash: #1c302a; --alert: #ff9d84; --on: #10211b; } }
body { margin: 0; background: var(--ground); color: var(--ink); }
main { max-width: 60rem; margin: 0 auto; padding: 1.5rem clamp(1rem, 4vw, 2rem) 3rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .3rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
.lede { padding: .8rem 1rem; border-radius: 10px; background: var(--wash); font-size: 1.05rem; }
.soft { color: var(--soft); fill: var(--soft); } .soft.small { font-size: .9rem; }
figure { margin: 1.2rem 0; padding: .8rem; background: var(--surface); border: 1px solid var(--line);
  border-radius: 12px; overflow-x: auto; }
.chart { display: block; width: 100%; min-width: 34rem; height: auto; font-size: 12px; }
.key { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; margin-top: .4rem; font-size: .875rem; color: var(--soft); }
.key i { display: inline-block; width: .8rem; height: .8rem; margin-right: .4rem; border-radius: 50%;
  vertical-align: -.05rem; } .key .b { background: var(--ink); border-radius: 3px; }
.key .t { background: var(--other); } .key .a { background: var(--accent); }
.key .o { border: 2px solid var(--soft); box-sizing: border-box; }
.grid { stroke: var(--line); } .limit { stroke: var(--alert); stroke-dasharray: 5 4; }
.beyond { fill: var(--alert); opacity: .07; } .noise { fill: var(--soft); opacity: .13; }
.dot.baseline { fill: var(--ink); } .dot.threads { fill: var(--other); } .dot.batching { fill: var(--accent); }
.dot.once { fill-opacity: .55; } .bar { stroke-width: 2; opacity: .45; }
.bar.threads { stroke: var(--other); } .bar.batching { stroke: var(--accent); }
.ring { fill: none; stroke: var(--ink); stroke-width: 2; }
.number { fill: var(--on); font-size: 10px; font-weight: 700; } .dot.baseline + .number { fill: var(--ground); }
.table { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { padding: .35rem .6rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap;
  font-variant-numeric: tabular-nums; } th { color: var(--soft); font-weight: 600; }
th:nth-child(2), td:nth-child(2) { text-align: left; white-space: normal; min-width: 15rem; }
tr.chosen td { background: var(--wash); font-weight: 650; } .no { color: var(--alert); }
pre { padding: .8rem 1rem; background: var(--surface); border: 1px solid var(--line); border-radius: 10px;
  overflow-x: auto; font-size: .8rem; } dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
"""
_HEADINGS = ("", "candidate", "rounds", "pictures/s", "x baseline, 95% interval", "p50 ms", "p99 ms", "x baseline", "")


def page(found: Outcome, journal: Journal, batching: str | None, flags: str) -> str:
    """The report.

    Args:
        found: What was found.
        journal: The measurements.
        batching: The content of ``batching.config``, if there is one.
        flags: The flags to use.
    """
    title = f"Tuning of {journal.subject['model']} {journal.subject['version']}"
    body = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="soft">{escape(journal.begun)}</p>',
        f'<p class="lede">{escape(found.headline())}</p>',
        f"<figure>{chart(found)}{_key()}</figure>",
        _section("Why", _list(found.choice.reasons) if found.choice else _paragraph("The tuning is not finished.")),
        _paragraph(RULE, small=True),
        _section("What to use", _code(flags) + (_code(batching) if batching else "")),
        _section("All that was measured", _table(found)),
        _section("Circumstances", _facts(journal)),
        _list(journal.notes),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(body)
        + "\n</main>\n</body>\n</html>\n"
    )


def _key() -> str:
    return (
        '<figcaption class="key"><span><i class="b"></i>B: the baseline</span><span><i class="t"></i>other threads, '
        'batching off</span><span><i class="a"></i>batching</span><span><i class="o"></i>ringed: to be used</span>'
        "<span>grey band: noise between two equal servers</span><span>bars: 95% interval; pale: not in the final</span>"
        "</figcaption>"
    )


def _table(found: Outcome) -> str:
    rows = [_row("B", found.baseline, found)] if found.baseline else []
    rows += [_row(str(number), one, found) for number, one in enumerate(found.figures, 1)]
    heading = "".join(f"<th>{escape(text)}</th>" for text in _HEADINGS)
    return f'<div class="table"><table><thead><tr>{heading}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def _row(number: str, one: Figures, found: Outcome) -> str:
    base = number == "B"
    cells = [
        number,
        str(one.candidate),
        str(one.rounds),
        f"{one.pictures_per_s:,.0f}",
        "1" if base else str(one.rate),
        f"{one.p50_ms:.3g}",
        f"{one.p99_ms:.3g}",
        "1" if base else f"{one.p99.middle:.2f}",
    ]
    chosen = ' class="chosen"' if one.candidate == found.candidate else ""
    told = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
    against = f'<td class="no">{_against(one, found)}</td>'
    return f'<tr{chosen} data-kind="{"baseline" if base else kind(one)}">{told}{against}</tr>'


def _against(one: Figures, found: Outcome) -> str:
    if one.failed:
        return escape(f"{one.failed} calls without an answer: {one.error[:80]}")
    return "" if found.limit.allows(one) else "p99 beyond the limit"


def _facts(journal: Journal) -> str:
    facts = "".join(
        f"<dt>{escape(str(key).replace('_', ' '))}</dt><dd>{escape(str(value))}</dd>"
        for key, value in journal.subject.items()
    )
    failed = [f"{candidate}: {reason}" for candidate, reason in journal.failed.items()]
    return f"<dl>{facts}</dl>{_list(failed)}"


def _section(title: str, content: str) -> str:
    return f"<h2>{escape(title)}</h2>{content}"


def _paragraph(text: str, *, small: bool = False) -> str:
    return f'<p class="soft{" small" if small else ""}">{escape(text)}</p>'


def _code(text: str) -> str:
    return f"<pre>{escape(text)}</pre>"


def _list(texts: Iterable[str]) -> str:
    items = "".join(f"<li>{escape(text)}</li>" for text in texts)
    return f"<ul>{items}</ul>" if items else ""
