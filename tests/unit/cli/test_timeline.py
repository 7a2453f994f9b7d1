"""The demo's timeline: what counts as seen, and by whom."""

import pytest

from osie.cli.demo import screen
from osie.cli.demo.performance import verdict
from osie.cli.demo.timeline import EVENTS, PROOF, Outcome, Timeline


def _complete() -> Timeline:
    timeline = Timeline()
    for second, event in enumerate(EVENTS):
        timeline.saw(event, 1000.0 + second)
    return timeline


def test_only_the_first_sighting_counts() -> None:
    """The DHCP of Osie and of the installed OS don't move the firmware's."""
    timeline = Timeline()
    assert timeline.machine_event({"event": "dhcp_ack", "at": 5.0, "fields": {}}, "t") == "dhcp_ack"
    assert timeline.machine_event({"event": "dhcp_ack", "at": 9.0, "fields": {}}, "t") is None
    assert timeline.seen["dhcp_ack"] == 5.0


def test_only_this_run_s_token_proves_the_os() -> None:
    """A phone-home with another token, or none, is not the OS that this run installed."""
    timeline = Timeline()
    for fields in ({"token": "other"}, {}):
        assert timeline.machine_event({"event": "phone_home", "at": 1.0, "fields": fields}, "mine") is None
    assert (
        timeline.machine_event({"event": "phone_home", "at": 2.0, "fields": {"token": "mine"}}, "mine")
        == "os_up"
    )


def test_a_script_that_boots_the_disk_is_not_an_install() -> None:
    """Only the script that hands out Osie starts the installation."""
    timeline = Timeline()
    assert (
        timeline.machine_event({"event": "ipxe_script", "at": 1.0, "fields": {"kind": "disk"}}, "t") is None
    )


def test_console_lines_become_events() -> None:
    """The ramdisk's own words, with a boot's noise around them."""
    timeline = Timeline()
    assert timeline.console_line("[    3.1] osie: init ok at=3.120 took=0.400\r", 10.0) == "init"
    assert timeline.console_line("osie: network start at=3.2", 10.5) is None
    assert timeline.console_line("osie: network ok at=4.2 took=1.0 interface=eth0", 11.0) == "network_up"
    assert (
        timeline.console_line("osie: memory at=9 used_mib=300 peak_used_mib=310 total_mib=960", 12.0) is None
    )
    timeline.console_line("osie: memory at=9 used_mib=200 peak_used_mib=305 total_mib=960", 13.0)
    assert timeline.peak_used_mib == 310


def test_workflow_events_become_events() -> None:
    """First action, image written and success are three different changes of state."""
    timeline = Timeline()
    assert timeline.workflow_event({"at": 1.0, "action": "write-os", "to": "RUNNING"}) == "first_action"
    assert timeline.workflow_event({"at": 2.0, "action": "write-os", "to": "SUCCESS"}) == "image_written"
    assert timeline.workflow_event({"at": 3.0, "action": "restart", "to": "RUNNING"}) is None
    assert timeline.workflow_event({"at": 4.0, "action": None, "to": "SUCCESS"}) == "workflow_success"


def test_the_report_counts_from_power_on() -> None:
    """Seconds since power-on, in the events' order."""
    timeline = _complete()
    timeline.peak_used_mib = 321
    report = Outcome("success", "", "tcg", "bios", 1024, 1, 2, 0).report(timeline)
    assert [row["event"] for row in report["timeline"]] == list(EVENTS)
    assert report["timeline"][0]["at_s"] == 0
    assert report["memory"] == {"peak_used_mib": 321}
    assert report["artifacts"] == {"kernel_bytes": 1, "initramfs_bytes": 2}


def test_disorder_and_gaps_are_seen() -> None:
    """Each event that nobody saw, and each that came before an earlier one."""
    timeline = _complete()
    assert (timeline.missing(), timeline.disorder()) == ([], [])
    timeline.seen["reboot"] = 1.0
    del timeline.seen["init"]
    assert (timeline.missing(), timeline.disorder()) == (["init"], ["reboot"])


OUTCOME = Outcome("success", "", "tcg", "bios", 1024, 1, 2, 0)


