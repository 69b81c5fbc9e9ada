"""The library of the hub (the extra `hub`), and its failures in plain words."""

from __future__ import annotations

import importlib
import logging
import os
import re
import sys
import traceback
import urllib.parse
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from imagewright.errors import ConfigError, ImagewrightError, RunError, UserError, one_line, short_reason
from imagewright.versions import version_of

EXTRA = "pip install 'imagewright[hub]'"
LOG_IN = "log in by `hf auth login`, or set HF_TOKEN"
# Owner and name: what the hub allows, without `..` and `--`, and not ending in `.git` or with a dot.
NAME = r"(?!.*(?:--|\.\.))[A-Za-z0-9_](?:[\w.-]{0,94}[A-Za-z0-9_])?"
REPOSITORY = re.compile(rf"({NAME})/({NAME})", re.ASCII)
REVISION = re.compile(r"(?!.*\.\.)[\w][\w./-]{0,199}", re.ASCII)
NETWORK_LIBRARIES = ("httpx", "httpx2", "httpcore", "httpcore2", "requests", "urllib3")
WAITING = re.compile(r"(?:Waiting|Retrying in) ([\d.]+) ?s")  # what the library says before it tries again
UNANSWERED = re.compile(r"error sending request for url \((\S+?)\)")  # hf_xet's, of a request without an answer
LONG_WAIT = 4.0  # seconds from which on the user is told


class HubError(RunError):
    """A push or a pull that the hub, the network or the disk did not let happen."""


@dataclass(frozen=True)
class Address:
    """A repository on the hub, `owner/name`, and a revision of it: a branch, a tag or a commit; None for the newest."""

    repository: str
    revision: str | None = None

    @property
    def name(self) -> str:
        """The name without its owner."""
        return self.repository.rpartition("/")[2]


def parse_address(text: str, *, with_revision: bool = True) -> Address:
    """The address in `OWNER/NAME` or `OWNER/NAME@REVISION`. Raises `ConfigError` for another text.

    >>> parse_address("anna/faces@v1"), parse_address("anna/faces").name
    (Address(repository='anna/faces', revision='v1'), 'faces')
    """
    repository, is_revised, revision = text.strip().partition("@")
    expected = "OWNER/NAME" + (" or OWNER/NAME@REVISION" if with_revision else "")
    is_valid = REPOSITORY.fullmatch(repository) and not repository.endswith(".git")
    if not is_valid or (is_revised and not (with_revision and REVISION.fullmatch(revision))):
        raise ConfigError(f"{one_line(text, 120)!r} names no repository of the hub: expected {expected}.")
    return Address(repository, revision or None)


def endpoint() -> str:
    """The address of the hub: `$HF_ENDPOINT`, as the hub's own programs have it."""
    return os.environ.get("HF_ENDPOINT", "").strip().rstrip("/") or "https://huggingface.co"


def host() -> str:
    """The name of the hub's machine, for messages."""
    return urllib.parse.urlsplit(endpoint()).netloc or endpoint()


def open_api() -> Any:
    """The hub's API with the user's own login. Raises `UserError` without the extra `hub`."""
    try:
        import huggingface_hub
    except ImportError:
        raise UserError(f"Pushing to the hub and pulling from it need huggingface_hub: {EXTRA}.") from None
    return huggingface_hub.HfApi(
        endpoint=endpoint(), library_name="imagewright", library_version=version_of("imagewright")
    )


def hub_utilities() -> Any:
    """The module `huggingface_hub.utils`, whose names it does not export for type checkers."""
    return importlib.import_module("huggingface_hub.utils")


def require_token() -> None:
    """Raise `UserError` if there is no login. The token itself is read by the hub's library, and shown by nobody."""
    import huggingface_hub

    if not huggingface_hub.get_token():
        raise UserError(f"Pushing needs a login at {host()}, and there is none: {LOG_IN}.")


class _Waits(logging.Handler):
    """Says on the error stream when the library waits before another try, which may be minutes."""

    def emit(self, record: logging.LogRecord) -> None:
        """Say it; what else the library logs is passed over."""
        found = WAITING.search(record.getMessage())
        if found and float(found[1]) >= LONG_WAIT:
            print(
                f"{host()} is busy or does not answer: the next try is in {float(found[1]):.0f} s.",
                file=sys.stderr,
                flush=True,
            )


@contextmanager
def quietly() -> Iterator[list[str]]:
    """The library without its log, and its bars on a terminal alone. Yields a list that gathers its warnings."""
    utils = hub_utilities()
    told: list[str] = []
    log = utils.logging.get_logger()
    level, handlers, propagates = utils.logging.get_verbosity(), log.handlers, log.propagate
    hides_bars = not (sys.stderr.isatty() or utils.are_progress_bars_disabled())
    utils.logging.set_verbosity_warning()
    log.handlers, log.propagate = [_Waits()], False
    if hides_bars:
        utils.disable_progress_bars()
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", UserWarning)  # what the hub says of a card is one
            yield told
        told += [f"{host()} says: {one_line(each.message)}" for each in caught if each.category is UserWarning]
    finally:
        utils.logging.set_verbosity(level)
        log.handlers, log.propagate = handlers, propagates
        if hides_bars:
            utils.enable_progress_bars()


