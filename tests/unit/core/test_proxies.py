"""Which URLs are fetched through a proxy."""

import urllib.parse

import pytest

from osie.core.proxies import is_direct, proxy_for

# NO_PROXY, URL, whether its server is asked directly: what golang.org/x/net/http/httpproxy v0.62.0 says
GO_SAYS = [
    ("10.0.0.0/8", "http://10.1.2.3/x", True),
    ("10.0.0.0/8", "http://11.1.2.3/x", False),
    ("10.9.9.9/8", "https://10.1.2.3", True),
    ("10.0.0.0/255.0.0.0", "http://10.1.2.3", False),
    ("10.0.0.0/33", "http://10.1.2.3", False),
    ("10.0.0/8", "http://10.1.2.3", False),
    ("10.0.0.0/8", "http://10.example", False),
    (" 10.0.0.0/8 , 192.168.0.0/16 ", "http://192.168.1.1", True),
    ("0.0.0.0/0", "http://198.51.100.7", True),
    ("0.0.0.0/0", "http://[2001:db8::1]", False),
    ("2001:db8::/32", "http://[2001:db8:1::5]", True),
    ("2001:db8::/32", "http://[2001:db9::5]", False),
    ("2001:DB8::1", "http://[2001:db8::1]:8080", True),
    ("[2001:db8::1]", "http://[2001:db8::1]", False),
    ("[2001:db8::1]:8080", "http://[2001:db8::1]:8080", True),
    ("[2001:db8::1]:8080", "http://[2001:db8::1]", False),
    ("fe80::/10", "http://[fe80::1%25eth0]", True),
    ("::ffff:10.0.0.0/104", "http://10.1.2.3", True),
    ("10.0.0.0/8", "http://[::ffff:10.1.2.3]", True),
    ("10.1.2.3", "http://10.1.2.3:8080", True),
    ("10.1.2.3:80", "http://10.1.2.3", True),
    ("10.1.2.3:80", "https://10.1.2.3", False),
    ("10.1.2.3:", "https://10.1.2.3", True),
    ("*", "http://example.com", True),
    ("example.com,*", "http://[2001:db8::1]", True),
    ("**", "http://example.com", False),
    ("*:80", "http://example.com", False),
    ("example.com", "http://example.com", True),
    ("example.com", "http://www.example.com", True),
    ("example.com", "http://notexample.com", False),
    ("EXAMPLE.com", "http://example.COM", True),
    (".example.com", "http://example.com", False),
    (".example.com", "http://www.example.com", True),
    ("*.example.com", "http://example.com", False),
    ("*.example.com", "http://a.www.example.com", True),
    ("*example.com", "http://www.example.com", False),
    ("example.com:443", "https://www.example.com", True),
    ("example.com:443", "http://www.example.com", False),
    ("example.com:8080", "http://example.com:8080", True),
    ("example.com.", "http://example.com", False),
    ("example.com", "http://example.com.", False),
    ("com", "http://example.com", True),
    ("http://example.com", "http://example.com", False),
    ("example.com/", "http://example.com", False),
    ("example.com other.com", "http://example.com", False),
    ("1.2.3", "http://10.1.2.3", False),
    (":80", "http://example.com", False),
    (",,", "http://example.com", False),
    ("", "http://example.com", False),
    ("", "http://localhost:8080", True),
    ("", "http://foo.localhost", False),
    ("", "http://127.0.0.1", True),
    ("", "http://127.9.9.9", True),
    ("", "http://[::1]", True),
    ("", "http://[::ffff:127.0.0.1]", True),
    ("", "http://0.0.0.0", False),
    ("bücher.example", "http://xn--bcher-kva.example", True),
    ("xn--bcher-kva.example", "http://bücher.example", True),
]


@pytest.mark.parametrize(("no_proxy", "url", "direct"), GO_SAYS)
def test_no_proxy_is_read_as_gos_programs_read_it(no_proxy: str, url: str, direct: bool) -> None:
    """Networks, addresses, domains, ports: what's written for the engine or upstream's actions holds here."""
    assert is_direct(url, {"NO_PROXY": no_proxy}) is direct


@pytest.mark.parametrize(
    ("environment", "url", "host"),
    [
        ({"HTTP_PROXY": "http://upper:1", "http_proxy": "http://lower:1"}, "http://a", "upper"),
        ({"HTTP_PROXY": "", "http_proxy": "lower:1"}, "http://a", "lower"),
        ({"HTTP_PROXY": "http://upper:1"}, "https://a", None),
        ({"https_proxy": "http://user:word@lower:1"}, "https://a", "lower"),
        ({"HTTP_PROXY": "http://upper:1"}, "file:///a", None),
        ({"HTTP_PROXY": "http://upper:1", "no_proxy": "a"}, "http://a", None),
        ({"HTTP_PROXY": "http://upper:1", "NO_PROXY": "b", "no_proxy": "a"}, "http://a", "upper"),
        ({}, "http://a", None),
    ],
)
def test_a_proxy_is_of_a_scheme(environment: dict[str, str], url: str, host: str | None) -> None:
    """Upper case comes first, as with Go's programs; an empty variable is none."""
    found = proxy_for(url, environment)
    assert (found.hostname if found else None) == host


@pytest.mark.parametrize(
    "proxy", ["socks5://secret:1", "https://secret", "http://", "http://secret:99999", "http://[secret"]
)
def test_a_proxy_that_cannot_be_used_is_an_error(proxy: str) -> None:
    """Rather than a request that goes to the wrong port of it. It may hold a password, and isn't shown."""
    with pytest.raises(ValueError) as caught:
        proxy_for("http://a", {"HTTP_PROXY": proxy})
    assert "secret" not in str(caught.value)


def test_a_proxy_is_given_with_its_password() -> None:
    """Whoever asks it has to show that."""
    found = proxy_for("http://a", {"HTTP_PROXY": "user:p%40ss@proxy:3128"})
    assert found == urllib.parse.urlsplit("http://user:p%40ss@proxy:3128")
