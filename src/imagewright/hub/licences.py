"""Licences: SPDX identifiers, and the names that the hub has for some of them."""

from __future__ import annotations

from imagewright.errors import ConfigError, one_line

OTHER = "other"
EXAMPLES = "Apache-2.0, MIT, CC0-1.0, CC-BY-4.0, CC-BY-NC-4.0"
# Those that the hub lists, in lower case; of the GNU licences it knows no "-only" and "-or-later".
_LISTED = (
    "afl-3.0 apache-2.0 artistic-2.0 bsl-1.0 bsd-2-clause bsd-3-clause bsd-3-clause-clear c-uda-1.0 cc0-1.0 cc-by-2.0 "
    "cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nd-4.0 "
    "cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cdla-sharing-1.0 "
    "cdla-permissive-1.0 cdla-permissive-2.0 wtfpl ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1 eupl-1.2 agpl-3.0 "
    "gpl-2.0 gpl-3.0 lgpl-2.1 lgpl-3.0 isc ms-pl mit mpl-2.0 odc-by-1.0 osl-3.0 postgresql ofl-1.1 ncsa unlicense "
    "zlib"
)
ON_THE_HUB = frozenset(_LISTED.split())
RENAMED = {"c-uda-1.0": "c-uda", "odc-by-1.0": "odc-by"}


def check_licence(given: str | None) -> str:
    """The SPDX identifier or expression as SPDX writes it, or "other". Raises `ConfigError` for none and unknown ones.

    >>> check_licence("mit"), check_licence("cc-by-4.0"), check_licence("Other")
    ('MIT', 'CC-BY-4.0', 'other')
    """
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    asked = f'an SPDX identifier such as {EXAMPLES}, or "{OTHER}"'
    if given is None or not given.strip():
        raise ConfigError(f"A published model needs a licence: give --license ID, {asked}.")
    if given.strip().lower() == OTHER:
        return OTHER
    try:
        return str(canonicalize_license_expression(given.strip()))
    except InvalidLicenseExpression:
        raise ConfigError(f"license={one_line(given, 60)!r} is no licence: expected {asked}.") from None


def licence_metadata(licence: str) -> dict[str, str]:
    """The entries of a card's front matter for a checked licence: the hub's name, or "other" with SPDX's own.

    >>> licence_metadata("GPL-3.0-or-later"), licence_metadata("MIT OR 0BSD")
    ({'license': 'gpl-3.0'}, {'license': 'other', 'license_name': 'mit-or-0bsd'})
    """
    plain = licence.lower().removesuffix("-only").removesuffix("-or-later")
    if plain in ON_THE_HUB or licence == OTHER:
        return {"license": RENAMED.get(plain, plain)}
    return {"license": OTHER, "license_name": licence.lower().replace(" ", "-")}
