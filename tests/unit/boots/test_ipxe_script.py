"""What iPXE makes of our scripts, told by a small model of how it reads a line."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osie.boots import ipxe_script
from osie.contracts import kernel_parameters
from osie.contracts.machine import Machine

MAC = "52:54:00:00:00:10"
AROUND = ipxe_script.ServiceContext(
    base_url="http://10.0.0.1:7171",
    kernel_parameters=("console=tty0", "console=ttyS0,115200"),
    grpc_authority="10.0.0.1:42113",
    syslog_host="10.0.0.1",
    syslog_port=514,
    registry_authority="10.0.0.1:5000",
)
MACHINE = Machine(mac=MAC, hostname="node-1", agent_id="agent-1", allow_pxe=True, allow_workflow=True)
NASTY = st.text(st.sampled_from('ab=/ .,"#;|&$\\{}\n\r\t\0é-')) | st.text()
OWN_COMMANDS = {
    "echo",
    "imgfree",
    "kernel",
    "initrd",
    "boot",
    "goto",
    "sleep",
    "chain",
    "exit",
    "iseq",
    "sanboot",
}


def commands(script: str) -> list[list[str]]:
    """The commands that iPXE sees: settings expanded (to nothing), words split, terminators honoured."""
    found = []
    for line in re.split(r"[\r\n]", script):
        expanded = re.sub(r"\$\{[^}]*\}", "EXPANDED", line)
        words = re.split(r"[ \t\v\f]+", expanded.strip(" \t\v\f"))
        current: list[str] = []
        for word in words:
            if word.startswith("#"):
                break
            if word in {"||", "&&", ";"}:
                found.append(current)
                current = []
            elif word:
                current.append(word)
        found.append(current)
    return [command for command in found if command and not command[0].startswith(":")]


def test_what_the_ramdisk_asks_for_comes_first() -> None:
    """The profile's parameters stand before all others, which win; another ramdisk gets none of them."""
    context = replace(AROUND, ramdisk_parameters=("panic=60", "console=hvc0"))
    kernel = next(c for c in commands(ipxe_script.for_machine(MACHINE, context).text) if c[0] == "kernel")
    assert kernel[2:6] == ["panic=60", "console=hvc0", "console=tty0", "console=ttyS0,115200"]
    elsewhere = replace(MACHINE, osie_base_url="http://files/hook/")
    assert "panic=60" not in ipxe_script.for_machine(elsewhere, context).text


def consoles_of(machines: tuple[str, ...], context: ipxe_script.ServiceContext = AROUND) -> list[str]:
    """The consoles on the kernel's command line, in order, for a machine with these parameters."""
    script = ipxe_script.for_machine(replace(MACHINE, kernel_parameters=machines), context)
    kernel = next(c for c in commands(script.text) if c[0] == "kernel")
    return [word for word in kernel if word.startswith(("console", "early"))]


@pytest.mark.parametrize(
    ("machines", "expected"),
    [
        (("console=ttyS1,115200",), "console=tty0 console=ttyS1,115200"),  # another port
        (("console=ttyS0,9600n8",), "console=tty0 console=ttyS0,9600n8"),  # another speed
        (("console=tty1",), "console=ttyS0,115200 console=tty1"),
        (("console=ttyS1 quiet console=tty0",), "console=ttyS1 console=tty0"),
        (("console=hvc0", "console=lp0"), "console=tty0 console=ttyS0,115200 console=hvc0 console=lp0"),
        (("console=1",), "console=tty0 console=1"),  # ttyS1
        (("console=uart8250,io,0x2f8",), "console=tty0 console=uart8250,io,0x2f8"),  # a port of ttyS
        (("console=ttyS1", "console=ttyS0"), "console=tty0 console=ttyS1 console=ttyS0"),  # theirs to settle
        (("console=00:04:0.0",), "console=tty0 console=ttyS0,115200 console=00:04:0.0"),
        (("console=",), "console=tty0 console=ttyS0,115200 console"),
        ((), "console=tty0 console=ttyS0,115200"),
    ],
)
def test_a_machines_own_console_is_the_only_one_of_its_driver(
    machines: tuple[str, ...], expected: str
) -> None:
    """Linux keeps to the first console of a driver; those of other drivers stay, and the order does."""
    assert consoles_of(machines) == expected.split()


