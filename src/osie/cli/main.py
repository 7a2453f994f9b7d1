"""The `osie` command: finds the subcommand, prints errors as sentences, decides the exit status."""

import errno
import importlib
import os
import signal
import sys
from collections.abc import Sequence

import click
from click.shell_completion import CompletionItem

from osie.cli import output
from osie.cli.telling import tell
from osie.core import interruption
from osie.core.errors import OsieError

# name -> (module, attribute, one line of help): a command's module is imported only when it runs.
_COMMANDS = {
    "build": ("osie.cli.build", "build", "Build the kernel and the ramdisk from a profile."),
    "profile": ("osie.cli.profile", "profile", "What a ramdisk contains: list the profiles, show one."),
    "cache": ("osie.cli.cache", "cache", "What builds are made of: show it, prune it."),
    "serve": ("osie.cli.serve", "serve", "Run boots, tink and the registry in one process."),
    "demo": ("osie.cli.demo.command", "demo", "Power on to installed OS, on a virtual machine."),
    "apply": ("osie.cli.resources", "apply", "Create or change Hardware, Templates and Workflows."),
    "diff": ("osie.cli.files", "diff", "Show what applying files would change."),
    "validate": ("osie.cli.files", "validate", "Check files with no server."),
    "render": ("osie.cli.files", "render", "Show what a workflow's workers are handed."),
    "get": ("osie.cli.get", "get", "Show resources and machines."),
    "delete": ("osie.cli.resources", "delete", "Delete a resource."),
    "hardware": ("osie.cli.hardware", "hardware", "Import machines from a spreadsheet."),
    "workflow": ("osie.cli.workflow", "workflow", "Watch, explain, cancel, retry a workflow; read its logs."),
    "action": ("osie.cli.action", "action", "Run an action by hand on this host."),
    "image": ("osie.cli.image", "image", "Manifests of disk images: make, sign, verify."),
    "completion": ("osie.cli.completion", "completion", "Have your shell complete commands and names."),
    "doctor": ("osie.cli.doctor", "doctor", "Say what this host lacks, and how to get it."),
}
# What the host refuses, whichever file it is, and given paths that don't lead where they should: no fault of
# ours that a traceback would explain.
_UMASK = 0o022  # modes are part of what a build gives; what is secret has its mode set
_HOST_ERRORS = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO),
    *(errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP),
)


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module, attribute, _ = _COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it, with the names that there are for what was probably meant."""
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as error:
            raise click.exceptions.NoSuchCommand(
                error.command_name, possibilities=list(_COMMANDS), ctx=ctx
            ) from None

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands' names without importing one; options as click has them."""
        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        return [
            CompletionItem(name, help=line)
            for name, (_, _, line) in _COMMANDS.items()
            if name.startswith(incomplete)
        ]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_line) for name, (_, _, help_line) in _COMMANDS.items()])


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(package_name="osie")
def cli(debug: bool) -> None:
    """Osie: the operating system installation environment for bare metal."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 wrong usage, 128 + the signal that ended it."""
    if argv is None:
        output.begin_in_utf8()
    output.degrade()
    arguments = list(sys.argv[1:] if argv is None else argv)
    os.umask(_UMASK)
    interruption.heed(signal.SIGTERM, signal.SIGHUP)
    try:
        status = cli.main(args=arguments, prog_name="osie", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("osie: interrupted", err=True)
        sys.exit(interruption.status())
    except OSError as error:
        if "--debug" in arguments or error.errno not in _HOST_ERRORS:
            raise
        # Of two files the second is the one that is written; a full disk is its.
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        place = (error.filename2 if full else None) or error.filename or "writing"
        tell(OsieError(f"{place}: {error.strerror}"))
        sys.exit(1)
    except OsieError as error:
        if "--debug" in arguments:
            raise
        tell(error)
        sys.exit(1)
    sys.exit(status if isinstance(status, int) else 0)
