"""How one speaks to a PACS over HTTP: certificates verified, failures in plain words, no traces.

dicomweb-client speaks DICOMweb; this is the `requests` session that it speaks through.
"""

from __future__ import annotations

import base64
import logging
import ssl
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter

from napari_cmr.core import Cancel, check_cancel
from napari_cmr.io.pacs_errors import (
    AnsweredError,
    CertificateError,
    LoginError,
    PacsError,
    UnreachableError,
)
from napari_cmr.io.pacs_login import PASSWORD, TOKEN, USER, Login, service
from napari_cmr.io.pacs_server import Server

_BUSY = (429, 503)


class PacsSession(requests.Session):
    """A session that tells every failure as a `PacsError`.

    Parameters
    ----------
    server
        Whom to speak to; its certificate is always verified.
    login
        None where the server wants none.
    """

    def __init__(self, server: Server, login: Login | None) -> None:
        super().__init__()
        self.cancel: Cancel | None = None
        self.warning = ""
        """The Warning header of the last answer."""
        self._server = server
        self._has_login = login is not None
        self.auth = _authorisation(login)  # set even without a login: ~/.netrc is not asked
        self.headers["Accept"] = "application/dicom+json"
        for scheme in ("https://", "http://"):
            self.mount(scheme, _Adapter(self))

    def request(self, method: str, url: str, **options: Any) -> requests.Response:  # type: ignore[override]
        """Send a request and take the answer to its end.

        Raises
        ------
        PacsError
            If there is no whole answer or it is a refusal.
        CancelledError
            If ``cancel`` said so.
        """
        check_cancel(self.cancel)
        headers = dict(options.pop("headers", None) or {})
        headers.pop("Host", None)  # the client leaves the port out
        # The client escapes wildcards, which RFC 3986 need not and Orthanc 1.10 takes as written.
        path, mark, query = url.partition("?")
        url = path + mark + query.replace("%2A", "*").replace("%3F", "?")
        options.update(
            headers=headers,
            timeout=self._server.timeout_s,
            # Said here since the environment's REQUESTS_CA_BUNDLE goes before the session's.
            verify=str(self._server.ca_file) if self._server.ca_file else True,
            # A login and a patient's number go where they were meant to go, or nowhere.
            allow_redirects=False,
        )
        failure: PacsError | None = None
        try:
            response = super().request(method, url, **options)
        except requests.RequestException as error:
            failure = self._failure(error)
        if failure is not None:  # raised here, as `error` holds the address with its query
            raise failure
        if response.status_code >= 300:
            raise self._refusal(response)
        self.warning = response.headers.get("Warning", "")
        self._check_whole(response)
        _drop_json_parameters(response)
        return response

    def _failure(self, error: requests.RequestException) -> PacsError:
        name = self._server.name
        if isinstance(error, requests.exceptions.SSLError):
            return self._not_secure(error)
        if isinstance(error, requests.exceptions.Timeout) or _timed_out(error):
            return UnreachableError(
                f"{name} did not answer within {self._server.timeout_s:g} s",
                "try again later, or wait longer with --timeout",
            )
        if isinstance(error, requests.exceptions.ChunkedEncodingError):
            return self._broken_off()
        if isinstance(error, requests.exceptions.ConnectionError) and _was_connected(error):
            return self._broken_off()
        return UnreachableError(
            f"{name} cannot be reached", "check the address, the network and whether it is running"
        )

    def _not_secure(self, error: BaseException) -> CertificateError:
        name = self._server.name
        for cause in _causes(error):
            if isinstance(cause, ssl.SSLCertVerificationError):
                return CertificateError(
                    f"The certificate of {name} was refused ({cause.verify_message.rstrip('.')})",
                    "ask its administrator for the CA's certificate and give it with --ca-file",
                )
        return CertificateError(
            f"No secure connection to {name} could be made",
            "check that its address begins with https and the port is right",
        )

    def _broken_off(self) -> UnreachableError:
        return UnreachableError(f"{self._server.name} broke off in the middle", "try again")

    def _refusal(self, response: requests.Response) -> PacsError:
        name, status = self._server.name, response.status_code
        if status == 401:
            keep = f"or keep it with: keyring set '{service(self._server.url)}' USER"
            if self._has_login:
                return LoginError(
                    f"{name} refused the login (401)",
                    f"correct {USER} and {PASSWORD} (or {TOKEN}), {keep}",
                )
            return LoginError(
                f"{name} asks for a login (401)", f"set {USER} and {PASSWORD} (or {TOKEN}), {keep}"
            )
        if status == 403:
            return LoginError(
                f"This login may not do that on {name} (403)", "ask its administrator"
            )
        if status < 400:
            return AnsweredError(
                f"{name} says that it has moved ({status})", "give its new address", status
            )
        if status in _BUSY:
            return UnreachableError(f"{name} is too busy ({status})", "try again later")
        if status == 404:
            what, advice = f"{name} has nothing there (404)", "check the address and the study"
        elif status >= 500:
            what, advice = f"{name} failed ({status})", "try again, or tell its administrator"
        else:
            what, advice = f"{name} refused ({status})", "check what its documents say it offers"
        return AnsweredError(what, advice, status, failure_reason(response))

    def _check_whole(self, response: requests.Response) -> None:
        """A body of many parts ends with its boundary; without that it was cut."""
        kind = response.headers.get("Content-Type", "")
        if not kind.lower().startswith("multipart/"):
            return
        _, _, rest = kind.partition("boundary=")
        boundary = rest.split(";")[0].strip().strip('"')
        ending = f"--{boundary}--".encode()
        if boundary and ending not in response.content[-len(ending) - 64 :]:
            raise self._broken_off()


