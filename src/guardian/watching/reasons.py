"""Why an anomaly was raised, in one to three short sentences with numbers."""

from guardian.domain.anomaly import WHOLE_SYSTEM


def number(value: float) -> str:
    """Three significant digits at most, thousands grouped."""
    if value >= 100:
        return f"{round(value):,}"
    return f"{value:.1f}".rstrip("0").rstrip(".") if value >= 1 else f"{value:.2g}"


def rarity(score: float) -> str:
    """The calibrated score in words: 0 decades is once a week on quiet traffic."""
    if score >= 3:
        return "Normal traffic does this less than once in 1,000 weeks."
    weeks = 10**score
    often = f"once in {number(weeks)} weeks" if weeks >= 1.5 else f"{max(1, round(1 / weeks))} × a week"
    return f"Normal traffic does this about {often}."


def reasons(name: str, rates: tuple[float, float, float], window: int, score: float) -> tuple[str, ...]:
    """`rates` are observed, low and high a minute over the window of so many minutes."""
    observed, low, high = rates
    subject = "all transactions" if name == WHOLE_SYSTEM else name
    over = "in one minute" if window == 1 else f"a minute over {window} minutes"
    said = [f"{subject}: {number(observed)} {over}, usual {number(low)}–{number(high)}."]
    if observed == 0:
        said.append("Nothing arrived at all." if name == WHOLE_SYSTEM else "None arrived at all.")
    return (*said, rarity(score))
