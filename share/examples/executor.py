#!/usr/bin/python3
"""executor.py - an executor in a page of Python: the contract of executor/README.md without a Jupyter kernel.

    execmgr-up -t tiny:2 --executor share/examples/executor.py

It listens on the Unix socket named by EXECUTOR_SOCKET, runs code with exec() in a namespace that lasts between calls, and
forgets it all on /restart.  It has no time limit, and code that kills the process kills it: execmgr-up starts it again.
"""
import contextlib
import http.server
import io
import json
import os
import socketserver
import traceback

namespace = {}


def execute(code):
    outputs, out = [], io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        try:
            exec(compile(code, "<cell>", "exec"), namespace)
        except Exception as e:
            outputs.append({"type": "error", "name": type(e).__name__, "value": str(e),
                            "traceback": traceback.format_exc().splitlines()})
    if out.getvalue():
        outputs.insert(0, {"type": "stream", "name": "stdout", "text": out.getvalue()})
    return {"outputs": outputs}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def fail(self, status, detail, word):
        self.answer(status, {"detail": detail, "error": word})

    def do_GET(self):
        known = {"/health": {"status": "ok"}, "/ready": {"ready": True, "reason": None}, "/restart-status": {"restarting": False}}
        if self.path in known:
            self.answer(200, known[self.path])
        else:
            self.fail(404, "There is no such path", "not_found")

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/restart":
            namespace.clear()
            self.answer(200, {"status": "restarting"})
        elif self.path == "/execute":
            try:
                code = json.loads(body)["code"]
                assert isinstance(code, str)
            except (ValueError, TypeError, KeyError, AssertionError):
                self.fail(400, "The body must be an object with a text named code", "bad_request")
            else:
                self.answer(200, execute(code))
        else:
            self.fail(404, "There is no such path", "not_found")

    def address_string(self):       # of a client on a Unix socket there is none
        return "client"

    def log_request(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


Server(os.environ["EXECUTOR_SOCKET"], Handler).serve_forever()
