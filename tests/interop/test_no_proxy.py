"""NO_PROXY, as Go's own function has it: thousands of made-up lists and URLs."""

import os
import random
import subprocess
from pathlib import Path

from osie.core.proxies import is_direct

_MODULE = """\
module verdicts
go 1.24
require golang.org/x/net v0.62.0
"""
_PROGRAM = """\
package main

import (
	"bufio"
	"fmt"
	"net/url"
	"os"
	"strings"

	"golang.org/x/net/http/httpproxy"
)

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		list, at, _ := strings.Cut(lines.Text(), "\\t")
		parsed, err := url.Parse(at)
		if err != nil {
			panic(err)
		}
		settings := httpproxy.Config{HTTPProxy: "proxy:1", HTTPSProxy: "proxy:1", NoProxy: list}
		proxy, err := settings.ProxyFunc()(parsed)
		fmt.Println(proxy == nil && err == nil)
	}
}
"""
_HOSTS = (
    "example.com", "www.Example.com", "notexample.com", "com", "example.com.", "localhost", "a", "10.1.2.3",
    "127.9.9.9", "0.0.0.0", "[::1]", "[2001:db8::1]", "[fe80::1%25eth0]", "[::ffff:10.1.2.3]", "127.1",
)  # fmt: skip
_ENTRIES = (
    "10.0.0.0/8", "10.1.2.3", "2001:db8::/32", "[2001:db8::1]", "::ffff:10.0.0.0/104", "0.0.0.0/0", "*",
    "*.example.com", ".example.com", "example.com", "com", "127.0.0.0/8", "fe80::1", "a", "", " ",
)  # fmt: skip


def _entry() -> str:
    """An entry, at times with a port, and at times with a slip of the pen or two."""
    letters = list(random.choice(_ENTRIES) + random.choice(["", "", ":80", ":443", ":", "/16"]))
    for _ in range(random.choice([0, 0, 1, 2])):
        letters.insert(random.randrange(len(letters) + 1), random.choice(".*:[]/01a%"))
    return "".join(letters)


def _url() -> str:
    return (
        f"{random.choice(['http', 'https'])}://{random.choice(_HOSTS)}{random.choice(['', ':80', ':443'])}/x"
    )


def test_no_proxy_says_what_go_says(tmp_path: Path) -> None:
    """Each verdict is Go's: whether a proxy is asked for the URL, or its server."""
    (tmp_path / "go.mod").write_text(_MODULE)
    (tmp_path / "main.go").write_text(_PROGRAM)
    environment = {**os.environ, "GOFLAGS": "-mod=mod"}
    subprocess.run(["go", "build", "-o", "verdicts", "."], cwd=tmp_path, env=environment, check=True)
    cases = [(",".join(_entry() for _ in range(random.choice([1, 1, 2]))), _url()) for _ in range(20_000)]
    said = subprocess.run(
        [tmp_path / "verdicts"],
        input="".join(f"{no_proxy}\t{url}\n" for no_proxy, url in cases),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    differ = [
        (no_proxy, url, verdict)
        for (no_proxy, url), verdict in zip(cases, said, strict=True)
        if is_direct(url, {"NO_PROXY": no_proxy}) != (verdict == "true")
    ]
    assert not differ
