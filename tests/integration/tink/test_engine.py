"""The engine's use cases, on both databases."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import cast

import pytest
import sqlalchemy as sa
from netbooting import Answered, choose, netboot
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.testing import capture_logs

from osie.contracts.machine import Netboot
from osie.tink.domain import topics
from osie.tink.domain.errors import ConflictError, MissingError
from osie.tink.domain.resources import Kind, Ref
from osie.tink.domain.steps import NotYoursError, OutOfTurnError, UnknownActionError
from osie.tink.domain.workflow import ActionState, State, Turn
from osie.tink.files.manifest import RefusedError
from osie.tink.service.dispatch import NoWorkError
from osie.tink.service.machine_log import MachineLog
from osie.tink.service.notifier import Notifier, wait
from osie.tink.service.queries import Queries
from osie.tink.service.service import Tink
from osie.tink.store.database import Store
from osie.tink.store.list_rows import Wanted
from osie.tink.store.tables import machine_events, machine_logs, workflows

from .conftest import HARDWARE, MAC, OTHER_MAC, TEMPLATE, Clock, manifests

ID = "default/install-m1"
WORKFLOW = Ref(Kind.WORKFLOW, "default", "install-m1")
MACHINE = Ref(Kind.HARDWARE, "default", "m1")


async def changes(tink: Tink, files: Sequence[tuple[str, str]]) -> list[str]:
    """Apply, and tell what became of each resource."""
    return [change for _, change in (await tink.resources.apply(files)).changes]


async def netboots(tink: Tink, mac: str = MAC) -> bool:
    """Whether the machine may netboot now."""
    found = await tink.machines.find(mac)
    assert found is not None
    return found.allow_pxe


async def tell(tink: Tink, turn: Turn, state: ActionState, agent: str = MAC, message: str = "") -> None:
    """Report on an action of install-m1."""
    await tink.agents.report(ID, agent, turn.action.id, state, message=message)


async def state(tink: Tink) -> State:
    """Of install-m1."""
    return (await Queries(tink.store).workflow(WORKFLOW)).state


async def test_from_applied_to_success(tink: Tink) -> None:
    """A workflow runs action by action; netboot is on from its acceptance to its success."""
    assert await changes(tink, manifests()) == ["created"] * 3
    assert await netboots(tink)
    _, write = await tink.agents.get_action(MAC.upper().replace(":", "-"))
    assert (write.action.name, write.action.environment) == ("write", ("DISK=/dev/vda",))
    assert write.action.image == "registry.local:5000/osie/image2disk"  # by the longest prefix
    await tell(tink, write, ActionState.RUNNING)
    await tell(tink, write, ActionState.SUCCESS)
    _, restart = await tink.agents.get_action(MAC)
    await tell(tink, restart, ActionState.RUNNING)
    assert await netboots(tink)
    await tell(tink, restart, ActionState.SUCCESS)
    assert (await state(tink), await netboots(tink)) == (State.SUCCESS, False)
    with pytest.raises(NoWorkError):
        await tink.agents.get_action(MAC)


async def test_applying_again_changes_nothing(tink: Tink) -> None:
    """The same files again are unchanged, and a toggled netboot stays as the workflow wants it."""
    await changes(tink, manifests())
    assert await changes(tink, manifests()) == ["unchanged"] * 3
    hostname = manifests()[0][1].replace("dhcp: {", "dhcp: {hostname: other, ")
    assert await changes(tink, [("h", hostname)]) == ["configured"]
    assert await netboots(tink)
    # But where the operator says something new about netboot, that counts.
    allowed = hostname.replace("allowPXE: false", "allowPXE: true")
    await changes(tink, [("h", allowed)])
    await changes(tink, [("h", hostname)])
    assert not await netboots(tink)


async def test_all_faults_at_once_and_nothing_applied(tink: Tink) -> None:
    """References, rendered mistakes and duplicates are told together; of a bad batch nothing is stored."""
    hardware, _, workflow = manifests()

    def template(name: str, *changes: tuple[str, str]) -> tuple[str, str]:
        text = TEMPLATE
        for old, new in (("name: install}", f"name: {name}}}"), *changes):
            text = text.replace(old, new)
        return f"{name}.yaml", text

    def other(name: str, old: str, new: str) -> tuple[str, str]:
        return f"{name}.yaml", workflow[1].replace("install-m1", name).replace(old, new)

    files = [
        hardware,
        ("double.yaml", HARDWARE.format(name="m2", mac=MAC.upper(), address="10.0.0.1")),
        template("install", ("name: restart", "name: write"), ("timeout: 60", "timeuot: 60")),
        workflow,
        other("lost", "hardwareRef: m1", "hardwareRef: m9"),
        other("none", "templateRef: install", "templateRef: x"),
        template("syntax", ("{{ .device_1 }}", "{{ .dev")),
        template(
            "static",
            ("timeout: 60", "timeout: x"),
            ("{{ .device_1 }}", "a"),
            ("{{ index .Hardware.Disks 0 }}", "b"),
        ),
    ]
    with pytest.raises(RefusedError) as caught:
        await tink.resources.apply(files)
    told = {(fault.file, fault.path) for fault in caught.value.faults}
    assert told == {
        ("double.yaml", "spec.interfaces[0].dhcp.mac"),
        ("double.yaml", "spec.interfaces[0].dhcp.ip.address"),
        ("workflow.yaml", "spec.templateRef"),
        ("lost.yaml", "spec.hardwareRef"),
        ("none.yaml", "spec.templateRef"),
        ("syntax.yaml", "spec.data"),
        ("static.yaml", "spec.data.tasks[0].actions[0].timeout"),
    }
    rendered = [fault.message for fault in caught.value.faults if fault.file == "workflow.yaml"]
    assert any("install.yaml, document 1" in message and "timeuot" in message for message in rendered)
    assert await tink.machines.every() == []
    assert (await Queries(tink.store).resources(Kind.TEMPLATE, Wanted(), ("", ""), 9)).items == []


async def test_identities_are_unique_against_the_store(tink: Tink) -> None:
    """A hardware address can't be claimed twice, but two machines may swap theirs in one batch."""
    one, two = (
        HARDWARE.format(name=f"m{n}", mac=m, address=f"10.0.0.{n}") for n, m in ((1, MAC), (2, OTHER_MAC))
    )
    await changes(tink, [("1", one), ("2", two)])
    with pytest.raises(RefusedError, match="belongs to Hardware default/m1"):
        await tink.resources.apply([("3", HARDWARE.format(name="m3", mac=MAC, address="10.0.0.3"))])
    swapped = [("1", one.replace(MAC, OTHER_MAC)), ("2", two.replace(OTHER_MAC, MAC))]
    assert await changes(tink, swapped) == ["configured"] * 2


