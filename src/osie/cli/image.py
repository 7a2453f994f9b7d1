"""`osie image`: manifests of disk images, their signatures, and comparing images with them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console

from osie.actions import libc
from osie.actions.content import rule
from osie.actions.trust import keys, making, minisign_secret
from osie.cli.progress import TerminalProgress, megabytes
from osie.contracts.image_manifest import MOST_BYTES, ImageManifest, ManifestError
from osie.core.errors import OsieError
from osie.core.files import write_atomically

_EXISTING = click.Path(path_type=Path, exists=True, dir_okay=False)
_FILE = click.Path(path_type=Path, dir_okay=False)


class ImageCommandError(OsieError):
    """A file that was given can't be used."""


@click.group()
def image() -> None:
    """Manifests of disk images: every block verified before it is written."""


@image.command()
@click.argument("image", type=_EXISTING)
@click.option("--output", type=_FILE, help="Where to write it.  [default: IMAGE.manifest]")
@click.option("--sign", "key_file", type=_EXISTING, help="A minisign secret key; adds OUTPUT.minisig.")
@click.option("--sector-size", type=click.Choice(["512", "4096"]), help="Else told by the partition table.")
@click.option(
    "--image-kind",
    type=click.Choice(rule.KINDS),
    default=rule.KINDS[0],
    show_default=True,
    help="What IMAGE has to be; `any`: whatever it is, it is meant.",
)
def manifest(
    image: Path, output: Path | None, key_file: Path | None, sector_size: str | None, image_kind: rule.Kind
) -> None:
    """Describe IMAGE, raw or compressed, block by block."""
    target = output or image.with_name(f"{image.name}.manifest")
    # before the long work: a wrong key or password is told at once
    with _about(key_file):
        key = minisign_secret.read(_content(key_file), _password) if key_file else None
    with TerminalProgress(Console()) as progress, _about(image):
        libc.keep_memory_together()
        tell = _telling(progress, f"reading {image.name}")
        sectors = int(sector_size) if sector_size else None
        made = making.make(image, tell, sector_size=sectors, kind=image_kind)
    encoded, signature = made.encode(), target.with_name(f"{target.name}.minisig")
    write_atomically(target, encoded)
    if key:
        comment = f"timestamp:{int(time.time())}\tfile:{target.name}\thashed\troot:{made.root}"
        write_atomically(signature, key.sign(encoded, comment))
    empty = sum(length for _, length in made.holes)
    lines = [
        str(target),
        f"image: {megabytes(made.raw_size)} in {made.block_count} blocks, {megabytes(empty)} of it holes",
        f"sector size: {made.sector_size or 'any (no partition table tells; --sector-size does)'}",
        f"root: {made.root}",
    ]
    if made.stored and made.stored.kind != "raw":
        places = len(made.stored.points)
        lines.insert(2, f"{made.stored.kind}: {places} places to go on from" if places else made.stored.kind)
    if key:
        lines.append(f"signed by {key.public_key}: {signature}")
    elif signature.exists():
        lines.append(f"{signature} isn't of this manifest: sign again")
    _say(lines)


@image.command()
@click.argument("image", type=_EXISTING)
@click.option("--manifest", "manifest_file", type=_EXISTING, help="[default: IMAGE.manifest]")
@click.option("--key", help="A public key, minisign's or OpenPGP: its file, or minisign's line itself.")
@click.option(
    "--signature", type=_EXISTING, help="Of the manifest.  [default: its name and .minisig or .asc]"
)
def verify(image: Path, manifest_file: Path | None, key: str | None, signature: Path | None) -> None:
    """Compare IMAGE with its manifest, and the manifest with its signature."""
    if signature and not key:
        raise click.UsageError("--signature needs --key: whose signature is it?")
    place = manifest_file or image.with_name(f"{image.name}.manifest")
    encoded = _content(place)
    signer = _signer(place, encoded, key, signature) if key else ""
    try:
        expected = ImageManifest.decode(encoded)
    except ManifestError as error:
        raise ImageCommandError(f"{place}: {error}") from None
    with TerminalProgress(Console()) as progress:
        libc.keep_memory_together()
        making.compare(image, expected, _telling(progress, f"verifying {image.name}"))
    _say(
        [
            f"{image} is the image of {place}: all {expected.block_count} blocks are right",
            f"root: {expected.root}",
            f"signed by {signer}" if signer else "no --key was given: who made the manifest wasn't checked",
        ]
    )


@image.command()
@click.argument("name", type=_FILE)
@click.option("--password", is_flag=True, help="Ask for a password to protect the secret key.")
def key(name: Path, password: bool) -> None:
    """Make a minisign key pair: NAME.key, which is secret, and NAME.pub."""
    secret, public = (name.with_name(f"{name.name}.{suffix}") for suffix in ("key", "pub"))
    for path in (secret, public):
        if path.exists():
            raise ImageCommandError(f"{path} exists already", hint="choose another name, or remove it")
    asked = click.prompt("Password", hide_input=True, confirmation_prompt=True) if password else ""
    pair = minisign_secret.generated()
    write_atomically(secret, minisign_secret.secret_file(pair, asked), mode=0o600)
    write_atomically(public, minisign_secret.public_file(pair))
    _say([f"{secret}: secret, keep it", f"{public}: SIGNATURE_KEY is its second line"])


@contextmanager
def _about(path: Path | None) -> Iterator[None]:
    """What is wrong with this file is told with its name."""
    try:
        yield
    except OsieError as error:
        raise ImageCommandError(f"{path}: {error}", hint=error.hint) from error.__cause__


def _say(lines: list[str]) -> None:
    for line in lines:
        click.echo(line)


def _content(path: Path) -> bytes:
    """The whole of a small file."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ImageCommandError(f"can't read {path}: {error.strerror}") from None
    if len(data) > MOST_BYTES:
        raise ImageCommandError(f"{path} is larger than any manifest, key or signature")
    return data


def _password() -> str:
    return str(click.prompt("Password of the secret key", hide_input=True, err=True))


def _signer(place: Path, encoded: bytes, given: str, signature: Path | None) -> str:
    """Who signed the manifest. Raises OsieError where that isn't the key's owner."""
    is_file = len(given) < 256 and Path(given).is_file()
    try:
        public = keys.public_key(_content(Path(given)).decode(errors="replace") if is_file else given)
    except ValueError as error:
        raise ImageCommandError(f"{given if is_file else '--key'} {error}") from None
    document = signature or place.with_name(f"{place.name}{public.default_suffix or '.asc'}")
    verifier = public.verifier(_content(document), str(place))
    try:
        verifier.update(encoded)
        return verifier.check()
    finally:
        verifier.close()


def _telling(progress: TerminalProgress, name: str) -> making.Tell:
    return lambda done, total: progress.amount(name, done, total, f"{megabytes(done)} of {megabytes(total)}")
