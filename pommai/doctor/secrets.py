"""The toy's token or secret: whether it can be read, by whom, and for how long it is good. Never what it is."""

from __future__ import annotations

import base64
import json
import shlex
from contextlib import AsyncExitStack
from typing import Final

from pommai.doctor.finding import Finding, broken, note, ok, wrong
from pommai.doctor.surroundings import Surroundings
from pommai.errors import CloudFunctionError, PommaiError, SecretError, SettingsError
from pommai.io.clock import is_before_this_make
from pommai.io.link_token import Credentials, StoredToken
from pommai.io.secret import SecretFile, SecretSource, SystemdCredential

SOON_SECONDS: Final = 7 * 86_400.0
"""A token that nobody renews and that ends so soon is worth a word."""
LEAST_LIFE: Final = 60.0
"""A shorter token is asked for all the time."""


async def token(surroundings: Surroundings) -> Finding:
    """Whether there is a token or secret, readable by the toy's user alone, and how old it is."""
    settings = surroundings.settings
    source = settings.token_file or settings.device_secret
    if source is None:
        words = "there is neither a token nor a secret to get one with"
        if surroundings.unit is not None:
            step = (
                "at the gateway: pommai devices add NAME --data FILE --boot-file pommai.toml; put that file on the "
                "toy's boot partition, and restart the toy"
            )
            return broken(f"nobody has set this toy up: {words}", step)
        step = "write it to a file (chmod 600) and name that in token_file; or give cloud_url and device_secret"
        return broken(words, step)
    try:
        secret = await source.read()
    except SecretError as caught:
        if isinstance(source, SystemdCredential) or surroundings.as_toy:
            step = surroundings.as_toy and f"{surroundings.as_toy} --only token"
            return note(f"not to be seen from here: {caught}", step)
        return broken(str(caught), _how_kept(source))
    if settings.token_file is not None:
        return _fixed(surroundings, settings.token_file, secret.reveal())
    return ok("the device's secret can be read; tokens are asked for with it, and renewed in time")


def _how_kept(source: SecretSource) -> str:
    """What a toy needs to be able to read its secret there."""
    if isinstance(source, SecretFile):
        step = f"it stands alone in {source.path}, in one line; the file is the toy's own user's, and nobody else's: "
        return step + f"chmod 600 {shlex.quote(str(source.path))}"
    return "tpm2_getcap handles-persistent lists what the TPM keeps; the toy's user must be in the group tss"


def _fixed(surroundings: Surroundings, source: SecretSource, token: str) -> Finding:
    """What can be told of a token that somebody has set."""
    figures: dict[str, object] = {}
    if isinstance(source, SecretFile):
        days = max(0.0, surroundings.wall() - source.path.stat().st_mtime) / 86_400
        figures |= {"file": str(source.path), "age_days": round(days, 1)}
    ends = _ends(token)
    if ends is not None:
        left = ends - surroundings.wall()
        figures["seconds_left"] = round(left)
        if is_before_this_make(int(surroundings.wall() * 1000)):
            return note("it has an end, and this clock cannot tell when that is", "see the check `clock`", **figures)
        if left <= 0:
            return broken(f"it ended {-left / 86_400:.1f} days ago", "get another from the server", **figures)
        if left < SOON_SECONDS:
            step = "get another, or have it renewed: cloud_url and device_secret"
            return wrong(f"it ends in {left / 86_400:.1f} days, and nobody renews it", step, **figures)
        return ok(f"one that ends in {left / 86_400:.0f} days", **figures)
    age = f", {figures['age_days']:.0f} days old" if "age_days" in figures else ""
    return ok(f"one that has no end written in it{age}", **figures)


def _ends(token: str) -> float | None:
    """When a JSON Web Token ends (RFC 7519, `exp`), seconds since 1970; None for a token that does not say."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return None
    ends = claims.get("exp") if isinstance(claims, dict) else None
    return float(ends) if isinstance(ends, int | float) and not isinstance(ends, bool) else None


async def credentials(surroundings: Surroundings, stack: AsyncExitStack) -> Credentials | None:
    """What the toy would show its server; None when it has nothing. Raises SettingsError and SecretError."""
    settings = surroundings.settings
    if settings.token_file is not None:
        await settings.token_file.read()
        return StoredToken(settings.token_file)
    if settings.cloud_url is None or settings.device_secret is None:
        return None
    from pommai.io.cloud_tokens import DeviceTokens
    from pommai.io.convex import ConvexClient

    await settings.device_secret.read()
    client = ConvexClient(surroundings.cloud_http(settings.cloud_url))
    stack.push_async_callback(client.close)
    return DeviceTokens(client, settings.device_id, settings.device_secret)


async def cloud(surroundings: Surroundings) -> Finding:
    """Whether the cloud's functions answer, and give this device its tokens; for how long those live."""
    settings = surroundings.settings
    if settings.cloud_url is None or settings.device_secret is None:
        return note("the settings name none: what the toy remembers goes over its connection")
    try:
        from pommai.io.convex import ConvexClient
    except ImportError as caught:
        return broken(f"the part that calls it is missing: {caught}", "pip install 'pommai[cloud]'")
    try:
        secret = await settings.device_secret.read()
        client = ConvexClient(surroundings.cloud_http(settings.cloud_url))
    except SecretError as caught:
        return note(f"not tried: {caught}", surroundings.as_toy and f"{surroundings.as_toy} --only cloud")
    except SettingsError as caught:
        return broken(str(caught), "put cloud_url right in pommai.toml")
    try:
        args = {"deviceId": settings.device_id, "deviceSecret": secret.reveal()}
        value = await client.call("action", "auth:authenticateDevice", args, attempts=1)
    except CloudFunctionError as caught:
        if caught.code == "RATE_LIMITED":
            return note(f"{client.host} has been asked too often; later it will say", code=caught.code)
        if caught.code == "AUTH_FAILED":
            step = f"register it anew: pommai devices add {settings.device_id}; then write the secret to its file"
            return broken(f"{client.host} knows no {settings.device_id} with this secret", step, code=caught.code)
        return broken(f"{client.host}: {caught}", "its own log says more", code=caught.code)
    except PommaiError as caught:
        return broken(f"{client.host} does not answer as it should: {caught}", "is cloud_url right, and is it up?")
    finally:
        await client.close()
    return _alive(surroundings, client.host, value)


def _alive(surroundings: Surroundings, host: str, value: object) -> Finding:
    given = value if isinstance(value, dict) else {}
    ends, now = given.get("expiresAt"), given.get("serverTime")
    if not isinstance(ends, int | float) or not isinstance(now, int | float) or not given.get("websocketToken"):
        return broken(f"{host} answers, and its answer holds no tokens", "is cloud_url the address of its functions?")
    life = (ends - now) / 1000
    ahead = now / 1000 - surroundings.wall()
    surroundings.server_minus_own.append(ahead)
    figures = {"token_life_s": round(life), "server_minus_own_s": round(ahead, 1)}
    if life < LEAST_LIFE:
        return wrong(f"{host} gives tokens that live for {life:.0f} s only", "its settings, or its clock", **figures)
    return ok(f"{host} gives tokens that live for {life / 60:.0f} minutes", **figures)
