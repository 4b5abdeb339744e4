"""Where a request comes from, as far as that can be believed."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network

from rest_framework.request import Request
from rest_framework.settings import api_settings

IPV6_PREFIX = 64  # bits; what one customer has at least (RFC 6177), to choose among


def client_address(request: Request) -> str:
    """
    Return the address that a client cannot choose: an IPv6 one without its last half.

    That is REMOTE_ADDR, unless DRF's ``NUM_PROXIES`` says how many proxies of ours
    have added to X-Forwarded-For.
    """
    address = request.META.get("REMOTE_ADDR") or ""
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR")
    if api_settings.NUM_PROXIES and forwarded:
        hops = forwarded.split(",")
        address = hops[-min(api_settings.NUM_PROXIES, len(hops))].strip()
    return _network(address)


def _network(address: str) -> str:
    for text in (address, address.rpartition(":")[0].strip("[]")):  # some add a port
        try:
            found = ip_address(text)
        except ValueError:
            continue
        if not isinstance(found, IPv6Address):
            return str(found)
        if found.ipv4_mapped:
            return str(found.ipv4_mapped)
        return str(ip_network((int(found), IPV6_PREFIX), strict=False))
    return address
