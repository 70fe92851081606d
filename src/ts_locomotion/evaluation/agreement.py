"""Whether two shares of successes may come from one robot."""

from math import comb

SIGNIFICANCE = 0.05
"""Below it the shares are held to differ: one comparison of equals in twenty at most is."""


def fisher(wins: int, count: int, other_wins: int, other_count: int) -> float:
    """Two-sided p value of Fisher's exact test that two shares are equal."""
    total, won = count + other_count, wins + other_wins

    def chance(mine: int) -> float:
        return comb(count, mine) * comb(other_count, won - mine) / comb(total, won)

    possible = range(max(0, won - other_count), min(count, won) + 1)
    seen = chance(wins)
    return min(1.0, sum(p for p in map(chance, possible) if p <= seen * (1 + 1e-9)))
