"""A device's flood, in a process of its own: `flood.py KIND PLACE CA CERTIFICATE KEY PATH FIRST`.

It sends FIRST, then the same frames without end until it is cut or its input ends. Only the
standard library: it has to be faster than whom it floods.
"""

import json
import select
import socket
import ssl
import struct
import sys
import threading

MASKED, FINAL = 0x80, 0x80
CONT, TEXT, PING = 0, 1, 9


def frame(opcode: int, data: bytes, final: bool = True) -> bytes:
    head = bytes([(FINAL if final else 0) | opcode])
    size = bytes([MASKED | len(data)]) if len(data) < 126 else struct.pack(">BH", 254, len(data))
    return head + size + bytes(4) + data


FLOODS = {
    "pings": frame(PING, b"x" * 125) * 500,
    "pings unread": frame(PING, b"x" * 125) * 500,
    "beats": frame(TEXT, json.dumps({"m": "beat", "number": 1}).encode()) * 1000,
    "reports": frame(TEXT, json.dumps({"m": "report"}).encode()) * 1000,
    "pieces": frame(TEXT, b"{", final=False) + frame(CONT, b"", final=False) * 10_000,
    "strays": frame(CONT, b"", final=False) * 10_000,
    "rows": frame(TEXT, b'{"item":"row","row":{"pid":1,"name":"x"}}') * 1000,
}
REQUEST = (
    "GET {} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def dialled(place: str, ca: str, certificate: str, key: str) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(ca)
    context.load_cert_chain(certificate, key)
    host, _, port = place.rpartition(":")
    return context.wrap_socket(socket.create_connection((host, int(port))), server_hostname=host)


def read(line: ssl.SSLSocket) -> None:
    try:
        while line.recv(65_536):
            pass
    except OSError:
        pass


def main() -> None:
    kind, place, ca, certificate, key, path, first = sys.argv[1:]
    line = dialled(place, ca, certificate, key)
    line.sendall(REQUEST.format(path).encode())
    line.recv(4096)
    line.sendall(frame(TEXT, first.encode()))
    line.recv(4096)  # the Welcome, or the Start: from here on it is let in
    if kind != "pings unread":
        threading.Thread(target=read, args=[line], daemon=True).start()
    line.settimeout(1)
    print("flooding", flush=True)
    try:
        while not select.select([sys.stdin], [], [], 0)[0]:
            line.sendall(FLOODS[kind])
    except OSError as error:
        print(f"stopped: {error}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
