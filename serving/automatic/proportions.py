"""What can be said of a rate that was seen a limited number of times: exact bounds, and the difference of two rates.

- The bounds of one rate are those of Clopper and Pearson ("The use of confidence or fiducial limits illustrated in the
  case of the binomial", Biometrika 26, 1934): from the binomial distribution itself, so that they hold for few requests
  and for rates near 0 too, where approximations, Wilson's included, see significance in 1 failure of 3.
- The bound of a difference is put together from those by the method of variance estimates recovery (Zou and Donner,
  "Construction of confidence limits about effect measures", Statistics in Medicine 27, 2008; with Wilson's bounds it is
  method 10 of Newcombe, Statistics in Medicine 17, 1998, 873-890).

All are one-sided: a chance of `alpha` at most that the truth lies beyond.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

_NEGLIGIBLE = 1e-12
_HALVINGS = 50


@dataclass(frozen=True)
class Rate:
    """So many of so many.

    Attributes:
        hits: Those that count.
        total: All of them.
    """

    hits: int
    total: int

    @property
    def value(self) -> float:
        """The share of hits; 0 without any at all."""
        return self.hits / self.total if self.total else 0.0

    def lower(self, alpha: float) -> float:
        """The rate is at least this."""
        if self.hits == 0:
            return 0.0
        return _boundary(lambda rate: binomial_tail(self.hits, self.total, rate) < alpha)

    def upper(self, alpha: float) -> float:
        """The rate is at most this."""
        return 1.0 - Rate(self.total - self.hits, self.total).lower(alpha)

    def of_independent(self, observations: int) -> Rate:
        """The same rate seen in so many independent observations, if there are fewer of them.

        The pictures of one request are alike. At worst they are one observation: a design effect of their number (Kish,
        "Survey Sampling", 1965).
        """
        if observations >= self.total:
            return self
        return Rate(round(self.value * observations), observations)


def least_excess(rate: Rate, reference: Rate, alpha: float) -> float:
    """One rate exceeds another by at least this, if above 0. A reference without observations counts as a certain 0."""
    spread = reference.upper(alpha) - reference.value if reference.total else 0.0
    return rate.value - reference.value - math.hypot(rate.value - rate.lower(alpha), spread)


def binomial_tail(hits: int, total: int, rate: float) -> float:
    """The chance of so many hits or more; above a half it is not reckoned further than that."""
    if hits <= 0 or rate >= 1.0:
        return 1.0
    if rate <= 0.0:
        return 0.0
    if hits <= total * rate:
        return 0.5
    ways = math.lgamma(total + 1) - math.lgamma(hits + 1) - math.lgamma(total - hits + 1)
    term = math.exp(ways + hits * math.log(rate) + (total - hits) * math.log1p(-rate))
    tail, odds = 0.0, rate / (1.0 - rate)
    # Above the mean each term is smaller than the one before it.
    while hits <= total and term > _NEGLIGIBLE * tail:
        tail += term
        term *= (total - hits) / (hits + 1) * odds
        hits += 1
    return tail


def _boundary(is_below: Callable[[float], bool]) -> float:
    """Where between 0 and 1 a condition ceases to hold."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if is_below(middle) else (low, middle)
    return low