async def test_a_workflow_needs_no_hardware(tink: Tink) -> None:
    """Without hardwareRef the named workers have the work; none named, or netboot, is a fault."""
    template = TEMPLATE.replace("{{ index .Hardware.Disks 0 }}", "{{ len .Hardware.Disks }}")
    workflow = manifests()[2][1].replace("  hardwareRef: m1\n", "")
    with pytest.raises(RefusedError) as caught:
        await tink.resources.apply([("t", template.replace("{{ .device_1 }}", "")), ("w", workflow)])
    assert {fault.path for fault in caught.value.faults} == {
        "spec.bootOptions.toggleAllowNetboot",
        "spec.templateRef",
    }
    plain = workflow.replace("toggleAllowNetboot: true", "")
    assert await changes(tink, [("t", template), ("w", plain)]) == ["created"] * 2
    _, write = await tink.agents.get_action(MAC)
    assert write.action.environment == ("DISK=0",)


async def test_what_no_database_holds_is_told_of_what_was_rendered(tink: Tink) -> None:
    """A NUL that a template makes is a fault at its place in the rendered document."""
    files = [(name, text.replace("{{ index .Hardware.Disks 0 }}", r"a\0b")) for name, text in manifests()]
    with pytest.raises(RefusedError, match=r"rendered: tasks\[0\].actions\[0\].environment.DISK: has a NUL"):
        await tink.resources.apply(files)


