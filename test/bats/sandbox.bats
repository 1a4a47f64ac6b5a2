#!/usr/bin/env bats
# What code in a sandboxed executor of execmgr-up cannot do: cells in real Python kernels, run through the manager.
# One pool for the whole file; each test takes a session and leaves it as it was.

load lib

setup_file() {
	bats_require_minimum_version 1.5.0
	export T=$(mktemp -d /tmp/em.XXXXXX) SECRET_OF_CALLER=s3cr3t-7391
	export XDG_RUNTIME_DIR=$T
	export SHOWN=$T/shown
	mkdir "$SHOWN"
	echo shown >"$SHOWN/file"
	echo hidden >"$T/hidden"
	echo hidden >"$HOME/.em-test-$$" && export HIDDEN_HOME=$HOME/.em-test-$$
	setsid execmgr-up -t python:2 -p 0 --ro "$SHOWN" --env GIVEN=yes >"$T/up.out" 2>"$T/up.err" 3>&- &
	export UP=$!
	eventually 300 eval 'grep -q url "$T/up.out" || gone $UP'
	export URL=$(sed -n 's/.*"url":"\([^"]*\)".*/\1/p' "$T/up.out")
}

teardown_file() {
	kill -TERM "$UP" 2>/dev/null
	eventually 150 gone "$UP"
	rm -rf "$T" "$HIDDEN_HOME"
}

setup() {
	export EXECMGR_URL=$URL			# lib has unset the caller's
	[ -n "$URL" ] || skip "no sandbox on this machine: $(cat "$T/up.err")"
}

# cell ID < CODE: what it prints; fails if it raises.
cell() { exec-run -s "$1" -; }

# Each line of stdin is an expression or statement that must raise; prints those that do not.
must_raise() {
	local line
	{
		echo "import os, socket, subprocess, ctypes, glob, signal"
		echo "libc = ctypes.CDLL(None, use_errno=True)"
		echo "def c(n):"
		echo "    if n < 0: raise OSError(ctypes.get_errno(), 'call')"
		echo "def run(*a): subprocess.run(a, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)"
		while IFS= read -r line; do
			printf 'try:\n    %s\n    print("DID:", %s)\nexcept (OSError, subprocess.SubprocessError): pass\n' \
				"$line" "$(jq -Rn --arg l "$line" '$l')"
		done
		echo "print('end')"
	} | cell 0
}

@test "files of the host cannot be seen" {
	run -0 must_raise <<-EOF
		os.stat("/root")
		os.stat("/home")
		os.stat("/run")
		os.stat("/var")
		os.stat("/sys")
		os.stat("$T/hidden")
		open("$HIDDEN_HOME")
		open("/etc/shadow")
		open("/etc/ssh/sshd_config")
		os.listdir("/work/../root")
		os.listdir("/proc/1/root/root")
		os.listdir("/proc/1/cwd/../root")
		os.stat("$TOP")
	EOF
	[ "$output" = end ] || { echo "$output"; false; }
}

@test "nothing of the host can be written to" {
	run -0 must_raise <<-'EOF'
		open("/x", "w")
		open("/etc/x", "w")
		open("/usr/x", "w")
		open("/dev/x", "w")
		open("/executor/x", "w")
		open("/executor/socket/x", "w")
		os.mkdir("/executor/socket/d")
		os.symlink("/etc/passwd", "/executor/socket/l")
		open("/proc/sys/kernel/core_pattern", "w")
		open("/proc/sys/vm/overcommit_memory", "w")
		open("/proc/sys/net/ipv4/ip_forward", "w")
		open("/proc/sysrq-trigger", "w")
		os.write(os.open("/proc/self/uid_map", os.O_WRONLY), b"0 0 1")
		os.chmod("/usr/bin/true", 0o777)
		os.mknod("/tmp/sda", 0o60666, os.makedev(8, 0))
		open("/proc/kcore", "rb").read(1)
		open("/dev/kmsg")
		open("/dev/mem")
	EOF
	[ "$output" = end ] || { echo "$output"; false; }
}

