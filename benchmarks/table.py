"""A measured figure beside its rival and its target, and the table and JSON of all of them."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

COLUMNS = ("figure", "unit", "ours", "rival", "better", "target", "goal", "")


class Target(msgspec.Struct, frozen=True):
    """A bound that a figure must keep, and the one it should reach."""

    bound: float
    goal: float | None = None


class Figure(msgspec.Struct, frozen=True):
    """One line of the table: medians of rounds measured in turn. `rises` when more is better."""

    name: str
    unit: str
    ours: float
    rival: float | None = None
    rival_is: str = ""
    rises: bool = False
    target: Target | None = None
    rounds: Sequence[float] = ()

    @property
    def better(self) -> float | None:
        """How many times better than the rival; below 1 it is worse."""
        if not self.rival or not self.ours:
            return None
        return self.ours / self.rival if self.rises else self.rival / self.ours

    @property
    def met(self) -> bool | None:
        """Whether the target's bound is kept; None without a target."""
        if self.target is None:
            return None
        return self.ours >= self.target.bound if self.rises else self.ours <= self.target.bound

    def cells(self) -> tuple[str, ...]:
        """The line as texts, in the order of COLUMNS."""
        sign = ">=" if self.rises else "<="
        bound = "" if self.target is None else f"{sign} {number(self.target.bound)}"
        goal = self.target.goal if self.target else None
        return (
            self.name,
            self.unit,
            number(self.ours),
            "" if self.rival is None else f"{number(self.rival)} {self.rival_is}".rstrip(),
            "" if self.better is None else f"{self.better:.3g}x",
            bound,
            "" if goal is None else number(goal),
            {None: "", True: "met", False: "MISSED"}[self.met],
        )


def number(value: float) -> str:
    """Three significant digits, thousands apart."""
    return f"{round(value):,}".replace(",", " ") if abs(value) >= 100 else f"{value:.3g}"


def table(figures: Sequence[Figure]) -> str:
    """All figures in columns."""
    lines = [COLUMNS, *(figure.cells() for figure in figures)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if place == 2 else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def write(path: Path, figures: Sequence[Figure], machine: dict[str, Any]) -> None:
    """The same as JSON, with what it was measured on."""
    document = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine,
        "figures": [
            msgspec.to_builtins(figure) | {"better": figure.better, "met": figure.met} for figure in figures
        ],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1), encoding="utf-8")