async def test_one_address_in_two_spellings_is_one(tink: Tink) -> None:
    """Two machines of a batch can't have the same IPv6 address, however each writes it."""
    one = HARDWARE.format(name="m1", mac=MAC, address="2001:db8::1")
    two = HARDWARE.format(name="m2", mac=OTHER_MAC, address="2001:0DB8:0:0::1")
    with pytest.raises(RefusedError, match="IP address 2001:db8::1 belongs to Hardware default/m1"):
        await tink.resources.apply([("1", one), ("2", two)])


async def test_a_workflow_that_began_can_not_be_changed(tink: Tink) -> None:
    """Before its first action a workflow may be replaced; afterwards only deleted, by force while it runs."""
    *rest, (name, text) = manifests()
    await changes(tink, [*rest, (name, text)])
    _, before = await tink.agents.get_action(MAC)
    assert await changes(tink, [(name, text + "  note: new\n")]) == ["configured"]
    _, turn = await tink.agents.get_action(MAC)
    assert turn.action.id != before.action.id
    with pytest.raises(UnknownActionError):
        await tell(tink, before, ActionState.RUNNING)
    await tell(tink, turn, ActionState.RUNNING)
    with pytest.raises(RefusedError, match="is RUNNING"):
        await tink.resources.apply([(name, text)])
    with pytest.raises(ConflictError, match="RUNNING"):
        await tink.resources.delete(WORKFLOW)
    with pytest.raises(ConflictError, match="in use"):
        await tink.resources.delete(MACHINE)
    await tink.resources.delete(WORKFLOW, force=True)
    assert await netboots(tink)  # its disk may be half written
    with pytest.raises(UnknownActionError):
        await tell(tink, turn, ActionState.SUCCESS)
    await tink.resources.delete(MACHINE)
    with pytest.raises(MissingError):
        await tink.resources.delete(MACHINE)


def disabled(*files: tuple[str, str]) -> list[tuple[str, str]]:
    """The same, its workflows with `disabled: true`."""
    return [(name, text.replace("  templateRef", "  disabled: true\n  templateRef")) for name, text in files]


async def test_a_disabled_workflow_is_kept_and_nothing_of_it_is_done(tink: Tink) -> None:
    """`disabled: true` is accepted; its agent gets no work, its machine boots as the operator wrote, and
    whatever is asked of it says why, until it is applied without."""
    assert await changes(tink, disabled(*manifests())) == ["created"] * 3
    assert (await state(tink), await netboots(tink)) == (State.PREPARING, False)
    with pytest.raises(NoWorkError):
        await tink.agents.get_action(MAC)
    shown = (await Queries(tink.store).resource(WORKFLOW))["status"]
    assert (shown["state"], shown["disabled"]) == ("PREPARING", True)
    for operation in (tink.operations.cancel, tink.operations.retry, tink.operations.run_again):
        with pytest.raises(ConflictError, match="is disabled"):
            await operation(WORKFLOW)
    await tink.tick()
    await netboot(tink, MAC)
    assert await state(tink) is State.PREPARING
    assert await changes(tink, manifests()[2:]) == ["configured"]
    assert (await state(tink), await netboots(tink)) == (State.PENDING, True)
    assert (await tink.agents.get_action(MAC))[1].action.name == "write"


