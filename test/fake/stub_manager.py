#!/usr/bin/python3
"""stub_manager.py DIR - a manager that says what the files in DIR say, for answers that a real one never gives.

The call POST /deallocate/3?x=y is answered from DIR/POST_deallocate_3: a file that starts with "HTTP/" goes out byte for
byte and the connection is closed; any other is the body of a 200 answer of type application/json.  Without a file the
answer is 404.  As long as DIR/POST_deallocate_3.hold exists nothing is answered.

DIR/port holds the port once it listens.  DIR/log gets a line "POST /deallocate/3?x=y" a call when its head and body are
there, "gone POST /deallocate/3?x=y" when the client left before its answer; DIR/body is the last body.
"""
import os
import select
import socket
import sys
import threading
import time

dir = sys.argv[1]
lock = threading.Lock()


def log(line):
    with lock, open(os.path.join(dir, "log"), "a") as f:
        f.write(line + "\n")


def read_request(sock):
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(65536)
        if not more:
            return None
        data += more
    head, body = data.split(b"\r\n\r\n", 1)
    lines = head.decode("latin-1").split("\r\n")
    length = 0
    for line in lines[1:]:
        name, value = line.split(":", 1)
        if name.lower() == "content-length":
            length = int(value)
    while len(body) < length:
        more = sock.recv(65536)
        if not more:
            return None
        body += more
    method, target, _ = lines[0].split(" ", 2)
    return method, target, body


def gone(sock):
    readable, _, _ = select.select([sock], [], [], 0)
    if not readable:
        return False
    try:
        return sock.recv(1, socket.MSG_PEEK) == b""
    except OSError:
        return True


def answer(sock):
    request = read_request(sock)
    if request is None:
        return
    method, target, body = request
    with open(os.path.join(dir, "body"), "wb") as f:
        f.write(body)
    log(f"{method} {target}")
    path = os.path.join(dir, method + target.split("?")[0].replace("/", "_"))
    while os.path.exists(path + ".hold"):
        if gone(sock):
            log(f"gone {method} {target}")
            return
        time.sleep(0.02)
    try:
        with open(path, "rb") as f:
            content = f.read()
    except FileNotFoundError:
        content = b'HTTP/1.1 404 Not Found\r\n\r\n{"detail":"Not found","error":"not_found"}'
    if not content.startswith(b"HTTP/"):
        content = (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(content)) + content
    sock.sendall(content)
    sock.shutdown(socket.SHUT_WR)
    sock.settimeout(5)
    while sock.recv(65536):
        pass


def serve(sock):
    with sock:
        try:
            answer(sock)
        except OSError:
            pass


listener = socket.create_server(("127.0.0.1", 0), backlog=64)
with open(os.path.join(dir, "port.new"), "w") as f:
    f.write(str(listener.getsockname()[1]))
os.rename(os.path.join(dir, "port.new"), os.path.join(dir, "port"))
while True:
    connection, _ = listener.accept()
    threading.Thread(target=serve, args=(connection,), daemon=True).start()