def _told(*, reset_at: float, success_at: float, up_at: float, written_at: float = 150.0) -> Timeline:
    """A timeline that heard of the reset first and of the workflow's events last."""
    timeline = Timeline()
    timeline.saw("power_on", 100.0)
    timeline.resets.append(reset_at)
    timeline.reboot()
    timeline.machine_event({"event": "phone_home", "at": up_at, "fields": {"token": "t"}}, "t")
    for at, action, state in (
        (140.0, "write-os", "RUNNING"),
        (written_at, "write-os", "SUCCESS"),
        (success_at, None, "SUCCESS"),
    ):
        timeline.workflow_event({"at": at, "action": action, "to": state})
        timeline.reboot()
    return timeline


# `osie demo --firmware uefi` on a busy Debian 13 (QEMU 10.0.13, OVMF 2025.02): seconds after power-on.
RECORDED = {
    "power_on": 0.0,
    "dhcp_ack": 17.884,
    "ipxe_script": 22.61,
    "kernel_sent": 28.708,
    "init": 79.315,
    "network_up": 174.171,
    "engine_up": 182.735,
    "worker_up": 220.917,
    "first_action": 221.045,
}
WRITTEN, RESET, SUCCESS, UP = 288.713, 359.116, 404.453, 623.063


def test_a_machine_that_resets_before_it_can_report() -> None:
    """Recorded: tink knows of the success by the machine's next boot, and the reset is seen all the same.

    This failed with "the OS is up, but nobody saw initramfs_sent, reboot".
    """
    timeline = Timeline(seen=dict(RECORDED))
    timeline.workflow_event({"at": WRITTEN, "action": "write-os", "to": "SUCCESS"})
    timeline.resets.append(RESET)
    assert timeline.reboot() == "reboot"
    timeline.workflow_event({"at": SUCCESS, "action": None, "to": "SUCCESS"})
    timeline.machine_event({"event": "phone_home", "at": UP, "fields": {"token": "t"}}, "t")
    told = verdict(OUTCOME, timeline)
    assert (told.result, told.not_seen, told.out_of_order) == ("success", ("initramfs_sent",), ())


def test_what_lacks_is_told_and_fails_nothing() -> None:
    """The token proves the install, though nobody saw the ramdisk sent; the report and the screen say so."""
    timeline = _complete()
    del timeline.seen["initramfs_sent"], timeline.seen["reboot"]
    timeline.seen["worker_up"] = timeline.seen["first_action"] + 0.5
    told = verdict(OUTCOME, timeline)
    assert (told.result, told.not_seen, told.out_of_order) == (
        "success",
        ("initramfs_sent", "reboot"),
        ("first_action",),
    )
    assert told.report(timeline)["not_seen"] == ["initramfs_sent", "reboot"]
    assert screen.gaps(told)[0] == "[yellow]not seen[/]: initramfs_sent, the ramdisk was sent"


@pytest.mark.parametrize(
    ("times", "reason"),
    [
        (
            {"reset_at": 160.0, "success_at": 175.0, "up_at": 149.0},
            "it phoned home before image_written, reboot",
        ),
        ({"reset_at": 210.0, "success_at": 175.0, "up_at": 200.0}, "it phoned home before reboot"),
    ],
)
def test_an_os_that_was_not_started_from_the_disk(times: dict[str, float], reason: str) -> None:
    """One that phones home before the image was written, or before the machine reset, is another."""
    told = verdict(OUTCOME, _told(**times))
    assert (told.result, told.reason) == ("failure", f"the OS is up, but {reason}")


@pytest.mark.parametrize("event", PROOF)
def test_without_the_proof_there_is_no_success(event: str) -> None:
    """Neither without the token, nor with a workflow that didn't end well."""
    timeline = _complete()
    del timeline.seen[event]
    told = verdict(OUTCOME, timeline)
    assert (told.result, told.reason) == ("failure", f"the OS is up, but nobody saw {event}")


def test_a_reset_may_be_heard_of_before_what_came_earlier() -> None:
    """QEMU's monitor is quicker than the server's events."""
    assert _told(reset_at=160.0, success_at=175.0, up_at=200.0).seen["reboot"] == 160.0


def test_a_reset_before_the_image_is_no_reboot() -> None:
    """Firmware resets the machine to set itself up, and a kernel that panics does, too."""
    assert "reboot" not in _told(reset_at=120.0, success_at=175.0, up_at=200.0).seen