@test "places of its own can be written to, and are bounded" {
	run -0 cell 0 <<-'EOF'
		import os
		for d in ("/tmp", "/work", "/dev/shm", "."):
		    open(d + "/probe", "w").write("x"); os.unlink(d + "/probe")
		print([os.statvfs(d).f_blocks * os.statvfs(d).f_frsize >> 20 for d in ("/tmp", "/work", "/dev/shm")])
	EOF
	[ "$output" = "[1024, 1024, 1024]" ]
}

@test "directories that were named are shown, read-only" {
	run -0 cell 0 <<<"print(open('$SHOWN/file').read(), end='')"
	[ "$output" = shown ]
	run -0 must_raise <<<"open('$SHOWN/file', 'w')"
	[ "$output" = end ] || { echo "$output"; false; }
}

@test "directories that were named stay between two kernels, what was put beside them does not" {
	run -0 cell 1 <<<"import os; os.mkdir('$T/left'); open('$T/left/file', 'w').write('x')"
	run -0 http POST "$URL/session/1/restart"
	run -0 cell 1 <<<"import os; print(open('$SHOWN/file').read().strip(), os.listdir('$T'), os.path.exists('$T/left'))"
	[ "$output" = "shown ['shown'] False" ]
	[ "$(cat "$SHOWN/file")" = shown ]
}

@test "the caller's environment does not get in, what was given does" {
	run -0 cell 0 <<-'EOF'
		import glob, os
		seen = [os.environ.get("GIVEN")]
		for p in glob.glob("/proc/[0-9]*/environ"):
		    try: seen.append(open(p, "rb").read().decode())
		    except OSError: pass
		print(seen[0], "s3cr3t-7391" in "".join(seen), "SECRET_OF_CALLER" in "".join(seen))
	EOF
	[ "$output" = "yes False False" ]
}

@test "the executor is closed to the code: environment, memory, descriptors, connection file" {
	[ -z "$SANITIZE" ] || skip "a build with sanitizers must be dumpable"
	run -0 must_raise <<-'EOF'
		open("/proc/1/environ", "rb").read()
		open("/proc/1/mem", "rb").read(1)
		open("/proc/1/maps").read()
		os.listdir("/proc/1/fd")
		os.readlink("/proc/1/exe")
		c(libc.ptrace(16, 1, None, None))
		os.kill(1, 0) or os.stat("/proc/1/fd/0")
		open([a for a in __import__("sys").argv if a.endswith(".json")][0])
		[p for p in os.listdir("/proc") if p.isdigit() and int(p) != os.getpid() and os.access(f"/proc/{p}/environ", 4)] or c(-1)
	EOF
	[ "$output" = end ] || { echo "$output"; false; }
}

@test "the executor cannot be ended by the code" {
	run -0 cell 0 <<-'EOF'
		import os, signal, time
		for s in (signal.SIGKILL, signal.SIGSTOP): os.kill(1, s)
		print("still here")
	EOF
	[ "$output" = "still here" ]
	run -0 cell 0 <<<"print(1)"
	run grep -c 'executor-000: ended' "$T/up.err"
	[ "$output" = 0 ]
}

@test "no process of the host, and none of another executor, can be seen" {
	run -0 cell 0 <<-'EOF'
		import os
		names = set()
		for p in os.listdir("/proc"):
		    if p.isdigit():
		        names.add(open(f"/proc/{p}/comm").read().strip())
		print(sorted(n for n in names if not n.startswith(("python", "executor", "iopub", "heartbeat", "ZMQ"))))
		print(len([p for p in os.listdir("/proc") if p.isdigit()]) < 10)
	EOF
	[ "$output" = $'[]\nTrue' ]
	run -0 cell 0 <<<"print(open('/proc/1/cmdline').read())"
	[[ $output != *"$T"* ]]
}

