"""SIGNATURE_KEY: a public key, of either kind, told by its own text."""

from osie.actions.trust import minisign, openpgp
from osie.actions.trust.signature import Key


def public_key(text: str) -> Key:
    """Read the key. Raises ValueError with a sentence's end that shows nothing of what may be a secret."""
    text = text.strip()
    if text.startswith(("untrusted comment:", "RW")):  # base64 of minisign's "Ed"
        return minisign.public_key(text)
    try:
        return openpgp.public_key(text)
    except ValueError as error:
        if str(error).startswith("is a secret key"):
            raise
        raise ValueError(
            "is neither a minisign public key's line nor an OpenPGP public key (in armour, or its base64)"
        ) from None
