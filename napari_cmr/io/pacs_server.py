"""Which PACS, and how it may be spoken to."""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from napari_cmr.io.pacs_errors import CertificateError, LoginError, PacsError


@dataclass(frozen=True)
class Server:
    """A DICOMweb server.

    Parameters
    ----------
    url
        Where its DICOMweb service begins, such as ``https://pacs.hospital/dicom-web``.
    ca_file
        Certificates (PEM) to trust instead of the system's.
    timeout_s
        How long to wait for the next piece of an answer.
    plain_http
        Speak to another machine without encryption too; everyone on the way can read patients'
        data and the login.

    Raises
    ------
    PacsError
        If the address cannot be used as it is.
    """

    url: str
    ca_file: Path | None = None
    timeout_s: float = 30.0
    plain_http: bool = False

    def __post_init__(self) -> None:
        parts = _parts(self.url)
        if parts.username is not None or parts.password is not None:
            raise LoginError(
                "The address holds a login", "take it out and use the keyring or the environment"
            )
        if parts.query or parts.fragment:
            raise PacsError("The address has a query", "give it only up to the service's path")
        if self.is_readable_on_the_way and not self.plain_http:
            raise PacsError(
                f"{self.name} would be spoken to without encryption",
                "use https, or say --plain-http if the network is trusted",
            )
        if not self.timeout_s > 0:
            raise PacsError("The time to wait is not above zero", "give seconds, such as 30")
        if self.ca_file is not None:
            _check_certificates(self.ca_file)

    @property
    def name(self) -> str:
        """Host and port, for sentences."""
        return _parts(self.url).netloc.rpartition("@")[2]

    @property
    def is_readable_on_the_way(self) -> bool:
        """Whether it is another machine, spoken to without encryption."""
        parts = _parts(self.url)
        return parts.scheme == "http" and not _is_this_machine(parts.hostname)


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable:
        raise PacsError(
            "The address of the PACS cannot be used",
            "give it as https://host/path, such as https://pacs.hospital/dicom-web",
        )
    return parts


def _is_this_machine(host: str | None) -> bool:
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return host == "localhost"


def _check_certificates(path: Path) -> None:
    reason = ""
    try:
        ssl.create_default_context(cafile=path)
    except ssl.SSLError:
        reason = "is not a file of certificates"
    except OSError as error:
        reason = f"cannot be read ({error.strerror or error})"
    if reason:
        raise CertificateError(f"The CA file {path} {reason}", "give one in PEM format")