class _Adapter(HTTPAdapter):
    """Lets a user stop in the middle of a large answer."""

    def __init__(self, session: PacsSession) -> None:
        super().__init__()
        self._session = session

    def send(self, *arguments: Any, **options: Any) -> requests.Response:
        response = super().send(*arguments, **options)
        response.raw = _Watched(response.raw, self._session)
        return response


class _Watched:
    def __init__(self, raw: Any, session: PacsSession) -> None:
        self._raw = raw
        self._session = session

    def stream(self, *arguments: Any, **options: Any) -> Iterator[bytes]:
        for chunk in self._raw.stream(*arguments, **options):
            check_cancel(self._session.cancel)
            yield chunk

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)


def failure_reason(response: requests.Response) -> int | None:
    """DICOM's failure reason in the answer to a store (PS3.18, 10.5.3), if there is one."""
    try:
        answer = response.json()
        answer = answer[0] if isinstance(answer, list) else answer
        return int(answer["00081198"]["Value"][0]["00081197"]["Value"][0])
    except (ValueError, KeyError, IndexError, TypeError):
        return None


def _authorisation(login: Login | None) -> Any:
    if login is None:
        value = ""
    elif login.token:
        value = f"Bearer {login.token}"
    else:
        pair = f"{login.user}:{login.password}".encode()
        value = f"Basic {base64.b64encode(pair).decode('ascii')}"

    def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
        if value:
            request.headers["Authorization"] = value
        return request

    return sign


def _drop_json_parameters(response: requests.Response) -> None:
    """The client does not know JSON with a character set after it."""
    kind = response.headers.get("Content-Type", "").split(";")[0].strip().lower()
    if kind.endswith("json"):
        response.headers["Content-Type"] = kind


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and all that it was made of."""
    todo: list[Any] = [error]
    while todo:
        cause = todo.pop()
        if isinstance(cause, BaseException):
            yield cause
            todo += [*cause.args, getattr(cause, "reason", None)]


def _timed_out(error: BaseException) -> bool:
    return any(
        isinstance(cause, TimeoutError | urllib3.exceptions.ReadTimeoutError)
        for cause in _causes(error)
    )


def _was_connected(error: BaseException) -> bool:
    lost = (ConnectionResetError, ConnectionAbortedError, BrokenPipeError)
    return any(
        isinstance(cause, (*lost, urllib3.exceptions.ProtocolError)) for cause in _causes(error)
    )


_LOGGERS = (
    "retrying",
    "dicomweb_client.web",
    "urllib3.connectionpool",
    "urllib3.connection",
    "urllib3.response",
    "urllib3.util.retry",
    "pydicom",
)
_here = threading.local()


def _is_not_ours(_record: logging.LogRecord) -> bool:
    return not getattr(_here, "quiet", False)


@contextmanager
def without_traces() -> Iterator[None]:
    """Keep what libraries would log or warn of out of the logs: addresses hold patients' numbers.

    Only of this thread's work; other users of these libraries log as before.
    """
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_is_not_ours)  # adding it again changes nothing
    before = getattr(_here, "quiet", False)
    _here.quiet = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        _here.quiet = before
