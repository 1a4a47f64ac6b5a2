#!/usr/bin/env bats
# execmgr-up --mem, --cpus, --pids: what an executor may use of the machine, by control groups or, without them, by rlimits.

load lib

setup_file() {
	# Nothing is said only where control groups enforce all three.
	execmgr-up --probe --sandbox none --mem 64M --cpus 0.5 --pids 64 >"$BATS_FILE_TMPDIR/said" 2>&1 && [ ! -s "$BATS_FILE_TMPDIR/said" ] || {
		export NO_GROUPS
		NO_GROUPS="no control group can be written to here: $(cat "$BATS_FILE_TMPDIR/said")"
	}
	export ISOLATION=none
	! execmgr-up --probe 2>/dev/null || ISOLATION=bwrap
}

setup() {
	sandbox_dir
	export XDG_RUNTIME_DIR=$T
	TINY=$TOP/share/examples/executor.py
}

teardown() {
	reap
}

need_groups() { [ -z "$NO_GROUPS" ] || skip "$NO_GROUPS"; }

# spawn_up [options]: a pool in the background; $UP is its pid, $EXECMGR_URL where its manager is, $NAME what it calls its groups.
spawn_up() {
	spawn up.out execmgr-up -p 0 --sandbox "$ISOLATION" "$@"
	UP=$!
	eventually 600 grep -q url "$T/up.out"
	EXECMGR_URL=$(sed -n 's/.*"url":"\([^"]*\)".*/\1/p' "$T/up.out")
	export EXECMGR_URL
	NAME=$(basename "$T"/execmgr-*)
}

groups() { find /sys/fs/cgroup -type d -name "$1" 2>/dev/null || true; }
no_groups() { [ -z "$(groups "$1")" ]; }
value() {	# ID FILE…: the first of these files that the executor's groups have
	local g f id=$1
	shift
	for g in $(groups "$NAME"); do
		for f; do
			[ ! -e "$g/$id/$f" ] || { cat "$g/$id/$f"; return; }
		done
	done
	return 1
}
below() {	# PID…: all processes below, one a line
	local p c
	for p; do
		for c in $(cat "/proc/$p/task/"*/children 2>/dev/null); do
			echo "$c"
			below "$c"
		done
	done
}
all_gone() { local p; for p; do gone "$p" || return 1; done; }
says() {	# ID CODE TEXT
	[ "$(exec-run -s "$1" -c "$2" 2>&1)" = "$3" ]
}

@test "bad sizes and numbers are 64 and name the option" {
	local case
	while IFS='|' read -r args says; do
		run -64 --separate-stderr execmgr-up -p 0 $args -- true
		[[ $stderr == "execmgr-up: $says"* ]] || { echo "$args: $stderr"; false; }
		[ -z "$output" ]
	done <<-'END'
		--mem 1x|--mem 1x: must be a size such as 256M, 1.5g or 2GB
		--mem -1|--mem -1: must be a size such as
		--mem nan|--mem nan: must be a size such as
		--mem 0|--mem 0: must be 6M to 1024T
		--mem 1000T|--mem 1000T: this machine has
		--cpus 0|--cpus 0: must be 0.01 to 1024
		--cpus -1|--cpus -1: must be a number of processors such as 0.5 or 2
		--cpus nan|--cpus nan: must be a number of processors
		--cpus 1000|--cpus 1000: this machine has
		--pids 0|--pids 0: must be 1 to 4194304
		--pids -1|--pids -1: must be 1 to 4194304
		--pids many|--pids many: not a whole number
		--pids 4194304|--pids 4194304: this machine has
	END
	[ ! -e "$T"/execmgr-* ]
}

@test "each executor is in groups of its own, with all that it starts; they are gone with the pool" {
	need_groups
	spawn_up -t tiny:2 --executor "$TINY" --mem 256M --cpus 0.5 --pids 50
	[ "$(value 0 memory.limit_in_bytes memory.max)" = $((256 << 20)) ]
	[ "$(value 1 pids.max)" = 50 ]
	case $(value 1 cpu.cfs_quota_us cpu.max) in 50000|'50000 100000') ;; *) false ;; esac
	local p n=0
	for p in $(below "$UP"); do
		case $(tr '\0' ' ' <"/proc/$p/cmdline") in
		*execmgr-up*|*execmgr-serve*)	run -1 grep "/$NAME/[01]$" "/proc/$p/cgroup" ;;
		*)				[ "$(grep -c "/$NAME/[01]$" "/proc/$p/cgroup")" -ge 1 ]
						n=$((n + 1)) ;;
		esac
	done
	[ "$n" -ge 2 ]
	says 0 'import subprocess; subprocess.Popen(["sleep", "600"], start_new_session=True); print(1)' 1
	stop "$UP"
	no_groups "$NAME"
}