def test_the_servers_console_wins_over_the_ramdisks() -> None:
    """Of consoles, too, the later in the order of the docs wins; and of early ones, which are one in all."""
    context = replace(AROUND, ramdisk_parameters=("console=ttyS2", "console=hvc0", "earlycon=uart,io,0x3f8"))
    assert consoles_of((), context) == [
        *("console=hvc0", "earlycon=uart,io,0x3f8"),
        *("console=tty0", "console=ttyS0,115200"),
    ]
    own = ("earlycon=uart,io,0x2f8", "earlyprintk=serial", "console=hvc1")
    assert consoles_of(own, context) == ["console=tty0", "console=ttyS0,115200", *own]


def test_install_loads_kernel_and_ramdisk_with_the_machines_parameters() -> None:
    """The kernel gets what the contract names, and the ramdisk under the name that `initrd=` tells."""
    script = ipxe_script.for_machine(replace(MACHINE, kernel_parameters=("osie.debug", 'x="a b"')), AROUND)
    assert script.kind == "install"
    assert script.text.startswith("#!ipxe\n")
    kernel = next(c for c in commands(script.text) if c[0] == "kernel")
    assert kernel[1] == "http://10.0.0.1:7171/artifacts/vmlinuz-x86_64?mac=52-54-00-00-00-10"
    read = kernel_parameters.parse(" ".join(kernel[2:]))
    assert {"tinkerbell_tls=false", "tinkerbell_insecure_tls=false"} <= set(kernel)  # Hook hands both on
    assert read.grpc_authority == "10.0.0.1:42113"
    assert read.worker_id == "agent-1"
    assert read.hw_addr == MAC
    assert read.syslog_host == "10.0.0.1"
    assert read.insecure_registries == ("10.0.0.1:5000",)
    assert read.debug
    pairs = kernel_parameters.split(" ".join(kernel[2:]))
    assert ("x", "a b") in pairs
    initrd = next(c for c in commands(script.text) if c[0] == "initrd")
    assert initrd[1] == "--name"
    assert ("initrd", initrd[2]) in pairs


def test_images_of_an_earlier_stage_are_freed_first() -> None:
    """Nothing that another script loaded is handed to our kernel."""
    names = [command[0] for command in commands(ipxe_script.install(MACHINE, AROUND).text)]
    assert names.index("imgfree") < names.index("kernel")


def test_the_machines_own_parameter_wins() -> None:
    """The last of several values is the kernel's, and the machine's come after ours."""
    script = ipxe_script.install(replace(MACHINE, kernel_parameters=("syslog_host=10.9.9.9",)), AROUND)
    kernel = next(c for c in commands(script.text) if c[0] == "kernel")
    assert kernel_parameters.parse(" ".join(kernel[2:])).syslog_host == "10.9.9.9"


@given(
    hostname=NASTY,
    agent=NASTY,
    parameters=st.lists(NASTY, max_size=3),
    base=NASTY,
    kernel=NASTY,
    initrd=NASTY,
    stopped=st.just("") | NASTY,
)
def test_values_never_become_commands(
    hostname: str, agent: str, parameters: list[str], base: str, kernel: str, initrd: str, stopped: str
) -> None:
    """Whatever stands in a resource, iPXE runs only our commands, and the kernel gets the value unchanged."""
    machine = replace(
        MACHINE,
        hostname=hostname,
        agent_id=agent,
        kernel_parameters=tuple(parameters),
        osie_base_url=base,
        osie_kernel=kernel,
        osie_initrd=initrd,
        stopped=stopped,
    )
    script = ipxe_script.for_machine(machine, AROUND)
    assert script.kind in ({"stopped"} if stopped else {"install", "error"})
    seen = commands(script.text)
    assert {command[0] for command in seen} <= OWN_COMMANDS
    assert "EXPANDED" not in " ".join(word for c in seen if c[0] not in {"iseq"} for word in c)
    if script.kind == "install":
        line = next(c for c in seen if c[0] == "kernel")
        wanted = [pair for text in parameters for pair in kernel_parameters.split(text)]
        got = kernel_parameters.split(" ".join(line[2:]))
        assert got[-1 - len(wanted) : -1] == wanted
        assert ("worker_id", agent or MAC) in got


