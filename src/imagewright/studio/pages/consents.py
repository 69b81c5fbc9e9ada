"""The consent of people whose faces a model learns, as commands take it."""

from __future__ import annotations

from imagewright.consent import read_consents
from imagewright.errors import UserError
from imagewright.studio.serving.asked import Asked

FIELDS = ("who", "given_by", "when")


def consent_option(given: Asked, whose: str) -> str | None:
    """The option of one person: who agreed, by whom the consent was given, and when. None if nothing was filled in.

    whose: for messages, such as "the source".
    Raises `UserError` for a consent that is filled in by half, `ConfigError` for a day that is none.
    """
    values = {name: given.text(name, "", most=500).strip() for name in FIELDS}
    if not any(values.values()):
        return None
    if not all(values.values()):
        raise UserError(
            f"The consent of {whose} says too little: whose face it is, who gave the consent, and when are expected."
        )
    if any(";" in value for value in values.values()):
        raise UserError(f"The consent of {whose} holds a semicolon, which parts its entries: leave it out.")
    consent = read_consents(values)[0]
    return f"--consent={consent.who}; {consent.given_by}; {consent.when}"