@test "an executor that is started again is in its groups again" {
	need_groups
	spawn_up -t tiny:1 --executor "$TINY" --pids 40
	exec-run -s 0 -c 'import os; os._exit(3)' || true
	eventually 100 says 0 'print(1)' 1
	eventually 100 grep -q 'started again' "$T/up.out"
	[ "$(value 0 pids.current)" -ge 1 ]
	stop "$UP"
	no_groups "$NAME"
}

out_of_memory() {
	spawn_up --mem 256M
	exec-alloc -t python >"$T/alloc"
	run -137 exec-run -s - --json -c 'x = bytearray(800 << 20)' <"$T/alloc"
	jq -e '.status == "kernel_died" and (.outputs[-1].value | test("ran out of memory"))' <<<"$output"
	run -0 exec-run -s - -c 'print(6 * 7)' <"$T/alloc"
	[ "$output" = 42 ]
}

@test "a cell beyond --mem: its kernel dies, out of memory is named, the container works again" {
	need_groups
	[ "$ISOLATION" = bwrap ] || skip "no sandbox on this machine"
	out_of_memory
	run -0 exec-run -s - -c 'import os
print([os.statvfs(d).f_blocks * os.statvfs(d).f_frsize >> 20 for d in ("/tmp", "/work", "/dev/shm")])' <"$T/alloc"
	[ "$output" = '[128, 128, 128]' ]
}

@test "the same without a sandbox" {
	need_groups
	ISOLATION=none
	out_of_memory
}

@test "of its groups a sandboxed executor sees one file, read-only" {
	need_groups
	[ "$ISOLATION" = bwrap ] || skip "no sandbox on this machine"
	spawn_up --mem 256M
	run -0 exec-run -c 'import os
print(open(os.environ["MEMORY_EVENTS"]).read().count("oom_kill 0"), os.path.exists("/sys"))
try: open(os.environ["MEMORY_EVENTS"], "w")
except OSError as e: print(e.strerror)
print([l.split()[3:5] for l in open("/proc/self/mountinfo") if " cgroup" in l], "'"$NAME"'" in open("/proc/self/cgroup").read())'
	[[ $output == $'1 False\nRead-only file system\n[['*"'/executor/memory.events']] False" ]] || { echo "$output"; false; }
}

@test "file systems in memory that are filled up count: the container works again" {
	need_groups
	[ "$ISOLATION" = bwrap ] || skip "no sandbox on this machine"
	spawn_up --mem 256M
	exec-alloc -t python >"$T/alloc"
	run exec-run -s - --json -c 'import os
for d in "/tmp", "/dev/shm", "/work":
    with open(d + "/fill", "wb") as f:
        try:
            while True: f.write(bytes(1 << 20))
        except OSError as e: print(e.strerror)' <"$T/alloc"
	jq -e '.status | test("ok|kernel_died")' <<<"$output"
	curl -s -X POST "$EXECMGR_URL/session/0/restart"
	eventually 300 says 0 'import os; print(os.path.exists("/tmp/fill"))' False
	[ "$(wc -l <"$T/up.out")" -le 4 ] || { cat "$T/up.out"; false; }
	! gone "$UP"
}

@test "a fork bomb under --pids stays inside, and the container works again" {
	need_groups
	spawn_up -t python:2 --pids 80
	exec-alloc -t python >"$T/alloc"
	local id
	id=$(jq .container_id "$T/alloc")
	curl -s -m 60 "$EXECMGR_URL/session/$id/execute" -H 'Content-Type: application/json' \
		-d '{"timeout":3,"code":"import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"}' >"$T/bomb" &
	eventually 100 bomb_is_full "$id"
	[ "$(value "$id" pids.current)" -le 80 ]
	run -0 exec-run -c 'import subprocess; print(subprocess.run(["echo", "next door"], capture_output=True, text=True).stdout)'
	[[ $output == 'next door'* ]]
	wait $!
	eventually 300 says "$id" 'print(6 * 7)' 42
	[ "$(value "$id" pids.current)" -lt 40 ]
	stop "$UP"
	no_groups "$NAME"
}
bomb_is_full() { value "$1" pids.events | grep -q 'max [1-9]'; }

@test "--cpus bounds the time of all processors" {
	need_groups
	spawn_up -t tiny:1 --executor "$TINY" --cpus 0.2
	says 0 'import time
w, c = time.monotonic(), time.process_time()
while time.process_time() - c < 0.3: pass
print(time.monotonic() - w > 0.9)' True
	value 0 cpu.stat | grep -q 'nr_throttled [1-9]'
}