@pytest.mark.parametrize(
    "parameter",
    [
        "a=${net0/mac}",
        "a=1\nsanboot http://evil",
        'a="b || shell"',
        'a="b #x"',
        'a="b  c"',
        'a="open',
        "a" * 3000,
    ],
)
def test_what_ipxe_cannot_carry_is_refused_and_told(parameter: str) -> None:
    """Such a machine gets a message instead of a kernel with another parameter."""
    script = ipxe_script.for_machine(replace(MACHINE, kernel_parameters=(parameter,)), AROUND)
    assert script.kind == "error"
    assert "kernel parameter" in script.text
    assert "kernel http" not in script.text


def test_netboot_off_means_the_disk() -> None:
    """Even where a custom script is set: on BIOS the first disk, elsewhere the firmware's next entry."""
    script = ipxe_script.for_machine(replace(MACHINE, allow_pxe=False, ipxe_url="http://x/y"), AROUND)
    assert script.kind == "disk"
    assert script.text.splitlines()[-2:] == [
        "iseq ${platform} pcbios && sanboot --no-describe --drive 0x80 ||",
        "exit 1",
    ]
    assert "kernel" not in script.text


def test_a_machine_without_work_still_boots_osie() -> None:
    """allowWorkflow is tink's to heed, as upstream: only allowPXE decides what is booted."""
    assert ipxe_script.for_machine(replace(MACHINE, allow_workflow=False), AROUND).kind == "install"


def test_an_unknown_machine_is_told_what_to_do_and_never_installed() -> None:
    """It names its MAC, asks again a bounded number of times, and loads nothing."""
    first = ipxe_script.unknown(MAC, AROUND, 0)
    assert MAC in first.text
    assert "osie apply" in first.text
    assert "asked=1" in first.text
    last = ipxe_script.unknown(MAC, AROUND, ipxe_script.MOST_ASKS)
    assert "chain" not in last.text
    for script in (first, last):
        assert script.kind == "unknown"
        assert not {"kernel", "initrd", "boot"} & {c[0] for c in commands(script.text)}


def test_a_stopped_machine_is_held_and_told_why() -> None:
    """It loads nothing, its own script neither, and asks for ever, also while nobody answers; netboot off
    still means the disk.
    """
    reason = "workflow default/install: the machine netbooted 5 times and nothing came of it; it is at write"
    stopped = replace(MACHINE, stopped=reason, ipxe_contents="shell")
    script = ipxe_script.for_machine(stopped, AROUND, asked=ipxe_script.MOST_ASKS)
    assert script.kind == "stopped"
    said = [" ".join(command[1:]) for command in commands(script.text) if command[0] == "echo"]
    assert f"Osie stopped node-1 {MAC}" in said
    assert " ".join(line[2:] for line in said if line.startswith(". ")) == reason.replace(";", ",")
    assert max(map(len, said)) < 80
    assert {command[0] for command in commands(script.text)} == {"echo", "sleep", "chain", "goto"}
    *_, sleep, chain, otherwise = commands(script.text)
    assert sleep == ["sleep", "60"]
    assert chain == ["chain", "--replace", "http://10.0.0.1:7171/auto.ipxe?mac=52-54-00-00-00-10&asked=1"]
    assert otherwise == ["goto", "again"]
    assert ":again" in script.text.splitlines()
    assert ipxe_script.for_machine(replace(stopped, allow_pxe=False), AROUND).kind == "disk"


def test_custom_contents_go_out_as_written() -> None:
    """An operator's script is the operator's; only the first line is seen to."""
    text = "echo ${net0/mac}\r\nshell"
    script = ipxe_script.for_machine(replace(MACHINE, ipxe_contents=text), AROUND)
    assert (script.kind, script.text) == ("custom", "#!ipxe\necho ${net0/mac}\nshell\n")


def test_a_custom_url_is_chained_to() -> None:
    """iPXE's settings may stand in it, a second command may not."""
    script = ipxe_script.for_machine(replace(MACHINE, ipxe_url="http://x/${mac}.ipxe"), AROUND)
    assert script.kind == "custom"
    assert script.text == "#!ipxe\nchain --replace http://x/${mac}.ipxe || exit 1\n"
    assert ipxe_script.for_machine(replace(MACHINE, ipxe_url="http://x\nshell"), AROUND).kind == "error"


def test_artifacts_may_come_from_elsewhere() -> None:
    """The Hardware's osie section replaces place and names; only our own server is told for whom."""
    machine = replace(MACHINE, osie_base_url="http://files/hook/", osie_kernel="k", osie_initrd="i")
    text = ipxe_script.install(machine, AROUND).text
    assert "kernel http://files/hook/k console=" in text
    assert "initrd --name i http://files/hook/i ||" in text
