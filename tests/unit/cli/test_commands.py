"""The command line, as a process: what a person sees."""

import io
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from rich.console import Console

from osie.cli import show
from osie.cli.demo import scenario
from osie.cli.main import _COMMANDS
from osie.core.host_tools import NEEDS

ROOT = Path(__file__).resolve().parents[3]


def _osie(
    *arguments: str, path: str = "/usr/sbin:/usr/bin:/sbin:/bin", **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from osie.cli.main import main; main()", *arguments],
        capture_output=True, text=True, timeout=60, check=False, env={"PATH": path, **environment},
    )  # fmt: skip


@pytest.mark.parametrize("command", list(_COMMANDS))
def test_every_command_has_help(command: str) -> None:
    """`osie COMMAND --help` works for each command that `osie` lists."""
    done = _osie(command, "--help")
    assert done.returncode == 0, done.stderr
    assert "Usage: osie" in done.stdout


@pytest.mark.parametrize(("typed", "meant"), [("workfow", "workflow"), ("biuld", "build")])
def test_a_mistyped_command_is_told_the_nearest(typed: str, meant: str) -> None:
    """At the top as below it; wrong usage is status 2."""
    done = _osie(typed)
    assert done.returncode == 2
    assert f"Did you mean '{meant}'?" in done.stderr


def test_what_it_makes_has_the_usual_modes() -> None:
    """Whoever calls: the modes of what a build makes are in its result, and in the cache that all share."""
    code = "import os, osie.cli.main as m\ntry: m.main(['--version'])\nfinally: print(f'{os.umask(0):o}')"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False, umask=0o077
    )
    assert done.stdout.split()[-1] == "22", done.stderr


def test_no_server_is_one_clear_line() -> None:
    """Nobody listens: the address, a hint, exit status 1, no traceback."""
    done = _osie("get", "workflows", "--server", "http://127.0.0.1:9")
    assert done.returncode == 1
    assert "no Osie server answers at http://127.0.0.1:9" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("server", "no_proxy"), [("http://127.0.0.1:9", ""), ("http://0.0.0.0:9", "10.0.0.0/8, 0.0.0.0/8")]
)
def test_a_server_that_no_proxy_names_is_asked_directly(server: str, no_proxy: str) -> None:
    """This machine, and what is in a network of NO_PROXY: a proxy is of no use to reach it."""
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        proxy.setblocking(False)
        given = {"HTTP_PROXY": f"http://127.0.0.1:{proxy.getsockname()[1]}", "NO_PROXY": no_proxy}
        done = _osie("get", "workflows", "--server", server, **given)
        assert f"no Osie server answers at {server}" in done.stderr
        with pytest.raises(BlockingIOError):  # nobody came
            proxy.accept()


@pytest.mark.parametrize(
    "server",
    [
        "http://[::1",
        "http://h:99999",
        "http://h:0",
        "h:7080",
        "ftp://h",
        "http://",
        "http://a..b",
        "http://h?x",
    ],
)
def test_a_server_that_is_no_url_is_wrong_usage(server: str) -> None:
    """Exit status 2 and the value, with what is expected; the same for OSIE_SERVER."""
    done = _osie("get", "workflows", "--server", server)
    assert (done.returncode, f"'--server': '{server}'" in done.stderr) == (2, True), done.stderr
    assert "Traceback" not in done.stderr


def test_a_path_that_leads_elsewhere_is_one_clear_line(tmp_path: Path) -> None:
    """A folder that can't be made, since a file is in its way: its path and the reason, no traceback."""
    (tmp_path / "file").touch()
    done = _osie("image", "key", str(tmp_path / "file" / "in" / "it"))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert f"{tmp_path}/file" in done.stderr