@test "the manager cannot be reached, nor any address" {
	run -0 must_raise <<-EOF
		socket.create_connection(("127.0.0.1", ${URL##*:}), 2)
		socket.create_connection(("localhost", ${URL##*:}), 2)
		socket.create_connection(("192.0.2.1", 80), 2)
		socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("192.0.2.1", 53))
		socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)
		socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3)
		socket.getaddrinfo("deb.debian.org", 80)
	EOF
	[ "$output" = end ] || { echo "$output"; false; }
	run -0 cell 0 <<-'EOF'
		import os
		print([l.split(":")[0].strip() for l in open("/proc/net/dev").read().splitlines()[2:]])
	EOF
	[ "$output" = "['lo']" ]
}

@test "another executor's socket and files cannot be reached" {
	run -0 cell 1 <<<"open('/tmp/of-one', 'w').write('x'); open('/work/of-one', 'w').write('x'); y = 1"
	local dir
	dir=$(echo "$T"/execmgr-*)
	run -0 must_raise <<-EOF
		os.stat("/tmp/of-one")
		os.stat("/work/of-one")
		socket.socket(socket.AF_UNIX).connect("$dir/1/sock")
		socket.socket(socket.AF_UNIX).connect("/proc/1/root$dir/1/sock")
		os.listdir("$dir")
	EOF
	[ "$output" = end ] || { echo "$output"; false; }
	run -0 cell 1 <<<"import os; os.unlink('/tmp/of-one'); os.unlink('/work/of-one')"
}

# A link in place of the socket would lead the manager to whatever socket of the machine the code names.
@test "the socket that the manager uses is out of the code's reach" {
	run -0 cell 0 <<-'EOF'
		import os
		print(os.listdir("/executor/socket"))
	EOF
	[ "$output" = "[]" ]
	[ -S "$(echo "$T"/execmgr-*/0/sock)" ]
	run -0 cell 0 <<<"print('still served')"
	[ "$output" = "still served" ]
}

@test "no privileges, and no way to get them" {
	run -0 must_raise <<-'EOF'
		c(libc.mount(b"none", b"/tmp", b"tmpfs", 0, None))
		c(libc.umount2(b"/proc/sys", 2))
		c(libc.mount(None, b"/usr", None, 32 | 4096, None))
		c(libc.unshare(0x10000000))
		c(libc.unshare(0x00020000))
		c(libc.unshare(0x40000000))
		c(libc.chroot(b"/tmp"))
		c(libc.pivot_root(b"/tmp", b"/tmp"))
		c(libc.setns(os.open("/proc/1/ns/mnt", os.O_RDONLY), 0))
		c(libc.sethostname(b"x", 1))
		c(libc.reboot(0x1234))
		c(libc.swapon(b"/tmp/x", 0))
		c(libc.syscall(321, 0, 0, 0))
		c(libc.syscall(246, 0, 0, 0, 0))
		c(libc.syscall(175, 0, 0, 0))
		os.setuid(0)
		os.setgid(0)
		run("unshare", "--user", "true")
		run("unshare", "--mount", "true")
		run("su", "-c", "true")
	EOF
	[ "$output" = end ] || { echo "$output"; false; }
	run -0 cell 0 <<-'EOF'
		s = dict(l.split(":\t", 1) for l in open("/proc/self/status").read().splitlines())
		print([s[k].strip() for k in ("CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs")], s["Uid"].split()[0])
	EOF
	[ "$output" = "['0000000000000000', '0000000000000000', '0000000000000000', '0000000000000000', '1'] 1000" ]
}

@test "started by root, an executor is another user outside, each its own" {
	[ "$(id -u)" = 0 ] || skip "not root"
	local uids
	uids=$(for p in $(pgrep -f '^/usr/bin/python3 .*-m ipykernel'); do
		grep -qs "^NSpid:.*	[0-9]" "/proc/$p/status" || continue
		grep -qsz "GIVEN=yes" "/proc/$p/environ" && awk '/^Uid:/ { print $2 }' "/proc/$p/status"
	done | sort -u)
	[ "$(wc -w <<<"$uids")" = 2 ]
	for u in $uids; do [ "$u" -ge 1000 ]; done
}

@test "descriptors of whoever started the pool do not get in" {
	run -0 cell 0 <<-'EOF'
		import os
		for f in os.listdir("/proc/self/fd"):
		    try: t = os.readlink(f"/proc/self/fd/{f}")
		    except OSError: continue
		    if t.startswith("/") and not t.startswith(("/dev/", "/proc/", "/work", "/tmp")): print(t)
		print("end")
	EOF
	[ "$output" = end ] || { echo "$output"; false; }
}

@test "users, hosts, time zone, fonts and locale are there" {
	run -0 cell 0 <<-'EOF'
		import getpass, os, pwd, socket, time, locale
		print(getpass.getuser(), pwd.getpwuid(os.getuid()).pw_dir, socket.gethostname(), socket.gethostbyname("localhost"))
		print(os.path.exists("/etc/localtime") or time.tzname, os.path.exists("/etc/ld.so.cache"))
		print("ä".encode() == open("/proc/self/comm").encoding.encode() or locale.getpreferredencoding())
	EOF
	[ "${lines[0]}" = "executor /work executor-000 127.0.0.1" ]
	[ "${lines[2]}" = UTF-8 ]
}

@test "child processes, threads and multiprocessing work" {
	run -0 cell 0 <<-'EOF'
		import subprocess, threading, multiprocessing
		print(subprocess.run(["sh", "-c", "echo child; id -un"], capture_output=True, text=True).stdout.split())
		r = []; t = threading.Thread(target=r.append, args=(1,)); t.start(); t.join()
		q = multiprocessing.Queue(); p = multiprocessing.Process(target=q.put, args=(2,)); p.start()
		print(r, q.get(timeout=10)); p.join()
	EOF
	[ "$output" = $'[\'child\', \'executor\']\n[1] 2' ]
}

@test "--net opens the network, and nothing else" {
	run -0 execmgr-up -t python:1 -p 0 --net -- bash -c \
		'exec-run - <<<"import socket, os; socket.create_connection((\"127.0.0.1\", ${EXECMGR_URL##*:}), 5); print(os.path.exists(\"/root\"))"'
	[ "$output" = False ]
}

@test "where bubblewrap does not work execmgr-up refuses, and names the way out" {
	chmod 711 "$T"			# root's executors are other users
	mkdir "$T/bin"
	printf '#!/bin/sh\necho "bwrap: No permissions to create new namespace" >&2\nexit 1\n' >"$T/bin/bwrap"
	chmod +x "$T/bin/bwrap"
	PATH=$T/bin:$PATH run -71 --separate-stderr execmgr-up -p 0 -- true
	[[ $stderr == *"bubblewrap does not work here (bwrap: No permissions to create new namespace); --sandbox none runs the code without isolation" ]] || { echo "$stderr"; false; }
	PATH=$T/bin:$PATH run -71 execmgr-up --probe
	PATH=$T/bin:$PATH run -0 execmgr-up -p 0 --sandbox none -- true
	run -0 execmgr-up --probe
	[ -z "$output" ]
}

@test "what a session leaves behind is gone for the next one, and what it filled up is empty" {
	cell 1 >/dev/null <<-'EOF'
		import os
		for d in '/tmp', '/dev/shm', '/work', '/executor/run':
		    with open(d + '/secret', 'wb') as f:
		        f.write(b'of a tenant')
		        f.flush()
		        s = os.statvfs(d)
		        os.posix_fallocate(f.fileno(), 11, s.f_bavail * s.f_frsize - 65536)
	EOF
	curl -sf -X POST "$URL/session/1/restart" >/dev/null
	run -0 cell 1 <<-'EOF'
		import os
		print([d for d in ('/tmp', '/dev/shm', '/work', '/executor/run') if os.path.exists(d + '/secret')])
		print(all(os.statvfs(d).f_bavail * os.statvfs(d).f_frsize > 1000 << 20 for d in ('/tmp', '/dev/shm', '/work')))
		print(len(os.listdir('/work')), len(os.listdir('/executor/run')))
	EOF
	[ "$output" = $'[]\nTrue\n1 1' ]
}

@test "a warm spare takes over in the sandbox" {
	eventually 300 session_info_is 1 spare ready
	run -0 cell 1 <<<"x = 1"
	run -0 http POST "$URL/session/1/restart"
	run -0 cell 1 <<<"import os; print('x' in globals(), os.listdir('.'), len(os.listdir('/work')))"
	[ "$output" = "False [] 1" ]
	session_info_is 1 start spare
}

session_info_is() { [ "$(curl -s "$URL/session/$1/info" | jq -r ".$2")" = "$3" ]; }
