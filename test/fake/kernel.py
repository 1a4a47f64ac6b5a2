#!/usr/bin/python3
"""kernel.py CONNECTION_FILE [HOW] - a Jupyter kernel that does what each cell names, well or badly.

HOW is how it starts: ok, exit, mute (binds, never answers), sleep, flood (1 GB on stdout, then exits), quiet (answers, but
publishes nothing for a second), tslab (is called so and like it does not run what comes within 200 ms of an error), taken (its first start ends as if a port were taken), slow (ready after 1 s), probe (exits when it is
first asked for its info).
A cell's code is one word: see cell(); so is that of a question: see question().  It announces itself as "fake", its files end in .fake.
"""
import hashlib, hmac, json, os, signal, sys, time, uuid
import zmq

path, how = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "ok"
if how == "exit":
    print("first words\nlast words of a kernel that exits", file=sys.stderr)
    sys.exit(5)
if how == "sleep":
    os.execvp("sleep", ["sleep", "infinity"])
if how == "flood":
    line = b"x" * 65535 + b"\n"
    for _ in range(16384):
        os.write(1, line)
    sys.exit(6)
if how == "taken":
    mark = os.environ["FAKE_MARK"]
    if not os.path.exists(mark):
        open(mark, "w").close()
        sys.exit("Address already in use")
if how == "slow":
    time.sleep(1)

conf = json.load(open(path))
key = conf["key"].encode()
context = zmq.Context()


def bind(kind, name):
    s = context.socket(kind)
    s.linger = 1000
    port = conf[name + "_port"]
    s.bind("ipc://%s-%d" % (conf["ip"], port) if conf["transport"] == "ipc" else "tcp://%s:%d" % (conf["ip"], port))
    return s


shell, control, stdin = bind(zmq.ROUTER, "shell"), bind(zmq.ROUTER, "control"), bind(zmq.ROUTER, "stdin")
iopub = bind(zmq.PUB, "iopub")
iopub.setsockopt(zmq.XPUB_NODROP, 1)
signal.signal(signal.SIGINT, signal.SIG_IGN)
count = 0
interrupts = 0


def sign(parts, with_key=key):
    return hmac.new(with_key, b"".join(parts), hashlib.sha256).hexdigest().encode()


def parts_of(kind, content, parent):
    header = {"msg_id": uuid.uuid4().hex, "session": "fake", "username": "fake", "date": "2024-01-01T00:00:00Z",
              "msg_type": kind, "version": "5.3"}
    return [json.dumps(x).encode() for x in (header, parent, {}, content)]


def publish(kind, content, parent):
    parts = parts_of(kind, content, parent)
    iopub.send_multipart([b"t", b"<IDS|MSG>", sign(parts)] + parts)


def reply(socket, ids, kind, content, parent):
    parts = parts_of(kind, content, parent)
    socket.send_multipart(ids + [b"<IDS|MSG>", sign(parts)] + parts)


def receive(socket):
    frames = socket.recv_multipart()
    at = frames.index(b"<IDS|MSG>")
    assert sign(frames[at + 2:at + 6]) == frames[at + 1]
    return frames[:at], json.loads(frames[at + 2]), json.loads(frames[at + 5])


def stream(text, parent):
    publish("stream", {"name": "stdout", "text": text}, parent)


def status(state, parent):
    publish("status", {"execution_state": state}, parent)


def raw(frames):
    iopub.send_multipart(frames)


def garbage(parent):
    """What no kernel should send; after it the cell goes on as if nothing had been."""
    good = parts_of("stream", {"name": "stdout", "text": "forged"}, parent)
    raw([b"t", b"<IDS|MSG>", sign(good, b"wrong key")] + good)
    raw([b"t", b"<IDS|MSG>", b""] + good)
    raw([b"t", b"<IDS|MSG>", sign(good)] + good[:2])
    raw([b"t"] + good)
    raw([b""])
    raw([os.urandom(100)] * 3)
    raw([b"x"] * 10000)
    for parts in ([b"{", b"{}", b"{}", b"{}"], [b"[]", b"{}", b"{}", b"{}"], [good[0], b"null", b"{}", good[3]],
                  [good[0], good[1], b"{}", b'{"name":"stdout","text":NaN}'], [b"\xff\xfe", b"{}", b"{}", b"{}"],
                  [good[0], good[1], b"{}", b"[" * 5000]):
        raw([b"t", b"<IDS|MSG>", sign(parts)] + parts)
    publish("no_such_message", {"x": 1}, parent)
    publish("stream", {"text": 1}, parent)
    publish("display_data", {"data": []}, parent)
    publish("error", {}, parent)
    stream("of a stranger", {"msg_id": "foreign"})
    stream("of nobody", {})
    for s in (shell, stdin, control):
        s.send_multipart([peer, b"garbage"])


