"""How numbers, money and times are written, in both languages."""

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec

from guardian.console.language import Language
from guardian.domain.clock import DAY_MS, HOUR_MS, MINUTE_MS, from_iso, iso
from guardian.domain.transaction import currency_exponent
from guardian.watching.reasons import estimated

THIN = "\u202f"
MINUS = "\u2212"
NONE = "–"
SYMBOLS = {"BRL": "R$", "USD": "US$", "EUR": "€"}
# The zone database knows only offsets for these; people say the letters
ZONE_NAMES = {"America/Sao_Paulo": "BRT"}
TWO_DAYS_MS = 2 * DAY_MS


class Formats(msgspec.Struct, frozen=True):
    """Formats for one reader: a language, a zone and the present moment."""

    language: Language
    zone: str
    now_ms: int

    def number(self, value: float | None, places: int = 0) -> str:
        """Thousands by a narrow no-break space, decimals by language; a dash when unknown."""
        return NONE if value is None else self._decimals(f"{value:,.{places}f}".replace("-", MINUS))

    def short(self, value: float | None) -> str:
        """As many digits as help: 3 200, 41, 4.7, 0.83."""
        if value is None:
            return NONE
        size = abs(value)
        text = self.number(value, 0 if size >= 100 or value == round(value) else 1 if size >= 1 else 2)
        mark = self.language.word("decimal")
        return text.rstrip("0").rstrip(mark) if mark in text else text

    def percent(self, share: float | None) -> str:
        """A share of one as per cent with one decimal."""
        return NONE if share is None else f"{self.number(share * 100, 1)}{THIN}%"

    def whole_percent(self, share: float) -> str:
        """A share of one as whole per cent."""
        return f"{round(share * 100)}{THIN}%"

    def signed(self, value: float) -> str:
        """With its sign, so that more and fewer are told apart."""
        return f"+{self.short(value)}" if value > 0 else self.short(value)

    def usual(self, low: float, high: float) -> str:
        """A range of values with an en dash; with a word where a minus would be mistaken for it."""
        least, most = self.short(low), self.short(high)
        if least == most:
            return least
        return self.language.say("range", low=least, high=most) if low < 0 else f"{least}–{most}"

    def counts(self, low: float, high: float) -> str:
        """A range of counts a minute, whole numbers inside the range."""
        return f"{self.number(round(low))}–{self.number(round(high))}"

    def money(self, minor: int, currency: str) -> str:
        """Minor units with the currency's own number of decimals."""
        places = currency_exponent(currency)
        amount = Decimal(minor).scaleb(-places)
        return f"{SYMBOLS.get(currency, currency)} {self._decimals(f'{amount:,.{places}f}')}"

    def estimate(self, minor: int, currency: str) -> str:
        """Minor units as whole units of two significant digits."""
        return f"{SYMBOLS.get(currency, currency)} {self.number(estimated(minor, currency))}"

    def estimated(self, low_minor: int, high_minor: int, currency: str) -> str:
        """A range of estimates with its currency said once."""
        return f"{self.estimate(low_minor, currency)}–{self.number(estimated(high_minor, currency))}"

    def clock(self, ms: int | None, seconds: bool = False) -> str:
        """Local time of day, with the date when it is another day than today."""
        if ms is None:
            return NONE
        local, today = self._local(ms), self._local(self.now_ms)
        text = local.strftime("%H:%M:%S" if seconds else "%H:%M")
        return text if local.date() == today.date() else f"{self.date(ms)} {text}"

    def clock_of(self, text: str) -> str:
        """Local time of an RFC 3339 time."""
        return self.clock(from_iso(text))

    def utc(self, ms: int) -> str:
        """UTC time of day."""
        return datetime.fromtimestamp(ms / 1000, UTC).strftime("%H:%M:%S")

    def date(self, ms: int) -> str:
        """Day and month, with the year when it is another than this."""
        local = self._local(ms)
        month = self.language.word("months").split()[local.month - 1]
        year = "" if local.year == self._local(self.now_ms).year else f" {local.year}"
        return f"{local.day} {month}{year}"

    def day(self, ms: int) -> str:
        """The day of the week with the date."""
        return f"{self.language.word('days').split()[self._local(ms).weekday()]} {self.date(ms)}"

    def span(self, ms: int) -> str:
        """A length of time in its two largest units: 40 s, 16 min, 1 h 44 min, 3 d 2 h."""
        ms = max(0, ms)
        if ms < MINUTE_MS:
            return f"{ms // 1000} s"
        if ms < HOUR_MS:
            return f"{ms // MINUTE_MS} min"
        large, unit, rest, small = (
            (ms // HOUR_MS, "h", ms % HOUR_MS // MINUTE_MS, "min")
            if ms < TWO_DAYS_MS
            else (ms // DAY_MS, "d", ms % DAY_MS // HOUR_MS, "h")
        )
        return f"{large} {unit} {rest} {small}" if rest else f"{large} {unit}"

    def ago(self, ms: int | None) -> str:
        """How long ago; empty beyond 48 hours, where the date says it better."""
        if ms is None or self.now_ms - ms >= TWO_DAYS_MS:
            return ""
        return self.language.word("ago").format(self.span(self.now_ms - ms))

    def iso(self, ms: int) -> str:
        """RFC 3339, for machines."""
        return iso(ms)

    def zone_name(self) -> str:
        """The letters of the local zone."""
        return ZONE_NAMES.get(self.zone) or self._local(self.now_ms).tzname() or self.zone

    def _local(self, ms: int) -> datetime:
        return datetime.fromtimestamp(ms / 1000, ZoneInfo(self.zone))

    def _decimals(self, text: str) -> str:
        whole, _, fraction = text.partition(".")
        mark = self.language.word("decimal") if fraction else ""
        return whole.replace(",", THIN) + mark + fraction
