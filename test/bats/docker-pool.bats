#!/usr/bin/env bats
# Four Python containers, as a newcomer has them: the README's lines, and what the containers may and may not do.
load lib
load docker

setup_file() {
	sandbox_dir
	images manager python
	mkdir "$T/code" "$T/submissions"
	cp "$TOP/share/examples/custom_code/"*.py "$T/code/"
	deploy --num-containers 4 --types python:4 --mountable-volumes "$T/code" --mountable-volume-saveto "$T/submissions" \
		--env EXECUTION_TIMEOUT=3,GREETING="a, b=c \$HOME 'x'"
	export T PORTS
}
teardown_file() { undeploy; rm -rf "$T"; }
setup() { eventually 600 all_available; }

@test "up --wait returned when the pool could serve; down needs no force" {
	[ "$(status '[.total_containers, .total_by_type.python]')" = '[4,4]' ]
	[ -z "$(docker ps --filter health=unhealthy -q)" ]
	[ "$(docker ps --filter health=healthy --format '{{.Names}}' | sort | xargs)" = "executor-000 executor-001 executor-002 executor-003 manager" ]
}

@test "the curl and requests lines of the original, word for word" {
	run -0 bash -c "$(sed "s,localhost:5000,localhost:$PORTS,g" <<-'END'
		curl -sX POST http://localhost:5000/session/0/execute \
		  -H "Content-Type: application/json" \
		  -d '{"code": "print(41)"}'

		curl -sX POST http://localhost:5000/session/1/execute \
		  -H "Content-Type: application/json" \
		  -d '{"code": "print(42)"}'
	END
	)"
	[ "$(jq -r '.outputs[0].text' <<<"$output" | xargs)" = "41 42" ]
	run -0 "$PYTHON" -c "$(sed "s,localhost:5000,localhost:$PORTS,g" <<-'END'
		import requests

		response = requests.post("http://localhost:5000/session/0/execute", 
		                        json={"code": "print(41)"})
		print(response.json())

		response = requests.post("http://localhost:5000/session/1/execute", 
		                        json={"code": "print(42)"})
		print(response.json())
	END
	)"
	[[ ${lines[0]} == *"'text': '41\\n'"* ]] && [[ ${lines[1]} == *"'text': '42\\n'"* ]]
}

