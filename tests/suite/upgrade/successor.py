#!/usr/bin/python3 -B
"""A program that a tracker starts for an upgrade, and that fails at the step which the file `step` beside it names."""

import json
import pathlib
import socket
import struct
import sys
import time

STEP = (pathlib.Path(__file__).parent / "step").read_text()


def ends_at(step):
    if STEP == step:
        sys.exit(7)


ends_at("start")
if STEP == "silence":
    time.sleep(1000)
tracker = socket.socket(fileno=0)


def read(count, descriptors=0, source=tracker):
    data, received = b"", []
    while len(data) < count:
        some, passed, _, _ = socket.recv_fds(source, count - len(data), descriptors)
        assert some, "the tracker has ended"
        data, received = data + some, received + list(passed)
    return received if descriptors else data


def receive():
    return json.loads(read(int.from_bytes(read(4), "little")))


def send(message):
    text = json.dumps(message).encode()
    tracker.sendall(len(text).to_bytes(4, "little") + text)


introduction = receive()["Introduction"]
count, descriptors = 1 + len(introduction["sockets"]), []
while len(descriptors) < count:
    descriptors += read(1, 64)
sockets = [socket.socket(fileno=descriptor) for descriptor in descriptors[1:]]
for udp in [udp for udp in sockets if udp.type == socket.SOCK_DGRAM]:
    assert udp.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) > 4096, "it has the option of a process before this one"
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
ends_at("introduced")
if STEP == "refusal":
    send({"Failed": "it is Thursday"})
    sys.exit(1)
send({"Accepted": {"version": "7.0"}})
ends_at("accepted")
if STEP == "hang":
    time.sleep(1000)
if STEP == "wrong order":
    send("Loaded")
    receive()
send("Prepared")
while receive() != "Released":
    pass
ends_at("released")
if STEP == "released, late":
    (pathlib.Path(__file__).parent / "released").touch()
    time.sleep(2)
    sys.exit(7)
send("Loaded")
state = socket.socket(fileno=descriptors[0])
ends_at("state")
read(12, source=state)
ends_at("sent")
kind = None
while kind != 3:  # END of snapshot::frames.
    kind, length = struct.unpack("<HxxI4x", read(12, source=state))
    read(length, source=state)
send({"Serving": {"swarms": 1, "peers": 1}})
while receive() != "MainProcess":
    pass
if STEP == "served, late":
    time.sleep(1000)
sys.exit(7)
