"""What can go wrong when somebody comes to the desk, by what the caller should do.

AccessError
├── NoSessionError       log in
├── WrongRoleError       another account may do it
├── BadCsrfError         load the page again
├── LogInRefusedError    name or password is wrong; it never says which
├── TryLaterError        too many attempts; `after_s` says when the next one is heard
├── NoAccountsError      accounts.db could not be read since the start; look at /healthz
└── AccountError         a command on accounts or tokens cannot be done; `code` says why
"""

from __future__ import annotations

from duty_desk.errors import DeskError


class AccessError(DeskError):
    """The root: nobody comes in this way. `code` never changes; `status` is HTTP's."""

    code = "refused"
    status = 403


class NoSessionError(AccessError):
    """The request has no session, or one that ended."""

    code = "no_session"
    status = 401

    def __init__(self) -> None:
        super().__init__("log in first")


class WrongRoleError(AccessError):
    """The session's role may not do this."""

    code = "wrong_role"

    def __init__(self, role: str, permission: str) -> None:
        super().__init__(f"the role {role} may not do this; it needs the permission {permission}")


class BadCsrfError(AccessError):
    """What changes something came without the session's own token."""

    code = "bad_csrf"

    def __init__(self) -> None:
        super().__init__("the header x-siaga-csrf is missing or of another session; load the page again")


class LogInRefusedError(AccessError):
    """Name or password is wrong, or the account is disabled."""

    code = "wrong_login"
    status = 401

    def __init__(self) -> None:
        super().__init__("name or password is wrong")


class TryLaterError(AccessError):
    """Too many attempts; the next one is heard in `after_s` seconds."""

    code = "try_later"
    status = 429

    def __init__(self, after_s: float) -> None:
        self.after_s = after_s
        super().__init__(f"too many attempts; try again in {max(1, round(after_s))} s")


class AccountError(AccessError):
    """A command cannot be done. `code` is a key of the commands' words, `values` fill them."""

    def __init__(self, code: str, **values: object) -> None:
        self.code = code
        self.values = values
        told = ", ".join(f"{name}={value}" for name, value in values.items())
        super().__init__(f"{code}: {told}" if told else code)


class NoAccountsError(AccessError):
    """No account is known yet: accounts.db could not be read since the start."""

    code = "no_accounts"
    status = 503

    def __init__(self) -> None:
        super().__init__("the desk cannot read its accounts; see /healthz")
