"""Refuses addresses beyond this machine to Python's sockets, with an error that says why."""

from __future__ import annotations

import errno
import functools
import os
from typing import Any

from .imports import after_import

_ADVICE = "the sandbox has no network; --network opens it"
_LOCAL_NAMES = ("", "localhost", "localhost.localdomain", "ip6-localhost", "0.0.0.0", "::", "<broadcast>")


def install() -> None:
    after_import("socket", _patch)


def _patch(module: Any) -> None:
    own_names = {module.gethostname().lower()}

    def guarded(name: str, position: int) -> None:
        original = getattr(module.socket, name)

        @functools.wraps(original)
        def method(self: Any, *arguments: Any) -> Any:
            index = len(arguments) - 1 if position < 0 else position
            if self.family in (module.AF_INET, module.AF_INET6) and len(arguments) > index:
                address = arguments[index]
                if isinstance(address, tuple) and address and not is_local(address[0]):
                    reason = f"{os.strerror(errno.ENETUNREACH)}: {address[0]} ({_ADVICE})"
                    raise OSError(errno.ENETUNREACH, reason)
            return original(self, *arguments)

        setattr(module.socket, name, method)

    def is_local(host: Any) -> bool:
        import ipaddress

        text = host.decode() if isinstance(host, bytes) else str(host)
        if text.lower() in _LOCAL_NAMES or text.lower() in own_names:
            return True
        try:
            address = ipaddress.ip_address(text.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return bool((mapped or address).is_loopback) or is_own(text)

    def is_own(text: str) -> bool:
        family = module.AF_INET6 if ":" in text else module.AF_INET
        try:
            with module.socket(family, module.SOCK_STREAM) as trial:
                trial.bind((text, 0))
        except OSError:
            return False
        return True

    look_up = module.getaddrinfo

    @functools.wraps(look_up)
    def getaddrinfo(host: Any, *arguments: Any, **keywords: Any) -> Any:
        if host is not None and not is_local(host):
            raise module.gaierror(module.EAI_AGAIN, f"{host}: the sandbox has no network; --network opens it")
        return look_up(host, *arguments, **keywords)

    module.getaddrinfo = getaddrinfo
    guarded("connect", 0)
    guarded("connect_ex", 0)
    guarded("sendto", -1)
    guarded("sendmsg", 3)
