"""The kernel's command line: what boots writes is what the ramdisk reads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osie.contracts import kernel_parameters as kp

NAMES = st.text(st.characters(codec="ascii", categories=["L", "N"], include_characters="_.-"), min_size=1)
VALUES = st.text(st.characters(codec="ascii", min_codepoint=32, exclude_characters='"'))


@given(st.lists(st.tuples(NAMES, VALUES)))
def test_split_reads_what_join_wrote(pairs: list[tuple[str, str]]) -> None:
    """Any names and values survive the command line, blanks and equal signs included."""
    assert kp.split(kp.join(pairs)) == pairs


@given(st.text())
def test_any_command_line_can_be_parsed(cmdline: str) -> None:
    """Other programs' parameters, however odd, never stop a boot."""
    assert isinstance(kp.parse(cmdline), kp.KernelParameters)


@pytest.mark.parametrize("value", ['a"b', "a\nb", "\x00"])
def test_a_value_that_would_break_out_is_refused(value: str) -> None:
    """A quote or a control character can't smuggle a parameter in."""
    with pytest.raises(ValueError, match="quote or a control character"):
        kp.join([("worker_id", value)])


def test_the_machine_is_known_by_worker_id_then_hw_addr_then_bootif() -> None:
    """The identity falls back to the NIC that netbooted, in whichever form it is told."""
    assert kp.parse("worker_id=w1 hw_addr=52:54:00:00:00:01").identity == "w1"
    assert kp.parse("hw_addr=52-54-00-00-00-0A").identity == "52:54:00:00:00:0a"
    assert kp.parse("BOOTIF=01-52-54-00-00-00-0b").identity == "52:54:00:00:00:0b"
    assert kp.parse("quiet splash").identity == ""


def test_all_parameters_are_read() -> None:
    """Each parameter of the contract ends in its field."""
    got = kp.parse(
        "grpc_authority=10.0.0.1:42113 tinkerbell_tls=true tinkerbell_insecure_tls=false worker_id=w "
        "interface=eth1 vlan_id=12 syslog_host=10.0.0.2 syslog_port=1514 docker_registry=r:5000 "
        "registry_username=u registry_password=p insecure_registries=a:1,b:2 tink_worker_image=x/y:z "
        "https_proxy=http://p:3128 facility=lab osie.debug osie.ntp=10.0.0.3,10.0.0.4 "
        "osie.engine_args=--debug"
    )
    assert (got.grpc_authority, got.tls, got.insecure_tls) == ("10.0.0.1:42113", True, False)
    assert (got.interface, got.vlan_id, got.syslog_host, got.syslog_port) == ("eth1", "12", "10.0.0.2", 1514)
    assert (got.docker_registry, got.registry_username, got.registry_password) == ("r:5000", "u", "p")
    assert got.insecure_registries == ("a:1", "b:2")
    assert (got.tink_worker_image, got.proxies["HTTPS_PROXY"]) == ("x/y:z", "http://p:3128")
    assert got.debug
    assert (got.ntp, got.engine_args) == (("10.0.0.3", "10.0.0.4"), ("--debug",))
    assert got.worker_environment()["TINKERBELL_GRPC_AUTHORITY"] == "10.0.0.1:42113"


def test_a_password_is_not_in_the_representation() -> None:
    """Logging the parameters doesn't log the secret."""
    assert "hunter2" not in repr(kp.parse("registry_password=hunter2"))
