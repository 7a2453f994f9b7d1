"""CONTROL: DHCP and TFTP by dnsmasq, iPXE scripts, artifacts over HTTP, syslog, phone-home."""