async def test_a_disabled_workflow_is_in_nobodys_way(tink: Tink) -> None:
    """A younger workflow of the machine runs to its end, and netboot then goes off; enabling the older one
    puts it behind, and deleting it while it is disabled leaves netboot alone."""
    await changes(tink, disabled(*manifests()))
    second = manifests()[2][1].replace("install-m1", "second")
    await changes(tink, [("w", second)])
    for _ in range(2):
        workflow, turn = await tink.agents.get_action(MAC)
        assert workflow.name == "second"
        await tink.agents.report("default/second", MAC, turn.action.id, ActionState.SUCCESS)
    assert not await netboots(tink)
    await changes(tink, [("h", manifests()[0][1].replace("allowPXE: false", "allowPXE: true"))])
    await tink.operations.run_again(Ref(Kind.WORKFLOW, "default", "second"))
    await tink.operations.cancel(Ref(Kind.WORKFLOW, "default", "second"))
    await tink.resources.delete(WORKFLOW)
    assert await netboots(tink)


async def test_what_has_not_begun_can_be_disabled(tink: Tink) -> None:
    """A pending workflow can be taken out of the queue, whatever its agent was handed; one that runs is
    refused with what to do. `disabled: false` is the same as nothing, at any time."""
    await changes(tink, manifests())
    _, turn = await tink.agents.get_action(MAC)
    assert await changes(tink, disabled(*manifests())[2:]) == ["configured"]
    assert not await netboots(tink)
    with pytest.raises(UnknownActionError):
        await tell(tink, turn, ActionState.RUNNING)
    with pytest.raises(NoWorkError):
        await tink.agents.get_action(MAC)
    enabled = disabled(*manifests())[2][1].replace("true", "false", 1)
    await changes(tink, [("w", enabled)])
    _, turn = await tink.agents.get_action(MAC)
    await tell(tink, turn, ActionState.RUNNING)
    assert await changes(tink, manifests()[2:]) == ["configured"]
    with pytest.raises(RefusedError, match=r"spec.disabled: the workflow is RUNNING: .*cancel it"):
        await changes(tink, disabled(*manifests())[2:])
    await tell(tink, turn, ActionState.SUCCESS)  # it went on


async def test_deleting_what_never_began_takes_netboot_back(tink: Tink) -> None:
    """A pending workflow is deleted without force, and the machine boots as the operator wrote."""
    await changes(tink, manifests())
    await tink.resources.delete(WORKFLOW)
    assert not await netboots(tink)


async def test_a_failed_machine_goes_on_netbooting(tink: Tink) -> None:
    """After a failure netboot stays on, so that no half-written disk is booted; the reason is kept."""
    await changes(tink, manifests())
    _, turn = await tink.agents.get_action(MAC)
    await tell(tink, turn, ActionState.FAILED, message="exit code 4; last lines:\nsha256 differs\0")
    found = await Queries(tink.store).resource(WORKFLOW)
    assert found["status"]["state"] == "FAILED"
    for word in ("write", "exit code 4", "sha256 differs"):
        assert word in found["status"]["message"]
    assert await netboots(tink)
    with pytest.raises(NoWorkError):
        await tink.agents.get_action(MAC)


async def test_two_machines_never_get_each_others_work(tink: Tink) -> None:
    """Each agent gets its own workflow, may not report on the other's, and is not told of it."""
    await changes(tink, [*manifests(), *(manifests("m2", OTHER_MAC, "10.0.0.2")[i] for i in (0, 2))])
    (one, mine), (two, theirs) = await asyncio.gather(
        tink.agents.get_action(MAC), tink.agents.get_action(OTHER_MAC)
    )
    assert (one.name, two.name) == ("install-m1", "install-m2")
    assert mine.action.id != theirs.action.id
    with pytest.raises(NotYoursError):
        await tell(tink, mine, ActionState.SUCCESS, agent=OTHER_MAC)
    with pytest.raises(UnknownActionError):
        await tell(tink, theirs, ActionState.SUCCESS)
    with pytest.raises(NoWorkError):
        await tink.agents.get_action("52:54:00:00:00:03")


