"""Networks that are told by kernel parameters, with nobody else in them."""

import re

from .conftest import MAC, Booted, Ramdisks


async def test_a_machine_comes_up_on_a_tagged_vlan(ramdisk: Ramdisks, console: Booted) -> None:
    """With the smallest ramdisk, told as boots tells it; a hostname too long, a byte that is no text."""
    built = ramdisk("virtual")
    fixed = f"{MAC.replace(':', '-')}::10.7.0.5:255.255.255.0::{'long.' * 20}:::"
    lines = await console(
        built.kernel,
        built.initramfs,
        built.manifest.memory_min_mib,
        "osie: network (ok .* source=|failed)",
        parameters=f"facility=caf\udce9 vlan_id=7 ipam={fixed}",  # one byte, 0xe9 (PEP 383)
    )
    (said,) = [line for line in lines if "osie: network ok" in line]
    assert re.search(r"interface=\S+\.7 address=10\.7\.0\.5/24", said)
