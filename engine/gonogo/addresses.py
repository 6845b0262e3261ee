"""Addresses of people: whether one is well formed, and how it is found again without being stored."""

import hashlib
import hmac
import re

from email_validator import EmailNotValidError, validate_email

#: What people write between the digits of a telephone number.
BETWEEN_DIGITS = re.compile(r"[\s()-]")
_PLAIN = re.compile(
    r"(?=.{3,254}$)(?=[^@]{1,64}@)[A-Za-z0-9_%+-]+(\.[A-Za-z0-9_%+-]+)*@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}"
)


def address_key(salt: bytes, address: str) -> str:
    """The digest under which a workspace finds an address again without storing it."""
    return hmac.new(salt, carried(address).casefold().encode(), hashlib.sha256).hexdigest()


def carried(address: str) -> str:
    """The address in the one form that is carried: an international domain in its ASCII form (RFC 5891), a telephone
    number without what people put between its digits."""
    address = address.strip()
    if "@" not in address:
        return BETWEEN_DIGITS.sub("", address)
    if address.isascii() or email_problem(address):
        return address
    found = validate_email(address, check_deliverability=False, test_environment=True, allow_smtputf8=False)
    return found.ascii_email or address


def email_problem(address: str) -> str | None:
    """Why this is no e-mail address, or None. Syntax only (RFC 5322, as mail systems take it): nobody is asked."""
    if _PLAIN.fullmatch(address):
        return None  # the shape of nearly all, told 40 times faster
    try:
        validate_email(address, check_deliverability=False, test_environment=True, allow_smtputf8=False, strict=True)
    except EmailNotValidError as error:
        return str(error)
    return None