async def test_a_lost_reboot_report_is_made_up_by_the_boot(tink: Tink) -> None:
    """The netboot after the reboot completes it, the workflow with it, and netboot is off."""
    await changes(tink, manifests())
    _, write = await tink.agents.get_action(MAC)
    await tell(tink, write, ActionState.SUCCESS)
    assert await netboot(tink, MAC) == "install"
    assert await state(tink) is State.RUNNING
    await tink.agents.get_action(MAC)
    assert await netboot(tink, MAC) == "disk"
    assert (await state(tink), await netboots(tink)) == (State.SUCCESS, False)


async def _journal(tink: Tink, mac: str) -> list[tuple[str, object]]:
    rows = await Queries(tink.store).machine_rows(machine_events, mac, 0, 100)
    return [(row["event"], row["fields"]) for row in rows]


async def test_a_machine_that_nobody_knows_is_discovered_once(tink: Tink) -> None:
    """However often it asks again: that is nothing new."""
    said = Netboot(OTHER_MAC, "10.0.0.9", {"uuid": "u"})
    for asked in range(3):
        assert (await tink.machines.netbooted(replace(said, asked=asked), choose)).kind == "unknown"
    assert await _journal(tink, OTHER_MAC) == [
        ("discovered", {"by": "ipxe", "address": "10.0.0.9", "uuid": "u"}),
        ("ipxe_script", {"kind": "unknown", "uuid": "u"}),
    ]


async def test_a_machine_that_is_held_is_journaled_when_it_no_longer_is(tink: Tink) -> None:
    """And its reboot isn't taken for done because it asked again."""
    await changes(tink, manifests())
    _, write = await tink.agents.get_action(MAC)
    await tell(tink, write, ActionState.SUCCESS)
    await tink.agents.get_action(MAC)
    said = Netboot(MAC, "10.0.0.1", {}, asked=1)
    await tink.machines.netbooted(said, lambda _: Answered("error"))
    await tink.machines.netbooted(said, choose)
    assert await state(tink) is State.RUNNING
    assert [fields for event, fields in await _journal(tink, MAC) if event == "ipxe_script"] == [
        {"kind": "install"}
    ]


async def test_a_netboot_that_can_t_be_answered_changes_nothing(tink: Tink) -> None:
    """Reboot, answer and journal are one transaction."""
    await changes(tink, manifests())
    _, write = await tink.agents.get_action(MAC)
    await tell(tink, write, ActionState.SUCCESS)
    await tink.agents.get_action(MAC)

    def fail(_: object) -> Answered:
        raise RuntimeError("no script")

    with pytest.raises(RuntimeError, match="no script"):
        await tink.machines.netbooted(Netboot(MAC, "10.0.0.1", {}), fail)
    assert await state(tink) is State.RUNNING
    assert await netboot(tink, MAC) == "disk"


async def test_a_clock_that_is_set_back_lets_nobody_push_in(tink: Tink, clock: Clock) -> None:
    """What is applied, or retried, is behind what was there before, whatever the clock says: two workflows
    never interleave on a machine."""
    await changes(tink, manifests())
    _, turn = await tink.agents.get_action(MAC)
    await tell(tink, turn, ActionState.RUNNING)
    clock.at -= 3600
    others = [manifests()[2][1].replace("install-m1", name) for name in ("b", "a")]
    await changes(tink, [("w", "---\n".join(others))])
    await tell(tink, turn, ActionState.FAILED)
    clock.at -= 3600
    await tink.operations.retry(WORKFLOW)
    order = []
    for _ in range(3):
        workflow, _ = await tink.agents.get_action(MAC)
        order.append(workflow.name)
        await tink.operations.cancel(Ref(Kind.WORKFLOW, "default", workflow.name))
    assert order == ["b", "a", "install-m1"]


