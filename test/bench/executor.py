#!/usr/bin/python3
"""executor.py [START|CELL|MEMORY…] - what executor-jupyter costs, each figure against what it is measured by, in one run.

start   restart until ready: a forked kernel, and a spare that takes over, against a kernel that is started by itself.
        Three executors take turns; the spare is ready before each of its turns.
cell    p50 of a cell over HTTP on one connection against a bare libzmq loop on a kernel of the same kind: see cell.c.
memory  anonymous memory of the executor after 10,000 cells; proportional set size (Pss) of kernel, spare and fork server together
        against a kernel that was started by itself, all of them fresh.

One JSON line for each, on stdout.  Ratios hold on any machine, times do not; a machine that does other things makes both worse.
BUILD (build) says where the programs are, ROUNDS how much is measured: a 20th of it is enough to see that it works.
"""
import contextlib, http.client, json, os, shutil, subprocess, sys, tempfile, time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(TOP, os.environ.get("BUILD", "build"))
ROUNDS = int(os.environ.get("ROUNDS", "20"))
CELLS = 500 * ROUNDS


def tell(bench, value, unit, against, other, limit, **more):
    line = {"bench": bench, unit: round(value, 2)}
    if other is not None:
        line |= {"against": against, "against_" + unit: round(other, 2), "ratio": round(value / other, 4)}
    print(json.dumps(line | {"limit": limit} | more), flush=True)


class Executor:
    def __init__(self, tmp, *options):
        env = {**os.environ, "TMPDIR": tmp, "WORKSPACE_FOLDER": "", "LOG_LEVEL": "info"}
        for name in ("PORT", "KERNEL_NAME", "KERNEL_FORK", "KERNEL_PRELOAD", "WARM_KERNELS", "WORK_DIR", "SCRATCH_DIRS"):
            env.pop(name, None)
        self.process = subprocess.Popen([BUILD + "/bin/executor-jupyter", "-p", "0", *options], env=env, stderr=subprocess.PIPE,
                                        text=True)
        for line in self.process.stderr:
            if "listening on" in line:
                self.port = int(line.rsplit(":", 1)[1])
                break
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port)
        self.until_ready()

    def call(self, method, path, body=None):
        self.connection.request(method, path, body and json.dumps(body))
        return json.loads(self.connection.getresponse().read())

    def info(self, name):
        return self.call("GET", "/info")[name]

    def until_ready(self):
        while not self.call("GET", "/ready")["ready"]:
            time.sleep(0.0005)

    def until_spare(self):
        while self.info("spare") != "ready":
            time.sleep(0.005)

    def restart(self):
        """Milliseconds until it is ready again."""
        t = time.perf_counter()
        self.call("POST", "/restart")
        self.until_ready()
        return (time.perf_counter() - t) * 1000

    def end(self):
        self.process.terminate()
        self.process.communicate()


def executor(stack, tmp, *options):
    e = Executor(tmp, *options)
    stack.callback(e.end)
    return e


def p50(values):
    return sorted(values)[len(values) // 2]


def bench_start(stack, tmp):
    cold = executor(stack, tmp, "--fork", "no", "--warm-kernels", "0")
    forked = executor(stack, tmp, "--warm-kernels", "0")
    warm = executor(stack, tmp)
    times = {"cold": [], "forked": [], "warm": []}
    for _ in range(ROUNDS):
        warm.until_spare()
        for name, e in ("cold", cold), ("forked", forked), ("warm", warm):
            times[name].append(e.restart())
    assert (cold.info("start"), forked.info("start"), warm.info("start")) == ("cold", "forked", "spare")
    against = p50(times["cold"])
    tell("forked start", p50(times["forked"]), "p50_ms", "cold start", against, 0.2)
    tell("warm restart", p50(times["warm"]), "p50_ms", "cold start", against, 0.02)


def bench_cell(stack, tmp):
    e = executor(stack, tmp, "--fork", "no", "--warm-kernels", "0")
    path = os.path.join(tmp, "c.json")
    ports = {name + "_port": i + 1 for i, name in enumerate(("shell", "iopub", "stdin", "control", "hb"))}
    with open(path, "w") as f:
        json.dump({**ports, "ip": os.path.join(tmp, "k"), "transport": "ipc", "key": os.urandom(16).hex(),
                   "signature_scheme": "hmac-sha256"}, f)
    kernel = subprocess.Popen(["/usr/bin/python3", "-m", "ipykernel_launcher", "-f", path, "--HistoryManager.enabled=False",
                               "--IPKernelApp.capture_fd_output=False"], env={**os.environ, "IPYTHONDIR": tmp + "/ipython"},
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    stack.callback(kernel.wait)
    stack.callback(kernel.kill)
    while not os.path.exists(tmp + "/k-5"):
        time.sleep(0.05)
    time.sleep(1)       # it listens; not yet to the first cell
    subprocess.run([BUILD + "/test/bench/cell", str(e.port), path, str(ROUNDS * 2)], check=True)


def kib(path, field):
    with open(path) as f:
        for line in f:
            if line.startswith(field + ":"):
                return int(line.split()[1])


def pss(pid):
    return kib("/proc/%d/smaps_rollup" % pid, "Pss") / 1024


def bench_memory(stack, tmp):
    plain = executor(stack, tmp, "--fork", "no", "--warm-kernels", "0")
    e = executor(stack, tmp)
    e.until_spare()
    try:
        together = sum(pss(e.info(name)) for name in ("pid", "spare_pid", "fork_server_pid"))
        tell("kernel, spare and fork server", together, "pss_mib", "plain kernel", pss(plain.info("pid")), 1.5)
    except PermissionError:
        print("executor.py: the memory of a spare is for root to see: left out", file=sys.stderr)
    for _ in range(CELLS):
        e.call("POST", "/execute", {"code": "print(42)"})
    tell("executor", kib("/proc/%d/status" % e.process.pid, "RssAnon") / 1024, "anonymous_mib", None, None, 4, cells=CELLS,
         resident_mib=round(kib("/proc/%d/status" % e.process.pid, "VmRSS") / 1024, 2))


def main():
    which = {"start": bench_start, "cell": bench_cell, "memory": bench_memory}
    for name in sys.argv[1:] or which:
        tmp = tempfile.mkdtemp(prefix="em.", dir="/tmp")
        try:
            with contextlib.ExitStack() as stack:
                which[name](stack, tmp)
        finally:
            shutil.rmtree(tmp, ignore_errors=True)


main()
