"""A channel that writes mails into a maildir: for first use, demonstrations, and relays that collect from a folder.

A mail is written and synced in tmp/ and then renamed into new/, so that new/ never holds half a mail. Its file is
named after its message id: writing the same message again replaces it. The entries of the folder itself are synced
by `flush`, once for a whole batch; the file's own sync can't be put off, or a crash could leave an empty one.
"""

import os
from contextlib import suppress
from pathlib import Path

from gonogo.execution.channels import SENT, ChannelUnavailable, Message, OneByOne, Receipt
from gonogo.execution.email import MailInvalid, compose


class Maildir(OneByOne):
    """The maildir at `path`, made where there is none. Raises ChannelUnavailable."""

    kind = "email"

    def __init__(self, path: str | Path) -> None:
        self._tmp, self._new = Path(path, "tmp"), Path(path, "new")
        try:
            for folder in (self._tmp, self._new, Path(path, "cur")):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            for folder in (Path(path), Path(path).parent):
                _sync_folder(folder)
            self._folder = os.open(self._new, os.O_RDONLY)
        except OSError as error:
            raise _unavailable(error) from error

    def send(self, message: Message) -> Receipt:
        """Write the mail; `sent` holds once `flush` has returned."""
        try:
            data = compose(message)
        except MailInvalid as error:
            return Receipt("rejected", str(error))
        name = f"{message.message_id[1:-1]}.eml"
        draft = f"{self._tmp}/{name}"
        try:
            _write(draft, data)
            os.replace(draft, f"{self._new}/{name}")
        except OSError as error:
            with suppress(OSError):
                os.unlink(draft)
            raise _unavailable(error) from error
        return SENT

    def flush(self) -> None:
        try:
            os.fsync(self._folder)
        except OSError as error:
            raise _unavailable(error) from error

    def close(self) -> None:
        os.close(self._folder)


def _write(path: str, data: bytes) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(file, rest) :]
        os.fsync(file)
    finally:
        os.close(file)


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _unavailable(error: OSError) -> ChannelUnavailable:
    """Any failure of the file system: it would meet every other message as well."""
    return ChannelUnavailable(f"The maildir can't be written: {error.strerror}.", "space")