@test "the health lines of the original" {
	[ "$(curl -s "$M/health" | jq -c .)" = '{"status":"ok"}' ]
	for i in 0 1 2 3; do [ "$(curl -s "$M/session/$i/ready" | jq .ready)" = true ]; done
	[ "$(curl -s "$M/session/2/health" | jq -c .)" = '{"status":"ok"}' ]
	[ "$(curl -s "http://localhost:$((PORTS + 1))/health" | jq -c .)" = '{"status":"ok"}' ]		# an executor's own port
	[ "$(curl -s -d '{"code": "1+1"}' "http://localhost:$((PORTS + 1))/execute" | jq -r '.outputs[0].data["text/plain"]')" = 2 ]
}

@test "variables last between calls, are not shared, and are gone after deallocation" {
	local a b
	a=$(allocate python)
	b=$(allocate python)
	printed "$a" 'x = 41'
	[ "$(printed "$a" 'print(x + 1)')" = 42 ]
	[ "$(cell "$b" 'x' | jq -r '.outputs[0].name')" = NameError ]
	printed "$a" 'open("/tmp/left", "w").write("x"); open("/dev/shm/left", "w").write("x"); open("left", "w").write("x")'
	deallocate "$a"
	deallocate "$b"
	[ "$(cell "$a" 'x' | jq -r '.outputs[0].name')" = NameError ]
	[ "$(printed "$a" 'import glob; print(glob.glob("/tmp/left") + glob.glob("/dev/shm/left") + glob.glob("/work/*/left"))')" = "[]" ]
}

@test "the default memory holds a kernel, its spare and a list of 50 MB" {
	eventually 300 eval '[ "$(curl -sf "$M/session/2/info" | jq -r .spare)" = ready ]'
	[ "$(printed 2 'x = list(range(50_000_000 // 40)); import sys; print(sys.getsizeof(x) + 32 * len(x) >= 50_000_000)')" = True ]
	[ "$(curl -sf "$M/session/2/info" | jq -r .spare)" = ready ]
	[ "$(docker inspect -f '{{.State.OOMKilled}} {{.RestartCount}}' executor-002)" = "false 0" ]
}

@test "mounted code is there in every kernel, and again after a restart" {
	for i in 0 1 2 3; do [ "$(printed $i 'print(greet("you"), summary([1, 2, 3])["mean"])')" = "Hello, you! 2.0" ]; done
	curl -sf -X POST "$M/session/0/restart"
	eventually 300 is_container 0 '.state != "restarting"'
	[ "$(printed 0 'print(greet("again"))')" = "Hello, again!" ]
	[ "$(cell 0 'open("/code/x.py", "w")' | jq -r '.outputs[0].name')" = OSError ]		# read-only
}

@test "what code writes to /submission is on the host, each container's own" {
	[ "$(printed 1 'import os; open(os.environ["SUBMISSION_DIR"] + "/out.csv", "w").write("id,score\n"); print(os.getcwd().split("/")[1])')" = work ]
	[ "$(cat "$T/submissions/container_001/out.csv")" = id,score ]
	[ -z "$(ls "$T/submissions/container_002")" ]
	curl -sf -X POST "$M/session/1/restart" && eventually 300 is_container 1 '.state != "restarting"'
	[ -s "$T/submissions/container_001/out.csv" ]
}

@test "EXECUTION_TIMEOUT is obeyed, and the kernel keeps its state" {
	local answer
	printed 2 'kept = 1'
	answer=$(cell 2 'import time; time.sleep(60)')
	[ "$(jq -r '.outputs[-1] | .name, .value' <<<"$answer")" = $'TimeoutError\nExecution timed out after 3 seconds' ]
	[ "$(printed 2 'print(kept)')" = 1 ]
}

@test "environment reaches the kernels, byte for byte" {
	[ "$(printed 0 'import os; print(os.environ["GREETING"], end="")')" = "a, b=c \$HOME 'x'" ]
}

@test "no capabilities, no new privileges, a root file system that cannot be written, no root" {
	run -0 printed 0 'import os, re
status = open("/proc/self/status").read()
print(re.findall("Cap(?:Prm|Eff|Bnd|Amb):\t(\\S+)", status), re.search("NoNewPrivs:\t(.)", status)[1], os.getuid())
for path in ("/", "/usr", "/etc", "/bin", "/code", "/var/tmp"):
    try:
        open(path + "/x", "w")
        print("written:", path)
    except OSError as e:
        pass'
	[ "$output" = "['0000000000000000', '0000000000000000', '0000000000000000', '0000000000000000'] 1 10001" ]
	for c in manager executor-000; do
		[ "$(docker inspect -f '{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{.HostConfig.SecurityOpt}} {{.HostConfig.Privileged}}' $c)" = \
			"true [ALL] [no-new-privileges:true] false" ]
	done
}

@test "what an escape would need is refused" {
	eventually 300 eval '[ "$(curl -sf "$M/session/0/info" | jq -r .spare)" = ready ]'
	run -0 printed 0 "
SPARE, SERVER = $(curl -sf "$M/session/0/info" | jq -r '"\(.spare_pid), \(.fork_server_pid)"')"'
import ctypes, glob, os, socket, subprocess
libc = ctypes.CDLL(None, use_errno=True)
def refused(name, result, errors=(1, 13)):
    print(name, "refused" if result == -1 and ctypes.get_errno() in errors else "ALLOWED %s %s" % (result, ctypes.get_errno()))
refused("mount", libc.mount(b"none", b"/tmp", b"tmpfs", 0, None))
refused("ptrace the executor", libc.ptrace(16, 1, 0, 0))
refused("ptrace the spare", libc.ptrace(16, SPARE, 0, 0))
refused("ptrace the fork server", libc.ptrace(16, SERVER, 0, 0))
refused("bpf", libc.syscall(321, 0, 0, 0))
refused("keyctl", libc.syscall(250, 0, 0, 0))
refused("kexec", libc.syscall(246, 0, 0, 0, 0))
for flag in "mUnpiu":
    r = subprocess.run(["unshare", "-" + flag, "true"], capture_output=True)
    print("unshare", flag, "refused" if r.returncode and b"not permitted" in r.stderr else "ALLOWED %r" % r)
def attempt(name, make):
    try:
        make()
        print(name, "ALLOWED")
    except OSError as e:
        print(name, "refused")
attempt("raw socket", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))
attempt("packet socket", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
attempt("proc sys", lambda: open("/proc/sys/kernel/hostname", "w"))
attempt("sys", lambda: open("/sys/kernel/mm/ksm/run", "w"))
attempt("device", lambda: os.mknod("/tmp/disk", 0o60600, os.makedev(8, 0)))
attempt("docker socket", lambda: open("/var/run/docker.sock"))
for pid in (1, SPARE, SERVER):
    attempt("environ of %d" % pid, lambda: open("/proc/%d/environ" % pid).read())
    attempt("memory of %d" % pid, lambda: open("/proc/%d/mem" % pid, "rb"))
    attempt("descriptors of %d" % pid, lambda: os.listdir("/proc/%d/fd" % pid))
print("connection file", "ALLOWED" if glob.glob("/tmp/execmgr-*/*/c.json") or glob.glob("/work/**/c.json", recursive=True) else "refused")
'
	[ "$(grep -c refused <<<"$output")" = 29 ]
	! grep ALLOWED <<<"$output"
}

@test "code in a container can neither drive the manager nor another executor" {
	local ip
	ip=$(docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' executor-001)
	run -0 printed 0 "
import json, urllib.request, urllib.error
for url, body in (('http://manager:5000/status', None), ('http://manager:5000/allocate', b''), ('http://executor-001:8432/execute', b'{\"code\":\"1\"}'),
            ('http://$ip:8432/execute', b'{\"code\":\"1\"}'), ('http://127.0.0.1:8432/health', None)):
    try:
        print(urllib.request.urlopen(url, body, 10).status)
    except urllib.error.HTTPError as e:
        print(e.code, json.load(e)['error'])"
	[ "$output" = $'403 forbidden\n403 forbidden\n403 forbidden\n403 forbidden\n200' ]
	# Nor by way of the host, whose published ports listen on its loopback only.
	run -0 printed 0 "
import socket
gateway = socket.inet_ntoa(bytes.fromhex([l.split()[2] for l in open('/proc/net/route') if l.split()[1] == '00000000'][0])[::-1])
for host in (gateway, 'host.docker.internal'):
    for port in ($PORTS, $((PORTS + 2)), 2375):
        try:
            socket.create_connection((host, port), 3)
            print('connected to', host, port)
        except OSError:
            pass"
	[ -z "$output" ]
	[ "$(status .allocated_containers)" = 0 ]
}

@test "a symbolic link in /submission is not followed when the pool is generated anew" {
	printed 3 'import os; os.symlink("/etc", "/submission/link"); os.chmod("/submission", 0o777) if os.stat("/submission").st_uid == os.getuid() else None'
	[ -L "$T/submissions/container_003/link" ]
	gen-compose -t python:4 -s "$T/submissions" -o "$T/again.yml"
	[ "$(stat -c %a /etc)" = 755 ]
	rm "$T/submissions/container_003/link"
}

@test "a child that detaches itself is gone after deallocation, and so is what it held" {
	local id
	id=$(allocate python)
	printed "$id" 'import subprocess; subprocess.Popen(["setsid", "sh", "-c", "setsid sleep 1000 & sleep 1000"], start_new_session=True); import time
while not any(b"sleep\x001000" in open("/proc/%s/cmdline" % p, "rb").read() for p in __import__("os").listdir("/proc") if p.isdigit() and p != "1"): time.sleep(0.01)'
	deallocate "$id"
	[ "$(docker exec "executor-00$id" sh -c 'cat /proc/[0-9]*/comm' | grep -c '^sleep$' || true)" = 0 ]
}

# again ID - its kernel is restarted, and then runs code.
again() {
	curl -sf --max-time 60 -X POST "$M/session/$1/restart" >/dev/null
	eventually 600 eval '[ "$(printed '"$1"' "print(1)" 2>/dev/null)" = 1 ]'
}

@test "a fork bomb stays inside: its neighbour works, the executor answers, a restart ends it" {
	run cell 0 'import os
while True:
    try:
        os.fork()
    except OSError:
        os._exit(0) if os.getpid() != 1 else None'
	echo "$output"
	[ "$(printed 1 'print(1)')" = 1 ]
	run curl -s --max-time 30 "$M/session/0/health"
	[ "$(jq -r .status <<<"$output")" = ok ]
	again 0
	[ "$(docker exec executor-000 sh -c 'ls -d /proc/[0-9]* | wc -l')" -lt 20 ]
}

@test "threads and files without end hit the container's limits, and a restart clears them" {
	run -0 printed 0 'import threading, time
n = 0
try:
    while n < 100000:
        threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
        n += 1
except RuntimeError:
    pass
print(n < 128)'
	[ "$output" = True ]
	again 0
	run -0 printed 0 'import os
os.mkdir("/tmp/many")
for i in range(20000):
    os.close(os.open("/tmp/many/%d" % i, os.O_CREAT))
print(len(os.listdir("/tmp/many")))'
	[ "$output" = 20000 ]
	again 0
	[ "$(printed 0 'import os; print(os.path.exists("/tmp/many"))')" = False ]
}

@test "a full /tmp, /work and /dev/shm end a write, not the kernel, and are empty after a restart" {
	local dir
	for dir in /tmp . /dev/shm; do
		run -0 printed 0 "f = open('$dir/full', 'wb')
try:
    while True:
        f.write(bytes(1 << 20)); f.flush()
except OSError as e:
    print(e.strerror)"
		[ "$output" = "No space left on device" ]
		again 0
		[ "$(printed 0 "import os; print(os.path.exists('$dir/full'))")" = False ]
	done
}

@test "down takes less than 10 seconds, and nothing had to be killed" {
	local before=$SECONDS
	compose stop -t 10
	[ $((SECONDS - before)) -lt 10 ]
	for c in manager executor-000 executor-001 executor-002 executor-003; do
		[ "$(docker inspect -f '{{.State.ExitCode}}' $c)" = 0 ]
	done
	compose up -d --wait --quiet-pull 2>/dev/null
}
