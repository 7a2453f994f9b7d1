"""Text on a terminal whose locale isn't UTF-8: files are read and written as UTF-8 all the same, and what the
terminal can't show is told in plain letters. See docs/decisions/0016-utf-8-mode.md.
"""

import codecs
import io
import locale
import os
import sys

_ERRORS = "osie-plain"
_BRAILLE = range(0x2800, 0x2900)  # what rich's spinner turns with
_PLAIN = {"✓": "+", "…": "...", "─": "-", "━": "-", "├": "|", "└": "`", "│": "|"}


def _plain(error: UnicodeError) -> tuple[str, int]:
    """A codec's error handler (codecs.register_error): the same in ASCII; for the rest, its number."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(map(_letter, text)), error.end


def _letter(character: str) -> str:
    if ord(character) in _BRAILLE:
        return "*"
    return _PLAIN.get(character) or character.encode("ascii", "backslashreplace").decode()


def begin_in_utf8() -> None:
    """Where the locale isn't UTF-8, begin this program anew in Python's UTF-8 mode (PEP 540).

    Python begins in that mode by itself only in the C locale.
    """
    if not sys.flags.utf8_mode and not _is_utf8(locale.getencoding()):
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606 - ourselves


def degrade() -> None:
    """Have standard output and error write what they can, as the terminal reads it, and never fail for it."""
    codecs.register_error(_ERRORS, _plain)
    begun_anew = "utf8" in sys._xoptions and not os.environ.get("PYTHONIOENCODING")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a test's may be something else
            stream.reconfigure(encoding=locale.getencoding() if begun_anew else None, errors=_ERRORS)


def _is_utf8(encoding: str) -> bool:
    return codecs.lookup(encoding).name == "utf-8"
