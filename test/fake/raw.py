#!/usr/bin/python3
"""raw - bytes to a socket, step by step; what comes back goes to stdout.

raw.py host:port|unix:/path STEP...     as a client
raw.py listen:FILE STEP...               as a server on a free port of 127.0.0.1, which FILE will hold; the steps for each
                                         connection, which is then closed
    send:TEXT       TEXT with C escapes
    repeat:N:TEXT   N times TEXT, until the peer takes no more
    drip:S:TEXT     TEXT a byte at a time, S seconds between
    until:TEXT      read until TEXT has come
    take:N          read N bytes
    recv            read to the end; a reset is printed as <RESET>
    shut            end our writing side
    reset           close with a reset
    ready           print "ready" (a line), then wait to be killed
    idle:N          open N more connections that say nothing
A step that takes more than 20 seconds ends the program with <TIMEOUT> and status 1.
"""
import os
import select
import signal
import socket
import struct
import sys
import time

LIMIT = 20


def connect(where):
    if where.startswith("unix:"):
        s = socket.socket(socket.AF_UNIX)
        s.connect(where[5:])
    else:
        host, port = where.rsplit(":", 1)
        s = socket.create_connection((host.strip("[]"), int(port)))
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    s.settimeout(LIMIT)
    return s


def unescape(text):
    return text.encode("latin-1", "backslashreplace").decode("unicode_escape").encode("latin-1")


def show(data):
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def read_until(s, done):
    seen = b""
    end = time.monotonic() + LIMIT
    while not done(seen):
        if time.monotonic() > end:
            raise socket.timeout
        try:
            data = s.recv(65536)
        except ConnectionResetError:
            show(b"<RESET>")
            return
        if not data:
            return
        show(data)
        seen = (seen + data)[-1000000:]


def take(s, n):
    while n > 0:
        data = s.recv(min(n, 65536))
        if not data:
            return
        n -= len(data)


def step(s, what, where, kept):
    name, _, rest = what.partition(":")
    if name == "send":
        s.sendall(unescape(rest))
    elif name == "repeat":
        n, _, text = rest.partition(":")
        block = unescape(text)
        try:
            for _ in range(int(n)):
                s.sendall(block)
        except (BrokenPipeError, ConnectionResetError):
            pass
    elif name == "drip":
        pause, _, text = rest.partition(":")
        for byte in unescape(text):
            try:
                s.sendall(bytes([byte]))
            except (BrokenPipeError, ConnectionResetError):
                return
            if select.select([s], [], [], float(pause))[0]:
                return
    elif name == "until":
        wanted = unescape(rest)
        read_until(s, lambda seen: wanted in seen)
    elif name == "take":
        take(s, int(rest))
    elif name == "recv":
        read_until(s, lambda seen: False)
    elif name == "shut":
        s.shutdown(socket.SHUT_WR)
    elif name == "reset":
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()
    elif name == "ready":
        print("ready", flush=True)
        signal.pause()
    elif name == "idle":
        kept.extend(connect(where) for _ in range(int(rest)))
    else:
        sys.exit(f"raw.py: {what}: no such step")


def serve(file, steps):
    listener = socket.create_server(("127.0.0.1", 0))
    with open(file + ".new", "w") as f:
        print(listener.getsockname()[1], file=f)
    os.rename(file + ".new", file)
    while True:
        s, _ = listener.accept()
        s.settimeout(LIMIT)
        try:
            for what in steps:
                step(s, what, "", [])
        except OSError:
            pass
        s.close()


def main():
    where, *steps = sys.argv[1:]
    if where.startswith("listen:"):
        serve(where[7:], steps)
    kept = []
    try:
        s = connect(where)
        for what in steps:
            step(s, what, where, kept)
    except socket.timeout:
        show(b"<TIMEOUT>")
        sys.exit(1)


main()
