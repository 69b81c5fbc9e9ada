"""Signed statements in files, by C2PA (Content Credentials): whether there is one, who signed it, whether it holds.

Verifying needs c2pa-python (the extra `provenance`); that a file has a statement is seen without it. Nothing is fetched
from the network: statements that lie elsewhere are not looked for, and certificates are not checked against a list of
trusted issuers. Source: C2PA Technical Specification 2.2, sections 11 (embedding) and 15 (validation).
"""

from __future__ import annotations

import json
import mmap
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from imagewright.errors import UserError, count_text, one_line, short_reason
from imagewright.output.provenance import find_in_mp4

EXTRA = "pip install 'imagewright[provenance]'"
UNCHECKED = "not checked against a list of trusted issuers"
LABEL = "imagewright.record"  # of the statement that holds the provenance record
# How a store of statements begins, in every format: the type of its description box (JUMBF).
STORE = b"jumdc2pa\x00\x11\x00\x10\x80\x00\x00\xaa\x008\x9bq"
MP4_STORE = bytes.fromhex("D8FEC3D61B0E483C92975828877EC481")
SOUGHT = 32 << 20  # bytes at either end of a file that has no boxes
BOXED = (".mp4", ".m4v", ".mov")
# Nothing of a file is looked up elsewhere, and no small copy of a picture is put into it.
SETTINGS = {
    "version_major": 1,
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
    "builder": {"thumbnail": {"enabled": False}},
    "core": {"backing_store_memory_threshold_in_mb": 64},  # larger files are copied through the disk
}
CHANGED = "the file was changed after it was signed"
REASONS = {
    "assertion.dataHash.mismatch": CHANGED,
    "assertion.bmffHash.mismatch": CHANGED,
    "assertion.boxesHash.mismatch": CHANGED,
    "assertion.hashedURI.mismatch": "a statement in it was changed after it was signed",
    "claimSignature.mismatch": "the signature is not of this statement",
    "signingCredential.expired": "the certificate had expired",
    "signingCredential.invalid": "the certificate is none for signing pictures",
}
NOT_TRUSTED = "signingCredential.untrusted"  # always: there is no list of trusted issuers here


def import_c2pa() -> Any:
    """The package c2pa. Raises `UserError` that says how to install it."""
    try:
        import c2pa
    except (ImportError, OSError):  # OSError: its library is not for this system
        raise UserError(f"Signing and verifying by C2PA need c2pa-python: {EXTRA}.") from None
    return c2pa


def is_signed(path: str | Path) -> bool:
    """Whether a file has statements by C2PA in it, valid or not. Needs no other package."""
    path = Path(path)
    if path.suffix.lower() in BOXED:
        return find_in_mp4(path, MP4_STORE) is not None
    if not path.is_file() or not path.stat().st_size:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(STORE, 0, SOUGHT) >= 0 or content.find(STORE, max(0, len(content) - SOUGHT)) >= 0


def read_signature(path: str | Path) -> dict[str, Any] | None:
    """Who signed a file and what it states, as JSON values; None for a file without statements by C2PA.

    `valid`: whether nothing was changed since; None if that could not be verified.
    `problems`: a clause for each that was found.
    `signer`, `certificate`: by the certificate, and that it was not checked further.
    `confirmed_time`: when it was signed, if an authority for times confirmed it.
    `software`, `digital_source_type`, `actions`, `made_from`: what is stated.
    """
    if not is_signed(path):
        return None
    try:
        c2pa = import_c2pa()
    except UserError as error:
        return {"valid": None, "problems": [str(error)]}
    try:
        with c2pa.Context.from_dict(SETTINGS) as context, c2pa.Reader(str(path), context=context) as reader:
            state, store = reader.get_validation_state(), json.loads(reader.json())
        return _describe(store["manifests"][store["active_manifest"]], state, store.get("validation_status") or [])
    except (c2pa.C2paError, KeyError, TypeError, ValueError, AttributeError) as error:
        return {"valid": False, "problems": [f"the statement is damaged ({short_reason(error)})"]}


def signature_notes(paths: Iterable[str | Path]) -> list[str]:
    """For the user who makes new files of others: that some of these are signed, and the new ones are not.

    paths: of the originals. It is no error if one cannot be read: who opens it says so.
    """
    signed = [path for path in paths if _seems_signed(path)]
    if not signed:
        return []
    found = read_signature(signed[0]) or {}
    signer = f" of {found['signer']}" if found.get("signer") else ""
    several = f", and {count_text(len(signed) - 1, 'other')} too" if len(signed) > 1 else ""
    return [
        f"{signed[0]} is signed (C2PA){signer}{several}. What is made of a signed file is not: `imagewright sign FILE "
        f"--certificate CERT --key KEY --made-from {shlex.quote(str(signed[0]))}` signs it, and keeps that signature."
    ]


def _seems_signed(path: str | Path) -> bool:
    try:
        return is_signed(path)
    except (UserError, OSError):
        return False


def _describe(manifest: Mapping[str, Any], state: str, status: list[Mapping[str, Any]]) -> dict[str, Any]:
    signature = manifest.get("signature_info") or {}
    actions = [
        action
        for assertion in manifest.get("assertions") or []
        if str(assertion.get("label", "")).startswith("c2pa.actions")
        for action in assertion["data"].get("actions") or []
    ]
    names = [signature.get(name) for name in ("common_name", "issuer")]
    software: Mapping[str, Any] = next(iter(manifest.get("claim_generator_info") or []), {})
    return {
        "valid": state in ("Valid", "Trusted"),
        "problems": _problems(status),
        "signer": ", ".join(one_line(name, 100) for name in names if name) or None,
        "certificate": UNCHECKED,
        "confirmed_time": signature.get("time"),
        "software": " ".join(str(software[name]) for name in ("name", "version") if software.get(name)) or None,
        "digital_source_type": next(
            (each["digitalSourceType"] for each in actions if "digitalSourceType" in each), None
        ),
        "actions": [_action_text(each) for each in actions],
        "made_from": [_ingredient_text(each) for each in manifest.get("ingredients") or []],
    }


def _problems(status: list[Mapping[str, Any]]) -> list[str]:
    found = [
        REASONS.get(str(each.get("code")), one_line(each.get("explanation") or each.get("code"), 160))
        for each in status
        if each.get("code") != NOT_TRUSTED
    ]
    return list(dict.fromkeys(found))


def _action_text(action: Mapping[str, Any]) -> str:
    """Such as "edited (swap)"."""
    name = one_line(str(action.get("action", "")).removeprefix("c2pa."), 60)
    return f"{name} ({one_line(action['description'], 60)})" if action.get("description") else name


def _ingredient_text(ingredient: Mapping[str, Any]) -> str:
    """The name of a file that went into this one, and whether its own statements, if it had any, held then."""
    title = one_line(ingredient.get("title") or "a file without a name", 100)
    results = (ingredient.get("validation_results") or {}).get("activeManifest")
    if results is None:
        return title
    problems = _problems(results.get("failure") or [])
    return f"{title} (signed{'; ' + '; '.join(problems) if problems else ''})"