@pytest.mark.parametrize(
    "environment", [{"ALL_PROXY": "socks5://h"}, {"HTTP_PROXY": "http://[::1"}, {"SSL_CERT_FILE": "/none"}]
)
def test_an_environment_that_can_t_be_used_is_one_clear_line(environment: dict[str, str]) -> None:
    """A proxy of an unknown kind, certificates that aren't there: said so, with the variables to look at."""
    done = _osie("get", "workflows", **environment)
    assert done.returncode == 1
    assert done.stderr.startswith("osie: the environment's proxy or certificates can't be used: ")


def test_an_answer_of_another_server_is_one_clear_line() -> None:
    """No JSON, or JSON of something else: the address and what is missing, exit status 1."""

    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.path.partition("prefix=")[2].encode() or b"{}"
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Other) as server:
        url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        for arguments, expected in (
            (("get", "hardware"), "answered JSON without 'items': that is no Osie server"),
            (("get", "hardware", "m1"), "answered JSON without 'metadata'"),
            (("get", "hardware", "--prefix", "hello"), "answered 200, not JSON"),
            (("get", "hardware", "--prefix", "7"), "answered JSON without 'items'"),
            (("workflow", "explain", "w"), "answered JSON without 'sentences'"),
            (("workflow", "logs", "w", "-f"), "answered JSON without 'status'"),
        ):
            done = _osie(*arguments, "--server", url)
            assert (done.returncode, expected in done.stderr) == (1, True), done.stderr
            assert "Traceback" not in done.stderr
        server.shutdown()
        thread.join()


def test_an_unknown_kind_names_the_kinds() -> None:
    """A typo gets the list of what there is."""
    done = _osie("get", "workflow-s")
    assert done.returncode == 1
    assert "hardware, machines, templates, workflows" in done.stderr


def test_doctor_names_the_package_of_what_is_missing(tmp_path: Path) -> None:
    """With an empty PATH every program is missing, and the exit status says so."""
    done = _osie("doctor", path=str(tmp_path))
    assert done.returncode == 1
    assert "apt-get install" in done.stdout
    assert "mmdebstrap" in done.stdout


def test_the_set_up_installs_what_doctor_asks_for() -> None:
    """doctor and scripts/setup can't disagree about the packages."""
    listed = {line for line in (ROOT / "debian-packages.txt").read_text().split("\n") if line[:1] != "#"}
    assert {need.package for need in NEEDS} <= listed


def test_tables_show_what_matters() -> None:
    """A running workflow's row has its state, action and percentage."""
    item = {
        "metadata": {"name": "w"},
        "spec": {"hardwareRef": "h", "templateRef": "t"},
        "status": {
            "state": "RUNNING",
            "currentAction": {
                "action": "a",
                "attempt": 2,
                "attempts": 4,
                "progress": {"phase": "write", "done": 1, "total": 4, "unit": "bytes"},
            },
        },
    }
    row = show.table("workflows", [item]).columns
    assert [next(iter(column.cells)) for column in row][:7] == [
        "w",
        "h",
        "t",
        "[cyan]RUNNING[/]",
        "a",
        "2/4",
        "write 25%",
    ]


def test_a_disabled_workflow_is_seen_to_be_so() -> None:
    """Beside the state, where a silent agent is told, too."""
    item = {"metadata": {"name": "w"}, "spec": {}, "status": {"state": "PREPARING", "disabled": True}}
    assert "PREPARING [yellow]disabled[/]" in show.table("workflows", [item]).columns[3].cells


def test_a_narrow_table_leaves_out_what_matters_least() -> None:
    """Of a list that is wider than the terminal columns go, and no cell is cut; "wide" keeps all of them."""
    item = {
        "metadata": {"name": "install-machine-1"},
        "spec": {"hardwareRef": "machine-1", "templateRef": "debian"},
        "status": {"state": "SUCCESS"},
    }
    titles = [str(column.header) for column in show.table("workflows", [item], width=40).columns]
    assert titles == ["NAME", "STATE", "ACTION"]
    assert len(show.table("workflows", [item], width=40, wide=True).columns) == 12
    assert len(show.table("workflows", [item], width=200).columns) == 8


