"""What the user asked of the watching, as the stages take it."""

import msgspec

from guardian.domain.calendar import Calendar


class Asked(msgspec.Struct, frozen=True):
    """The page budget (see `StreamDetector`), and by what the traffic is split into segments."""

    budget_decades: float = 0.0
    dimensions: tuple[str, ...] = ()
    """Columns, or pairs of them joined by a plus: `acquirer`, `acquirer+card_bin`."""
    most_series: int = 20_000
    drill_every_days: int = 0
    """A fire drill is held so often; never when 0."""
    calendar: Calendar = msgspec.field(default_factory=Calendar)
