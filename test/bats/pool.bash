# pool.bash - what the tests of the commands share: a manager in front of fake executors, told at run time what to do;
# a manager that is a fake itself; and what the manager says of its containers.

# pool TYPES - fake executors of these types and a manager before them; EXECMGR_URL.
pool() {
	local control
	spawn fake "$FAKE/executor" -t "$1" -c "$T/config.json"
	eventually 100 grep -q '^ready' "$T/fake"
	control=$(sed -n 's/^control //p' "$T/fake")
	CONTROL=$control
	spawn serve execmgr-serve -b "unix:$T/m.sock" -c "$T/config.json"
	MANAGER=$!
	export EXECMGR_URL=unix:$T/m.sock
	eventually 100 all_are available
}

# fake ID JSON - tell a fake executor how to behave; ID may be "all".
fake() {
	curl -sf -X POST --data-binary @- "$CONTROL/fake/$1" <<<"$2" >/dev/null
}

# How often an executor was asked for a call: executed ID execute
asked() {
	curl -sf "$CONTROL/fake/$1" | jq ".$2"
}

states() { exec-status -f '[.containers[].state] | join(" ")'; }
all_are() { [ "$(exec-status -f '[.containers[].state] | unique | join(" ")' 2>/dev/null)" = "$1" ]; }
allocated() { [ "$(exec-status -f '.allocated_container_ids | map(tostring) | join(" ")' 2>/dev/null)" = "$1" ]; }
running() { [ "$(exec-status -f ".containers[$1].running" 2>/dev/null)" -ge 1 ]; }
waiting() { [ "$(exec-status -f .waiting_requests 2>/dev/null)" -ge "$1" ]; }

# stub - a manager that answers from the files in $T/stub; EXECMGR_URL.
stub() {
	mkdir "$T/stub"
	spawn stub.log "$PYTHON" "$TOP/test/fake/stub_manager.py" "$T/stub"
	eventually 100 test -s "$T/stub/port"
	EXECMGR_URL=http://127.0.0.1:$(cat "$T/stub/port")
	export EXECMGR_URL
}

# say CALL BYTES - what the stub answers: say POST_allocate '{"container_id":1}'
say() { printf '%s' "$2" >"$T/stub/$1"; }
logged() { grep -qxF -- "$1" "$T/stub/log" 2>/dev/null; }

# terminal COMMAND - its output as a terminal of 80 columns got it, line ends as in a file; its exit status.
terminal() { TERM=xterm script -qefc "$1" /dev/null </dev/null | tr -d '\r'; return "${PIPESTATUS[0]}"; }

# A command whose standard output is closed, full, or a pipe that nobody reads.
without_stdout() { "$@" >&-; }
to_full_disk() { "$@" >/dev/full; }
to_closed_pipe() {
	"$PYTHON" -c 'import os, subprocess, sys
r, w = os.pipe()
os.close(r)
status = subprocess.call(sys.argv[1:], stdout=w)
sys.exit(status if status >= 0 else 128 - status)' "$@"
}

# start CMD… - in the background with SIGINT as a terminal's foreground has it; pid in $CHILD, output in $T/out, $T/err.
start() {
	"$PYTHON" -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])' "$@" >"$T/out" 2>"$T/err" 3>&- </dev/null &
	CHILD=$!
	PIDS+=("$CHILD")
}

# ends_with STATUS - wait for the end of what start started.
ends_with() {
	local rc=0
	wait "$CHILD" || rc=$?
	[ "$rc" = "$1" ] || { echo "ended with $rc"; return 1; }
}