@test "SIGKILL of either process, or of one after the other, leaves no group" {
	need_groups
	spawn_up -t tiny:1 --executor "$TINY" --mem 128M --pids 50
	kill -KILL "$UP"
	eventually 100 no_groups "$NAME"
	spawn_up -t tiny:1 --executor "$TINY" --mem 128M --pids 50
	kill -KILL $(cat "/proc/$UP/task/$UP/children")
	eventually 100 gone "$UP"
	no_groups "$NAME"
}

@test "what two killed processes leave is removed by the next start; a live pool's groups are not" {
	need_groups
	spawn_up -t tiny:1 --executor "$TINY" --pids 50
	local live=$NAME keeper all
	mkdir "$T/2"
	XDG_RUNTIME_DIR=$T/2 spawn two.out execmgr-up -p 0 --sandbox "$ISOLATION" -t tiny:1 --executor "$TINY" --pids 50
	local two=$!
	eventually 300 grep -q url "$T/two.out"
	NAME=$(basename "$T"/2/execmgr-*)
	keeper=$(cat "/proc/$two/task/$two/children")
	all=$(below "$two")
	kill -STOP "$keeper"
	kill -KILL "$two"
	kill -KILL "$keeper"
	eventually 100 all_gone $all
	run ! no_groups "$NAME"
	eventually 100 sweeps "$NAME"
	run ! no_groups "$live"
	[ "$(exec-run -s 0 -c 'print(5)')" = 5 ]
}
sweeps() {		# a start in the same place; what was killed has left its groups by then, or will have soon
	execmgr-up --probe --sandbox none --pids 10
	no_groups "$1"
}

@test "bounds that the executor cannot live with are named" {
	need_groups
	run -69 --separate-stderr execmgr-up -p 0 --sandbox "$ISOLATION" --pids 3 --start-timeout 20 -- true
	[[ $stderr == *'executor-000: --pids is too little for it' ]] || { echo "$stderr"; false; }
	run -69 --separate-stderr execmgr-up -p 0 --sandbox "$ISOLATION" --mem 16M --start-timeout 5 -- true
	[[ $stderr == *'executor-000: --mem is too little for it' ]] || { echo "$stderr"; false; }
}

# without_groups CMD…: where control groups are not to be seen.
without_groups() {
	unshare --mount sh -c 'mount -t tmpfs -o ro none /sys/fs/cgroup && exec "$@"' _ "$@"
}
need_no_groups() {
	unshare --mount true 2>/dev/null && [ -d /sys/fs/cgroup ] || skip "not allowed to hide the control groups"
}

@test "without control groups --mem holds for each process, and that is said" {
	[ -z "$SANITIZE" ] || skip "a sanitizer reserves more than any limit"
	need_no_groups
	run -1 --separate-stderr without_groups execmgr-up -p 0 --sandbox "$ISOLATION" --mem 300M -- exec-run -c 'x = bytearray(400 << 20)'
	[[ $stderr == 'execmgr-up: --mem holds for each process alone, not for an executor as a whole: no control group can be made ('* ]]
	[[ $stderr == *MemoryError* ]]
}

@test "without control groups --cpus is refused, --pids where the executors have no user ids of their own" {
	need_no_groups
	run -71 --separate-stderr without_groups execmgr-up -p 0 --sandbox "$ISOLATION" --cpus 1 --executor "$TINY" -- true
	[[ $stderr == 'execmgr-up: --cpus cannot be enforced here: no control group can be made ('* ]]
	[ "${#stderr_lines[@]}" = 1 ]
	run -71 --separate-stderr without_groups execmgr-up -p 0 --sandbox none --pids 50 --executor "$TINY" -- true
	[[ $stderr == 'execmgr-up: --pids cannot be enforced here: no control group can be made ('*'no user ids of their own' ]]
	[ ! -e "$T"/execmgr-* ]
}

@test "without control groups root's sandboxed executors are bounded by their user ids" {
	need_no_groups
	[ "$ISOLATION" = bwrap ] && [ "$(id -u)" = 0 ] || skip "executors are not started under user ids of their own"
	cat >"$T/cell" <<-'END'
		import os, time
		n = 0
		while True:
		    try: pid = os.fork()
		    except OSError as e:
		        why = e.strerror
		        break
		    if pid == 0: time.sleep(600)
		    n += 1
		print(why, 10 < n < 60)
	END
	run -0 --separate-stderr without_groups execmgr-up -p 0 -t python:2 --pids 60 -- exec-run "$T/cell"
	[ "$output" = 'Resource temporarily unavailable True' ]
	[ -z "$stderr" ]
}