async def test_who_runs_is_not_pushed_aside(tink: Tink, clock: Clock) -> None:
    """An agent in the middle of a workflow goes on with that, though one was applied with an earlier time."""
    await changes(tink, manifests())
    _, turn = await tink.agents.get_action(MAC)
    await tell(tink, turn, ActionState.SUCCESS)
    clock.at -= 3600
    await changes(tink, [("w", manifests()[2][1].replace("install-m1", "second"))])
    workflow, turn = await tink.agents.get_action(MAC)
    assert (workflow.name, turn.action.name) == ("install-m1", "restart")


async def test_netboot_stays_on_for_the_next_workflow(tink: Tink) -> None:
    """One workflow's success leaves netboot on while another on the same machine waits for it."""
    *rest, (name, text) = manifests()
    await changes(tink, [*rest, (name, text), ("next", text.replace("install-m1", "next"))])
    for _ in range(2):
        _, turn = await tink.agents.get_action(MAC)
        await tell(tink, turn, ActionState.SUCCESS)
    assert (await state(tink), await netboots(tink)) == (State.SUCCESS, True)
    workflow, _ = await tink.agents.get_action(MAC)
    assert workflow.name == "next"


async def test_the_first_question_of_each_boot_is_journaled(tink: Tink) -> None:
    """worker_up is told once a boot, however often and concurrently the worker asks."""
    await changes(tink, [manifests()[0]])

    async def ask() -> None:
        with pytest.raises(NoWorkError):
            await tink.agents.get_action(MAC, {"cpu": {"total_cores": 2}})

    for _ in range(2):
        await tink.machines.record(MAC, "ipxe_script", {"kind": "install"})
        await asyncio.gather(*(ask() for _ in range(5)))
        await ask()
    rows = await Queries(tink.store).resources(Kind.HARDWARE, Wanted(), ("", ""), 1)
    assert len(rows.items) == 1
    machine = await Queries(tink.store).machine(MAC)
    assert (machine["hardware"], machine["attributes"]) == ("m1", {"cpu": {"total_cores": 2}})
    events = await Queries(tink.store).machine_rows(machine_events, MAC, 0, 100)
    assert [row["event"] for row in events] == ["ipxe_script", "worker_up"] * 2


async def test_allow_workflow_false_gives_no_work(tink: Tink) -> None:
    """A machine that the operator closed for workflows waits."""
    hardware, *rest = manifests()
    await changes(tink, [("h", hardware[1].replace("allowWorkflow: true", "allowWorkflow: false")), *rest])
    with pytest.raises(OutOfTurnError, match="allowWorkflow"):
        await tink.agents.get_action(MAC)


async def _overdue(tink: Tink, clock: Clock) -> None:
    """Two machines' workflows, each with an action that takes longer than it may."""
    await changes(tink, [*manifests(), *(manifests("m2", OTHER_MAC, "10.0.0.2")[i] for i in (0, 2))])
    for mac in (MAC, OTHER_MAC):
        workflow, turn = await tink.agents.get_action(mac)
        await tink.agents.report(f"default/{workflow.name}", mac, turn.action.id, ActionState.RUNNING)
    clock.at += 1000


async def test_one_workflow_s_defect_keeps_no_other_waiting(tink: Tink, clock: Clock) -> None:
    """What can't be looked at is logged and left; the others' timeouts are enforced."""
    await _overdue(tink, clock)
    columns = workflows.c
    async with tink.store.write() as connection:
        found = sa.select(columns.document).where(columns.name == "install-m1")
        document = (await connection.execute(found)).scalar_one()
        document["tasks"][0]["actions"][0]["started_at"] = "yesterday"
        broken = workflows.update().where(columns.name == "install-m1").values(document=document)
        await connection.execute(broken)
    with capture_logs() as logs:
        await tink.watch.look(serving_since=0)
    told = [each for each in logs if each["event"] == "workflow not looked at"]
    assert [each["workflow"] for each in told] == ["default/install-m1"]
    other = await Queries(tink.store).workflow(Ref(Kind.WORKFLOW, "default", "install-m2"))
    assert other.state is State.TIMEOUT


