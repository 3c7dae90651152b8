"""The login to a PACS: from environment variables, else from the system's keyring.

It is never an argument of the terminal, where other users of the machine could read it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from napari_cmr.io.pacs_errors import LoginError

TOKEN, USER, PASSWORD = "NAPARI_CMR_PACS_TOKEN", "NAPARI_CMR_PACS_USER", "NAPARI_CMR_PACS_PASSWORD"
TOKEN_USER = "bearer-token"  # noqa: S105  the name that a token has in the keyring


@dataclass(frozen=True)
class Login:
    """A user with a password, or a bearer token. Printing it shows neither."""

    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)


def find_login(url: str, environment: Mapping[str, str] = os.environ) -> Login | None:
    """The login for a server.

    Parameters
    ----------
    url
        The server's address, which is also the name of the service in the keyring.
    environment
        ``NAPARI_CMR_PACS_TOKEN``, or ``NAPARI_CMR_PACS_USER`` with ``NAPARI_CMR_PACS_PASSWORD``;
        a user without a password is looked up in the keyring.

    Returns
    -------
    None if there is no login anywhere; some servers want none.

    Raises
    ------
    LoginError
        If a user has no password, or the keyring is locked.
    """
    user = environment.get(USER, "")
    if token := environment.get(TOKEN, ""):
        return _checked(Login(token=token))
    if user and (password := environment.get(PASSWORD, "")):
        return _checked(Login(user, password))
    found = _from_keyring(service(url), user)
    if found is None and user:
        raise LoginError(
            f"There is a user in {USER} but no password",
            f"set {PASSWORD}, or keep it with: keyring set '{service(url)}' USER",
        )
    return found


def service(url: str) -> str:
    """The name under which the keyring keeps the login for a server."""
    return f"napari-cmr {url.rstrip('/')}"


def _from_keyring(name: str, user: str) -> Login | None:
    import keyring
    from keyring.errors import KeyringError, NoKeyringError

    found, locked = None, False
    try:
        found = keyring.get_credential(name, user or None)
        if found is None and not user:
            found = keyring.get_credential(name, TOKEN_USER)  # some keyrings want a name
    except NoKeyringError:  # as on a server
        return None
    except KeyringError:
        locked = True
    if locked:
        raise LoginError("The keyring did not open", f"unlock it, or set {USER} and {PASSWORD}")
    if found is None:
        return None
    if found.username == TOKEN_USER:
        return _checked(Login(token=found.password))
    return _checked(Login(found.username, found.password))


def _checked(login: Login) -> Login:
    """Refuse what would break the header it travels in."""
    if any(not c.isprintable() for c in login.user + login.password + login.token):
        raise LoginError(
            "The login holds a character that cannot be sent, such as a line's end",
            "store it again without",
        )
    return login
