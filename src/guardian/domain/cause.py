"""What carries a disturbance: the few values of the traffic's dimensions, and the money at risk."""

import msgspec

DIMENSIONS = ("status", "auth_code", "acquirer", "merchant_id", "card_bin")


class Step(msgspec.Struct, frozen=True):
    """One value, narrowing the steps before it: how much of the change is left within all of them.

    `extra` is counts a minute beyond the expected ones (below zero when they are missing), `share` its
    part of the whole change, `usual` the part of the series such transactions usually are.
    """

    dimension: str
    value: str
    extra: float
    share: float
    usual: float


class Money(msgspec.Struct, frozen=True):
    """Approvals lost × their average ticket, in minor units an hour, with its central 95 %."""

    currency: str
    per_hour_minor: int
    low_minor: int
    high_minor: int


class Cause(msgspec.Struct, frozen=True):
    """Where the change of a series lies. Without segments it lies everywhere alike.

    `change` is in counts a minute; each segment is its values from the widest to the narrowest.
    """

    change: float
    segments: tuple[tuple[Step, ...], ...]
    money: Money | None = None

    def form(self) -> dict[str, object]:
        """The published form; amounts in minor units."""
        return {
            "change": self.change,
            "segments": [
                {
                    "where": {step.dimension: step.value for step in steps},
                    "extra": steps[-1].extra,
                    "share": steps[-1].share,
                    "usual": steps[-1].usual,
                    "path": [msgspec.structs.asdict(step) for step in steps],
                }
                for steps in self.segments
            ],
            "money": None if self.money is None else msgspec.structs.asdict(self.money),
        }
