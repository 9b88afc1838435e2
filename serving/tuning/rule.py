"""The rule of choice, in words; it imports nothing, for `--help` has it too."""

from __future__ import annotations

P99_TIMES = 1.5
RULE = (
    "The highest throughput whose p99 stays within --max-p99-ms (without it: 1.5 times the baseline's p99), as does "
    "the timeout that a lone call waits for company, and that leaves no call unanswered, if it is better than the "
    "baseline beyond the noise: the 95% interval of its ratios, round by round, lies above 1, and their mean above "
    "what the baseline reaches in a second process of its own. Batching must be better than the best threads without "
    "it, in the same way; if not, it is left off."
)