@contextmanager
def explain_hub_errors(address: Address, doing: str, then: str = "") -> Iterator[None]:
    """Turn what fails inside the block into one sentence with what to do.

    doing: "push to" or "pull from".
    then: what another try does, as a sentence, which is said after Ctrl-C too.
    """
    try:
        yield
    except ImagewrightError:
        raise
    except KeyboardInterrupt as interrupt:
        if then:
            interrupt.add_note(then)
        raise
    except Exception as error:  # the libraries below raise errors of many kinds
        reason = _reason(error, address, doing)
        raise HubError(f"Cannot {doing} {address.repository}: {reason}.{f' {then}' if then else ''}") from error


def _reason(error: Exception, address: Address, doing: str) -> str:
    from huggingface_hub import errors

    for each in _chain(error):
        if isinstance(each, errors.OfflineModeIsEnabled):
            return "the hub's library is told to stay offline (HF_HUB_OFFLINE): unset it"
        if isinstance(each, errors.LocalTokenNotFoundError):
            return f"there is no login: {LOG_IN}"
        if isinstance(each, errors.HfHubHTTPError):
            return _answered(each, address, doing)
        if _is_of_network(each):
            return f"{host()} does not answer, or broke off ({short_reason(each)}): check the network"
        if _is_of_xet(each):
            return (
                f"the Xet store of {host()} did not take the large files ({short_reason(each)}): try again, or set "
                "HF_HUB_DISABLE_XET=1, which sends them another way"
            )
    root: Any = error
    while root.__cause__ is not None:
        root = root.__cause__
    return f"the library of the hub stopped ({short_reason(root)})"


def _is_of_network(error: BaseException) -> bool:
    """Whether an error says that a request to the hub got no answer.

    The library of the store for large files asks the hub for a token, and tells that failure as its own: the request
    without an answer is then one to the hub, not to the store.
    """
    if type(error).__module__.partition(".")[0] in NETWORK_LIBRARIES:
        return True
    if not _is_of_xet(error):
        return isinstance(error, ConnectionError | TimeoutError)
    unanswered = UNANSWERED.search(str(error))
    return unanswered is not None and urllib.parse.urlsplit(unanswered[1]).netloc == host()


def _is_of_xet(error: BaseException) -> bool:
    """Whether an error is of the store for large files that the library uses if hf_xet is installed.

    Its errors are those of Python; that it was at work is in their traceback.
    """
    frames = traceback.walk_tb(error.__traceback__)
    return type(error).__module__ == "hf_xet" or any("xet" in frame.f_code.co_name for frame, _ in frames)


def _answered(error: Any, address: Address, doing: str) -> str:
    """The reason in an answer of the hub: by its code of error, else by its status."""
    from huggingface_hub import errors

    status = int(error.response.status_code)
    stale_login = f"{host()} does not know this login: {LOG_IN} anew"
    unseen = f"{host()} has no repository of this name, or it is private and this login does not see it"
    if "credentials" in str(error.response.headers.get("X-Error-Message", "")).lower():
        return stale_login
    by_kind = (
        (errors.GatedRepoError, f"its authors ask readers to agree first, at {endpoint()}/{address.repository}"),
        (errors.RevisionNotFoundError, f"it has no revision {address.revision!r}"),
        (errors.RepositoryNotFoundError, unseen),
        (errors.DisabledRepoError, f"{host()} has closed this repository"),
        (errors.EntryNotFoundError, "a file that it lists is not there: try again"),
    )
    permission = "this login has no permission to do that"
    by_status = {
        401: stale_login,
        403: f"{permission}: its token must be one that writes, of an account that may"
        if doing == "push to"
        else permission,
        404: unseen,
        409: "somebody else is changing it now, or has changed it since: try again",
        412: "somebody else has changed it since: try again",
        413: f"{host()} takes no file of this size",
        429: f"{host()} has had too many requests: try again {_when(error.response.headers)}",
        507: f"{host()} has no room left for this account",
    }
    said = one_line(getattr(error, "server_message", None) or "")
    other = f"{host()} answers {status}{f' ({said})' if said else ''}"
    if status >= 500:
        other = f"{host()} has a fault of its own ({status}): try again later"
    return next((reason for kind, reason in by_kind if isinstance(error, kind)), by_status.get(status, other))


def _when(headers: Any) -> str:
    """When the next request may be made, by the headers of an answer that there were too many."""
    found = re.search(r"(?:^|;)\s*t=(\d{1,6})\b", str(headers.get("RateLimit", ""))) or re.fullmatch(
        r"(\d{1,6})", str(headers.get("Retry-After", "")).strip()
    )
    return f"in {int(found[1]):,} s" if found else "later"


def _chain(error: BaseException | None) -> Iterator[Any]:
    """An error and those that it was raised from."""
    for _ in range(10):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__
