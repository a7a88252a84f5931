"""Isolated, restricted: how a device that is so is spoken of, by its own last word."""

from server.live.inventory import Device


def flags(device: Device) -> list[str]:
    """The words of the prompt and of lists."""
    found = []
    if device.isolation is not None and device.isolation.scope != "none":
        found.append("isolated")
    if device.restriction is not None and device.restriction.on:
        found.append("restricted")
    return found


def told(device: Device) -> list[str]:
    """What the first screen of a session says."""
    isolation, restriction = device.isolation, device.restriction
    scope = isolation.scope if isolation is not None else "none"
    words = {"none": "not isolated", "full": "isolated", "selective": "isolated but for its rules"}
    first = words[scope]
    if isolation is not None and isolation.left_s is not None and scope != "none":
        first += f", for {isolation.left_s / 60:.0f} min more"
    if restriction is None or not restriction.on:
        return [first, "not restricted"]
    return [first, "restriction broken" if restriction.broken else "restricted"]