async def test_a_tick_that_fails_is_followed_by_the_next(store: Store, clock: Clock) -> None:
    """Whatever it was that failed: it is logged, and timeouts are enforced by the tick after it."""
    asked = 0

    def steady() -> float:
        nonlocal asked
        asked += 1
        if asked == 2:  # the first tick; before it the engine looked once
            raise LookupError("no clock")
        return clock.at

    with capture_logs() as logs:
        async with Tink(store, tick_s=0.05, now=clock, steady=steady) as tink:
            await _overdue(tink, clock)
            found = await Queries(store).workflow(WORKFLOW)
            with tink.notifier.listening(topics.workflow(found)) as bell:
                while await state(tink) is not State.TIMEOUT:
                    assert await wait(bell, 30)
                    bell.clear()
    assert "tick failed" in {each["event"] for each in logs}


async def test_overdue_actions_are_ended_by_the_tick(tink: Tink, clock: Clock) -> None:
    """A silent worker's action times out, and the workflow says which."""
    await changes(tink, manifests())
    _, turn = await tink.agents.get_action(MAC)
    await tell(tink, turn, ActionState.RUNNING)
    clock.at += 119
    await tink.watch.look(serving_since=0)
    assert await state(tink) is State.RUNNING
    clock.at += 2
    await tink.watch.look(serving_since=0)
    assert await state(tink) is State.TIMEOUT


class Away:
    """A store that can't be written to while it is away."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.away = True
        self.asked = asyncio.Event()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """As the store, or an error."""
        self.asked.set()
        if self.away:
            raise OSError("no such database")
        async with self._store.write() as connection:
            yield connection


async def test_a_machine_s_lines_wait_for_a_store_that_is_away(store: Store, clock: Clock) -> None:
    """What it logs meanwhile is stored in its order once the store is back."""
    away = Away(store)
    lines = MachineLog(cast(Store, away), Notifier(), clock)
    lines.add(MAC, "one")
    await asyncio.wait_for(away.asked.wait(), 30)
    lines.add(MAC, "two")
    away.away = False
    await lines.close()
    rows = await Queries(store).machine_rows(machine_logs, MAC, 0, 10)
    assert [row["text"] for row in rows] == ["one", "two"]


async def test_hardware_changes_are_told(tink: Tink) -> None:
    """The netboot service hears of new hardware and of each toggle, and of nothing else."""
    heard = tink.machines.changes()
    assert isinstance(heard, AsyncGenerator)
    await anext(heard)
    assert await tink.machines.every() == []
    waiting = asyncio.ensure_future(anext(heard))
    await changes(tink, manifests())
    await asyncio.wait_for(waiting, 10)
    assert [(i.mac, i.address) for i in await tink.machines.every()] == [(MAC, "10.0.0.1")]
    await heard.aclose()


async def test_concurrent_applies_do_not_mix(tink: Tink) -> None:
    """Of two batches that claim one address at once, one is applied and one is told why not."""
    both = [[("f", HARDWARE.format(name=f"x{n}", mac=MAC, address="10.0.0.1"))] for n in range(2)]
    outcomes = await asyncio.gather(*(tink.resources.apply(files) for files in both), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Applied", "RefusedError"]


async def test_the_servers_policy_wins_over_a_template(store: Store) -> None:
    """With require_verified every action gets REQUIRE_VERIFIED=true, also where its template says false."""
    hardware, template, workflow = manifests()
    lax = template[1].replace("{DISK:", "{REQUIRE_VERIFIED: 'false', DISK:")
    async with Tink(store, require_verified=True, tick_s=3600) as strict:
        await strict.resources.apply([hardware, (template[0], lax), workflow])
        _, turn = await strict.agents.get_action(MAC)
    assert turn.action.environment == ("DISK=/dev/vda", "REQUIRE_VERIFIED=true")
