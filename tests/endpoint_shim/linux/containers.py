"""A container as Docker has it: bridge, address, and the rules of one that publishes port 8080."""

from tests.endpoint_shim.linux.nets import Host, cable

BOX = "172.17.0.2"
RULES = """table ip nat {
	chain DOCKER {
		iifname != "docker0" tcp dport 8080 dnat to 172.17.0.2:80
	}
	chain PREROUTING {
		type nat hook prerouting priority dstnat; policy accept;
		fib daddr type local jump DOCKER
	}
	chain POSTROUTING {
		type nat hook postrouting priority srcnat; policy accept;
		ip saddr 172.17.0.0/16 oifname != "docker0" masquerade
	}
}
table ip filter {
	chain DOCKER-USER {
		return
	}
	chain FORWARD {
		type filter hook forward priority filter; policy drop;
		jump DOCKER-USER
		ct state related,established accept
		oifname "docker0" ip daddr 172.17.0.2 tcp dport 80 accept
		iifname "docker0" accept
	}
}
"""


def publish(out: Host, host: Host, box: Host, ends: tuple[str, str], more: str = "") -> None:
    """`box` becomes a container of `host`, and is published to `out`; with `more` of rules."""
    outside, here = ends
    cable(out, host, ("o0", "h0"), (f"{outside}/24", f"{here}/24"))
    host.ip("link", "add", "docker0", "type", "bridge")
    host.ip("link", "set", "docker0", "up")
    cable(host, box, ("h1", "b0"))
    box.ip("addr", "add", f"{BOX}/16", "dev", "b0")
    host.ip("link", "set", "h1", "master", "docker0")
    host.ip("addr", "add", "172.17.0.1/16", "dev", "docker0")
    out.ip("route", "add", "default", "via", here)
    box.ip("route", "add", "default", "via", "172.17.0.1")
    host.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
    host.run("nft", "-f", "-", given=more + RULES)
