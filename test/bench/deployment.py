#!/usr/bin/python3
"""deployment.py [MANAGER|IMAGES…] - what a deployment takes, for planning: the figures of the README.

manager  resident memory of the manager with 1,000 containers (fakes) and 1,000 idle connections.
images   what containers of each type take from the engine's accounts, ten seconds after all are healthy: memory, and processor time
         over half a minute; the kaggle type with its libraries imported as well; the manager's processor time for a request passed
         through, and the bytes of a small call.  Needs a Docker engine and the images (scripts/build-images).

One JSON line for each, on stdout.  BUILD (build) says where the programs are.
"""
import contextlib, http.client, json, os, shutil, socket, subprocess, sys, tempfile, threading, time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(TOP, os.environ.get("BUILD", "build"))
CONTAINERS, REQUESTS = 1000, 1000
PORT = 21900
TYPES = ["python", "kaggle", "nodejs", "r"]
LIBRARIES = "import numpy, pandas, scipy, sklearn.linear_model, matplotlib.pyplot, statsmodels.api, seaborn"


def tell(bench, **figures):
    print(json.dumps({"bench": bench} | figures), flush=True)


def run(*words, **more):
    return subprocess.run(words, check=True, capture_output=True, text=True, **more).stdout


# ---- the manager alone ----

@contextlib.contextmanager
def started(*words):
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def line_with(process, text):
    """The first line that has it; what comes after is read by nobody, but does not stop the process."""
    line = next(line for line in process.stdout if text in line)
    threading.Thread(target=process.stdout.read, daemon=True).start()
    return line


def bench_manager(tmp):
    conf = tmp + "/config.json"
    with started(BUILD + "/test/fake/executor", "-n", str(CONTAINERS), "-c", conf) as fakes:
        line_with(fakes, "ready")
        with started(BUILD + "/bin/execmgr-serve", "-c", conf, "-p", "0") as manager:
            port = int(line_with(manager, "listening on").rsplit(":", 1)[1])
            clients = [http.client.HTTPConnection("127.0.0.1", port) for _ in range(CONTAINERS)]
            status = {}
            while status.get("available_containers") != CONTAINERS:
                clients[0].request("GET", "/status")
                status = json.load(clients[0].getresponse())
                time.sleep(0.05)
            for c in clients:
                c.request("GET", "/health")
                c.getresponse().read()
            with open("/proc/%d/status" % manager.pid) as f:
                kb = next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))
            tell("manager", containers=CONTAINERS, connections=CONTAINERS, resident_mb=round(kb / 1024, 1))


# ---- containers ----

def stats(name):
    """Memory in MiB, as `docker stats` counts it, and processor time in seconds."""
    s = socket.socket(socket.AF_UNIX)
    s.connect("/var/run/docker.sock")
    c = http.client.HTTPConnection("docker")
    c.sock = s
    c.request("GET", "/containers/%s/stats?stream=false&one-shot=true" % name)
    d = json.load(c.getresponse())
    memory = d["memory_stats"]
    cache = memory["stats"].get("total_inactive_file", memory["stats"].get("inactive_file", 0))
    return (memory["usage"] - cache) / 2**20, d["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9


def execute(connection, session, code):
    body = json.dumps({"code": code})
    connection.request("POST", "/session/%d/execute" % session, body)
    answer = connection.getresponse()
    text = answer.read()
    return len(body), len(text), json.loads(text)


def measure_request(connection):
    _, before = stats("manager")
    for _ in range(REQUESTS):
        sent, got, _ = execute(connection, 0, "pass")
    _, after = stats("manager")
    tell("request", manager_cpu_ms=round(1000 * (after - before) / REQUESTS, 3), body_bytes=sent, answer_bytes=got)


def bench_images(tmp):
    if subprocess.run(["docker", "info"], capture_output=True).returncode != 0:
        print("deployment.py: no Docker engine answers: images left out", file=sys.stderr)
        return
    compose = ["docker", "compose", "-f", tmp + "/docker-compose.yml"]
    run(BUILD + "/bin/gen-compose", "-t", ",".join(t + ":1" for t in TYPES), "-e", "MEM_LIMIT=1g", "-o", tmp + "/docker-compose.yml",
        "--manager-port", str(PORT), "-p", str(PORT + 1))
    try:
        run(*compose, "up", "-d", "--wait")
        time.sleep(10)
        names = ["manager"] + ["executor-%03d" % i for i in range(len(TYPES))]
        first = {n: stats(n) for n in names}
        time.sleep(30)
        for name, kind in zip(names, ["manager"] + TYPES):
            tell(kind, memory_mb=round(first[name][0]), processor_percent=round((stats(name)[1] - first[name][1]) / 30 * 100, 2))
        connection = http.client.HTTPConnection("127.0.0.1", PORT)
        answer = execute(connection, TYPES.index("kaggle"), LIBRARIES)[2]
        tell("kaggle, libraries imported", status=answer["status"], memory_mb=round(stats(names[1 + TYPES.index("kaggle")])[0]))
        measure_request(connection)
    finally:
        run(*compose, "down", "-t", "10")


BENCHES = {"manager": bench_manager, "images": bench_images}

if __name__ == "__main__":
    for name in [a.lower() for a in sys.argv[1:]] or BENCHES:
        directory = tempfile.mkdtemp(prefix="deployment-")
        try:
            BENCHES[name](directory)
        finally:
            shutil.rmtree(directory)