def cell(word, ids, header):
    """Returns the reply's content, and what is done about idle."""
    global interrupts
    ok = {"status": "ok", "execution_count": count, "user_expressions": {}}
    stream("out\n", header)
    if word == "no-idle":
        return ok, "never"
    if word == "no-reply":
        return None, "after"
    if word == "late-idle":
        return ok, "late"
    if word == "late-reply":
        status("idle", header)
        time.sleep(0.3)
        return ok, "never"
    if word == "garbage":
        garbage(header)
    if word == "error-in-reply":
        return {"status": "error", "execution_count": count, "ename": "Oops", "evalue": "only here",
                "traceback": ["\x1b[31mline\x1b[0m"]}, "after"
    if word == "nameless-error":
        return {"status": "error", "execution_count": count}, "after"
    if word == "die":
        time.sleep(0.2)         # what was printed is on its way
        os._exit(7)
    if word == "die-after-reply":
        reply(shell, ids, "execute_reply", ok, header)
        time.sleep(0.2)
        os._exit(8)
    if word == "close":
        iopub.close(0)
        time.sleep(60)
    if word == "input":
        reply(stdin, ids, "input_request", {"prompt": "?", "password": False}, header)
        stream("got " + repr(receive(stdin)[2]["value"]) + "\n", header)
    if word == "until-interrupt":
        before = interrupts
        while interrupts == before:
            ids2, header2, _ = receive(control)
            if header2["msg_type"] == "interrupt_request":
                interrupts += 1
                reply(control, ids2, "interrupt_reply", {"status": "ok"}, header2)
        return {"status": "error", "execution_count": count, "ename": "Interrupted", "evalue": "", "traceback": []}, "after"
    if word == "flood-and-die":
        for i in range(20000):
            stream("line %d\n" % i, header)
        time.sleep(0.2)
        os._exit(9)
    if word == "bad-utf8":
        parts = parts_of("stream", {"name": "stdout", "text": "<?>"}, header)
        parts[3] = parts[3].replace(b"?", b"\xff\xe2\x82")
        raw([b"t", b"<IDS|MSG>", sign(parts)] + parts)
    if word == "pages":
        return dict(ok, payload=[{"source": "page", "data": {"text/plain": "a page"}, "start": 0}, 7, {"source": "page"},
                                 {"source": "set_next_input", "text": "x", "replace": False}]), "after"
    if word == "huge":
        publish("display_data", {"data": {"text/plain": "h" * 200000000}, "metadata": {}}, header)
        stream("after\n", header)
    if word == "replay":
        parts = parts_of("stream", {"name": "stderr", "text": "again\n"}, header)
        for _ in range(2):
            raw([b"t", b"<IDS|MSG>", sign(parts)] + parts)
    return ok, "after"


def question(word, kind, ids, header):
    """Answers a question of this kind ("complete"), or not."""
    good = {"complete": {"status": "ok", "matches": ["a", "b"], "cursor_start": 0, "cursor_end": 1, "metadata": {"m": 1}},
            "inspect": {"status": "ok", "found": True, "data": {"text/plain": "d"}, "metadata": {}},
            "is_complete": {"status": "incomplete", "indent": "  "}}[kind]
    if word == "die":
        os._exit(10)
    if word == "mute":
        return
    if word == "idle-only":
        status("idle", header)
        return
    if word == "error":
        good = {"status": "error", "ename": "E", "evalue": "v", "traceback": []}
    if word == "odd":
        good = {"status": "ok", "matches": 7, "cursor_start": -1, "cursor_end": "x", "metadata": [], "found": 1, "data": [],
                "indent": 5}
    if word == "huge":
        good["matches"] = ["m" * 20000000]
    if word == "strangers":
        reply(shell, ids, kind + "_reply", {"status": "ok", "matches": ["of a stranger"]}, {"msg_id": "foreign"})
        reply(shell, ids, "execute_reply", {"status": "ok", "execution_count": 1}, header)
        stream("printed by a question", header)
        parts = parts_of(kind + "_reply", {"status": "ok", "matches": ["forged"]}, header)
        shell.send_multipart(ids + [b"<IDS|MSG>", sign(parts, b"wrong key")] + parts)
    reply(shell, ids, kind + "_reply", good, header)
    status("idle", header)


def answer_info(ids, header):
    if how == "probe":
        os._exit(11)
    if how == "quiet" and time.time() < born + 1:
        pass
    else:
        status("busy", header)
    reply(shell, ids, "kernel_info_reply", {"status": "ok", "protocol_version": "5.3", "implementation": "tslab" if how == "tslab" else "fake", "banner": "",
          "implementation_version": "1", "language_info": {"name": "fake", "version": "1", "file_extension": ".fake"}}, header)
    if how != "quiet" or time.time() >= born + 1:
        status("idle", header)


born = time.time()
failed = -1
peer = b""
while True:
    if how == "mute":
        time.sleep(60)
    ids, header, content = receive(shell)
    peer = ids[0]
    if header["msg_type"] == "kernel_info_request":
        answer_info(ids, header)
        continue
    status("busy", header)
    if header["msg_type"] != "execute_request":
        question(content["code"].strip(), header["msg_type"][:-len("_request")], ids, header)
        continue
    if how == "tslab" and time.monotonic() < failed + 0.2:
        reply(shell, ids, "execute_reply", {"status": "abort"}, header)
        status("idle", header)
        continue
    count += 1
    result, idle = cell(content["code"].strip(), ids, header)
    if result and result.get("status") == "error":
        failed = time.monotonic()
    if result is not None:
        reply(shell, ids, "execute_reply", result, header)
    if idle == "late":
        time.sleep(0.3)
        stream("late\n", header)
    if idle != "never":
        status("idle", header)