def test_brackets_in_names_are_shown() -> None:
    """What a template or a machine calls itself is no markup of ours."""
    named = {"metadata": {"name": "w"}, "status": {"currentAction": {"action": "a[/b]"}}}
    told = io.StringIO()
    Console(file=told, width=100).print(show.table("workflows", [named]))
    assert "a[/b]" in told.getvalue()


def test_the_scenario_s_values_reach_the_workflow() -> None:
    """Each value of the run is in the workflow's hardwareMap, and none in the template."""
    run = scenario.Run("8c1f", "http://i/x", "sha256:00", 3, "http://p/")
    texts = dict(scenario.files(run))
    for value in ("8c1f", "http://i/x", "sha256:00", "http://p/"):
        assert value in texts["workflow.yaml"]
        assert value not in texts["template.yaml"]


LATIN_1 = "en_US.ISO-8859-1"


@pytest.fixture(scope="module")
def latin_1(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder of locales (LOCPATH) with one that isn't UTF-8."""
    folder = tmp_path_factory.mktemp("locales")
    subprocess.run(["localedef", "-i", "en_US", "-f", "ISO-8859-1", folder / LATIN_1], check=True)
    return str(folder)


PRINTS_ALL = """
import sys
from pathlib import Path
import click
from rich.console import Console
from osie.cli import main, output

def told():
    Path(sys.argv[1], "written").write_text("Főtanúsítvány ✓")
    Console().print("[green]✓[/] ├─ step… ü \\u280b \\udce4")
    click.echo("├─ ü… \\udce4", err=True)
    print("✓ …")

class Group:
    def main(self, **_):
        told()

main.cli = Group()
main.main()
"""


@pytest.mark.parametrize(
    ("environment", "mark"),
    [
        pytest.param({"LC_ALL": "C.UTF-8"}, "✓", id="UTF-8"),
        pytest.param({"LC_ALL": "C"}, "✓", id="C, which Python takes for UTF-8"),
        pytest.param({"LC_ALL": LATIN_1}, "+", id="ISO-8859-1"),
        pytest.param({"LC_ALL": "POSIX", "PYTHONUTF8": "0"}, "+", id="POSIX without Python's UTF-8 mode"),
        pytest.param({"PYTHONIOENCODING": "ascii"}, "+", id="PYTHONIOENCODING=ascii"),
        pytest.param({"PYTHONIOENCODING": "latin-1", "LC_ALL": LATIN_1}, "+", id="both"),
    ],
)
def test_output_degrades(environment: dict[str, str], mark: str, latin_1: str, tmp_path: Path) -> None:
    """In no locale does a mark, a bar or a strange file name end a command; files are UTF-8 in each."""
    script = tmp_path / "script.py"
    script.write_text(PRINTS_ALL)
    done = subprocess.run(
        [sys.executable, script, tmp_path], capture_output=True, timeout=60, check=False,
        env={"PATH": "/usr/bin:/bin", "LOCPATH": latin_1, **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    encoding = environment.get("PYTHONIOENCODING") or (
        "latin-1" if LATIN_1 in environment.values() else "utf-8"
    )
    first, second = done.stdout.decode(encoding).splitlines()
    assert first.startswith(mark) and "step" in first and "udce4" in first
    assert second.startswith(mark)
    assert b"Traceback" not in done.stderr
    assert (tmp_path / "written").read_bytes() == "Főtanúsítvány ✓".encode()


def test_doctor_works_where_the_locale_is_not_utf_8(latin_1: str) -> None:
    """Its table has cells that are cut short with an ellipsis."""
    done = _osie("doctor", LOCPATH=latin_1, LC_ALL=LATIN_1, COLUMNS="40")
    assert "Traceback" not in done.stderr
    assert "mmdebstrap" in done.stdout
