"""What a finding of the doctor suggests: an option of a new training with its value, of which the sentence is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

OptionValue = bool | int | float | str
SHOWN_DIGITS = 3  # of numbers that are changed by a factor


@dataclass(frozen=True, kw_only=True)
class Remedy:
    """What a finding suggests to do. Without an option and without `resumes` it is what `note` says.

    option: of a new training, by name, such as "learning_rate".
    value: that the option shall have.
    now: the value that it has, if that is worth saying.
    resumes: whether the run itself is to be trained on.
    note: the rest of the sentence, with the mark that it begins with, such as ", which keeps the identity".
    """

    option: str | None = None
    value: OptionValue | None = None
    now: OptionValue | None = None
    resumes: bool = False
    note: str = ""

    @property
    def options(self) -> dict[str, OptionValue]:
        """The option with its value; empty if the suggestion is no option."""
        return {} if self.option is None or self.value is None else {self.option: self.value}

    @property
    def sentence(self) -> str:
        """The suggestion in words, such as "Try --penalty 2 (now 0.5)."."""
        if self.resumes:
            return f"Train on by --resume{self.note}."
        if self.option is None:
            return f"{self.note}."
        named = f"--{self.option.replace('_', '-')}"
        wanted = named if self.value is True else f"{named} {_text(self.value)}"
        now = "" if self.now is None else f" (now {_text(self.now)})"
        return f"Try {wanted}{now}{self.note}."


Found = tuple[str, Remedy]  # what a rule returns: the evidence, and what to try


def stored_remedy(finding: Mapping[str, Any]) -> Remedy:
    """The remedy of a finding in a report; one without an option if the finding was written before there were any."""
    stored = finding.get("remedy")
    if not isinstance(stored, Mapping):
        return Remedy()
    option, value = stored.get("option"), stored.get("value")
    if not isinstance(option, str) or not isinstance(value, OptionValue):
        option = value = None
    return Remedy(option=option, value=value, resumes=stored.get("resumes") is True)


def scaled(number: float, factor: float) -> int | float:
    """A number times a factor, rounded to what is worth typing; an int stays one."""
    changed = number * factor
    return max(1, round(changed)) if isinstance(number, int) else float(f"{changed:.{SHOWN_DIGITS}g}")


def _text(value: OptionValue | None) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
