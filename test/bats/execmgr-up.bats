#!/usr/bin/env bats
# execmgr-up: a pool on this machine; started, kept running, and nothing left of it however it ends.
# Executors are the small one of share/examples where the kernel does not matter: it starts in a tenth of a second.

load lib

setup() {
	sandbox_dir
	export XDG_RUNTIME_DIR=$T			# so that a run directory left behind is ours
	TINY=$TOP/share/examples/executor.py
	ISOLATION=$(isolation)
}

teardown() {
	reap
}

# bwrap where it works, else none: most of these tests are about processes, not about walls.
isolation() {
	if execmgr-up --probe 2>/dev/null; then echo bwrap; else echo none; fi
}

up() {
	execmgr-up -p 0 --sandbox "$ISOLATION" --executor "$TINY" "$@"
}

# spawn_up [options] - in the background; $UP is its pid, $URL where the manager is.
spawn_up() {
	spawn up.out execmgr-up -p 0 --sandbox "$ISOLATION" --executor "$TINY" "$@"
	UP=$!
	eventually 300 grep -q url "$T/up.out"
	URL=$(sed -n 's/.*"url":"\([^"]*\)".*/\1/p' "$T/up.out")
}

no_rundir() { ! ls -d "$T"/execmgr-* >/dev/null 2>&1; }

# Every process that has the run directory or the example's name on its command line, and the session's own.
ours() { pgrep -f "$T/execmgr-|$T/mark" ; }
nothing_left() { no_rundir && ! ours >/dev/null; }

descendants() {		# PID…: all processes below, one a line
	local p c
	for p; do
		for c in $(cat "/proc/$p/task/"*/children 2>/dev/null); do
			echo "$c"
			descendants "$c"
		done
	done
}
has_descendants() { [ "$(descendants "$UP" | wc -l)" -ge "$1" ]; }
all_gone() { local p; for p; do gone "$p" || return 1; done; }

# ends_with STATUS PID: a child of this shell, within 15 s.
ends_with() {
	local st=0
	eventually 150 gone "$2"
	wait "$2" || st=$?
	[ "$st" = "$1" ] || { echo "ended with $st, not $1"; return 1; }
}

status_count() { curl -s --max-time 5 "$URL/status" | jq -e ".available_containers == $1" >/dev/null; }

run_code() {	# ID CODE: text of stdout
	curl -s --max-time 20 "$URL/session/$1/execute" -H 'Content-Type: application/json' -d "{\"code\":\"$2\"}" \
		| jq -r '.outputs[0].text'
}
session_says() { [ "$(run_code "$1" "$2")" = "$3" ]; }

@test "without a command it prints one line, and SIGTERM ends it with 0" {
	spawn_up -t tiny:2
	run cat "$T/up.out"
	[ "$output" = "{\"url\":\"$URL\",\"containers\":2}" ]
	status_count 2
	stop "$UP"
	nothing_left
}

@test "SIGINT and SIGHUP end it with 130 and 129" {
	spawn_up -t tiny:1
	kill -INT "$UP"
	ends_with 130 "$UP"
	nothing_left
	spawn_up -t tiny:1
	kill -HUP "$UP"
	ends_with 129 "$UP"
	nothing_left
}


@test "a command gets the url, and its status is ours" {
	run -7 up -t tiny:2 -- sh -c 'curl -s "$EXECMGR_URL/status" | jq .available_containers; exit 7'
	[ "$output" = 2 ]
	nothing_left
}

@test "a command ended by a signal gives 128 and its number" {
	run -137 up -- sh -c 'kill -KILL $$'
	run -143 up -- sh -c 'kill -TERM $$'
	nothing_left
}

@test "a command that is missing is 127, one that cannot be run is 126, before anything starts" {
	run -127 --separate-stderr up -- "$T/none"
	[ "$stderr" = "execmgr-up: $T/none: not found" ]
	echo x >"$T/file"
	run -126 --separate-stderr up -- "$T/file"
	[ "$stderr" = "execmgr-up: $T/file: Permission denied" ]
	nothing_left
}

@test "the command keeps its standard input, and descriptors it was given" {
	echo word >"$T/in"
	echo seven >"$T/seven"
	run -0 bash -c 'exec execmgr-up -p 0 --sandbox "$1" --executor "$2" -- sh -c "cat; cat <&7" <"$3/in" 7<"$3/seven"' \
		_ "$ISOLATION" "$TINY" "$T"
	[ "$output" = $'word\nseven' ]
}

@test "what the command leaves behind is ended with the pool" {
	run -0 up -- sh -c 'setsid sh -c "exec -a mark sleep 600" "$0" >/dev/null 2>&1 & echo $! >"$0"' "$T/pid"
	gone "$(cat "$T/pid")"
	nothing_left
}

@test "SIGTERM is passed to the command, and ours is 143" {
	spawn up.out execmgr-up -p 0 --sandbox "$ISOLATION" --executor "$TINY" -- \
		sh -c 'trap "echo told; exit 3" TERM; echo here; while :; do sleep 0.1; done'
	UP=$!
	eventually 300 grep -q here "$T/up.out"
	kill -TERM "$UP"
	ends_with 143 "$UP"
	grep -q told "$T/up.out"
	nothing_left
}

@test "a command that does not listen to SIGTERM is killed" {
	spawn up.out execmgr-up -p 0 --sandbox "$ISOLATION" --executor "$TINY" -- \
		sh -c 'trap "" TERM; echo here; while :; do sleep 0.1; done'
	UP=$!
	eventually 300 grep -q here "$T/up.out"
	kill -TERM "$UP"
	ends_with 143 "$UP"
	nothing_left
}

@test "a second signal does not wait" {
	spawn up.out execmgr-up -p 0 --sandbox "$ISOLATION" --executor "$TINY" -- \
		sh -c 'trap "echo told" TERM; echo here; while :; do sleep 0.1; done'
	UP=$!
	eventually 300 grep -q here "$T/up.out"
	kill -TERM "$UP"
	eventually 50 grep -q told "$T/up.out"
	kill -TERM "$UP"
	eventually 20 gone "$UP"
	nothing_left
}

@test "SIGKILL of the visible process leaves nothing, its command and directory included" {
	spawn up.out execmgr-up -p 0 --sandbox "$ISOLATION" --executor "$TINY" -t tiny:2 -- \
		sh -c 'setsid sleep 600 & echo here; sleep 600'
	UP=$!
	eventually 300 grep -q here "$T/up.out"
	local below
	below=$(descendants "$UP")
	[ "$(wc -w <<<"$below")" -ge 6 ]
	kill -KILL "$UP"
	eventually 50 all_gone $below
	eventually 20 nothing_left
}

@test "SIGKILL of the supervisor leaves nothing, and is told" {
	spawn up.out execmgr-up -p 0 --sandbox "$ISOLATION" --executor "$TINY" -t tiny:2 -- \
		sh -c 'setsid sleep 600 & echo here; sleep 600'
	UP=$!
	eventually 300 grep -q here "$T/up.out"
	local below keeper
	below=$(descendants "$UP")
	keeper=$(cat "/proc/$UP/task/$UP/children")
	kill -KILL $keeper
	ends_with 70 "$UP"
	grep -q 'supervisor was killed by signal 9' "$T/up.out"
	all_gone $below
	nothing_left
}

@test "SIGKILL of the whole process group leaves nothing" {
	spawn up.out execmgr-up -p 0 --sandbox "$ISOLATION" --executor "$TINY" -t tiny:2 -- sh -c 'echo here; sleep 600'
	UP=$!
	eventually 300 grep -q here "$T/up.out"
	local below
	below=$(descendants "$UP")
	kill -KILL -- "-$UP"
	eventually 50 all_gone $below
	eventually 20 nothing_left
}

@test "SIGKILL while the pool starts leaves nothing" {
	spawn up.out execmgr-up -p 0 --sandbox "$ISOLATION" -t slow:3 --executor "$(which sleep)" --executor 600
	UP=$!
	eventually 100 has_descendants 4
	local below
	below=$(descendants "$UP")
	kill -KILL "$UP"
	eventually 50 all_gone $below
	eventually 20 nothing_left
}

@test "children that were there before are not ended" {
	run -0 bash -c 'sleep 600 >/dev/null 2>&1 3>&- & echo $! >"$1"; shift; exec "$@"' _ "$T/pid" \
		execmgr-up -p 0 --sandbox "$ISOLATION" --executor "$TINY" -- true
	! gone "$(cat "$T/pid")"
	kill "$(cat "$T/pid")"
}

executor_pids() {	# the processes that run the example, as seen from here
	local p
	for p in $(descendants "$UP"); do
		! tr '\0' ' ' <"/proc/$p/cmdline" 2>/dev/null | grep -q '^/usr/bin/python3 .*executor.py' || echo "$p"
	done
}

@test "an executor that dies is started again, and its session works" {
	spawn_up -t tiny:2
	session_says 0 'print(41)' 41
	local before
	before=$(executor_pids)
	[ "$(wc -w <<<"$before")" = 2 ]
	kill -KILL $before
	eventually 100 session_says 0 'print(42)' 42
	eventually 100 session_says 1 'print(43)' 43
	grep -q 'executor-00.: ended with status 137; it is started again in 100 ms' "$T/up.out"
	stop "$UP"
	nothing_left
}

@test "an executor that its own code ends is started again" {
	spawn_up -t tiny:1
	run_code 0 'import os; os._exit(3)'
	eventually 100 session_says 0 'print(44)' 44
	grep -q 'executor-000: ended with status 3' "$T/up.out"
}

@test "pauses between starts double" {
	spawn_up -t tiny:1
	for _ in 1 2 3; do
		eventually 100 session_says 0 'print(1)' 1
		run_code 0 'import os; os._exit(3)'
	done
	eventually 100 grep -q 'started again in 400 ms' "$T/up.out"
	grep -q 'started again in 200 ms' "$T/up.out"
}

manager_pid() {
	local p
	for p in $(descendants "$UP"); do
		tr '\0' ' ' <"/proc/$p/cmdline" | grep -q '^execmgr-serve\|/execmgr-serve' && echo "$p" && return
	done
}

@test "a manager that dies comes back on its port, and the sessions still have their state" {
	spawn_up -t tiny:1
	run_code 0 'x = 45'
	kill -KILL "$(manager_pid)"
	eventually 100 session_says 0 'print(x)' 45
	grep -q 'the manager ended with status 137; it is started again' "$T/up.out"
}

@test "an executor that ends before it is ready: its last words, and 69" {
	printf '#!/bin/sh\necho first; echo the reason >&2; exit 1\n' >"$T/bad"
	chmod +x "$T/bad"
	run -69 --separate-stderr execmgr-up -p 0 --sandbox "$ISOLATION" --executor "$T/bad"
	[[ $stderr == *"executor-000: the reason"* ]]
	[[ $stderr == *"executor-000: ended with status 1 before it was ready"* ]]
	[ -z "$output" ]
	nothing_left
}

@test "an executor that says why it cannot run is not tried again" {
	printf '#!/bin/sh\necho started >>"$COUNT"; exit 78\n' >"$T/bad"
	chmod +x "$T/bad"
	run -78 --separate-stderr execmgr-up -p 0 --sandbox none --executor "$T/bad" --env COUNT="$T/count"
	[ "$(wc -l <"$T/count")" = 1 ]
	nothing_left
}

@test "an executor that never opens its socket: given up after the limit" {
	run -69 --separate-stderr execmgr-up -p 0 --sandbox "$ISOLATION" --start-timeout 1 --executor sleep --executor 600
	[[ $stderr == *"executor-000: does not open its socket"* ]]
	nothing_left
}

@test "an executor that is not ready: its reason" {
	sed 's/"ready": True, "reason": None/"ready": False, "reason": "still knitting"/' "$TINY" >"$T/knit.py"
	chmod +x "$T/knit.py"
	run -69 --separate-stderr execmgr-up -p 0 --sandbox "$ISOLATION" --start-timeout 1.5 --executor "$T/knit.py"
	[[ $stderr == *"executor-000: does not get ready: still knitting"* ]]
	nothing_left
}

@test "a missing kernelspec is named, and the pool does not start" {
	run --separate-stderr execmgr-up -p 0 --sandbox "$ISOLATION" -t py:1 --kernel py=no-such-kernel
	[ "$status" = 78 ] || [ "$status" = 69 ]
	[[ $stderr == *no-such-kernel* ]]
	nothing_left
}

@test "a port in use is told before anything starts" {
	spawn_up
	local port=${URL##*:}
	run -71 --separate-stderr execmgr-up -p "$port" --sandbox "$ISOLATION" --executor "$TINY" -- true
	[ "$stderr" = "execmgr-up: 127.0.0.1 port $port: Address already in use" ]
}

@test "bad usage is 64 and names the option" {
	local case
	while IFS='|' read -r args says; do
		run -64 --separate-stderr execmgr-up $args
		[[ $stderr == *"$says"* ]] || { echo "$args: $stderr"; false; }
		[ -z "$output" ]
	done <<-'EOF'
		-t python:0|--types python:0: the count must be 1 or more
		-t x:1,a/b|--types a/b
		-p 70000|--port 70000: must be 0 to 65535
		-p x|--port x: not a whole number
		--kernel r=ir|--kernel r=ir: no such type in --types python:1
		--kernel python|--kernel python: must be TYPE=KERNELSPEC
		--kernel python=|--kernel python=: must be TYPE=KERNELSPEC
		--sandbox chroot|--sandbox chroot: must be bwrap or none
		--env 1=2|--env 1=2: must be NAME=VALUE
		--env A|--env A: must be NAME=VALUE
		--sandbox none --net|--net: there is no sandbox to open
		--sandbox none --ro /usr|--ro: there is no sandbox to open
		--ro usr|--ro usr: must be an absolute path
		--ro /proc/1|--ro /proc/1: is the machine's
		--ro /|--ro /: holds the pool's own sockets
		true|true: a command to run goes behind --
		--|no command behind --
		--start-timeout 0|--start-timeout 0: must be 1 to 86400 seconds
	EOF
	run -66 --separate-stderr execmgr-up --ro "$T/none"
	[[ $stderr == *"--ro $T/none: No such file or directory"* ]]
	nothing_left
}

@test "an executor that is missing is 78" {
	run -78 --separate-stderr execmgr-up --executor "$T/none"
	[ "$stderr" = "execmgr-up: $T/none: not found" ]
}

@test "a full or closed stdout ends it with 74 and nothing left" {
	run -74 --separate-stderr bash -c "exec execmgr-up -p 0 --sandbox $ISOLATION --executor '$TINY' >/dev/full"
	[[ $stderr == *"standard output: No space left on device"* ]]
	run -74 --separate-stderr bash -c "exec execmgr-up -p 0 --sandbox $ISOLATION --executor '$TINY' >&-"
	nothing_left
}

@test "-v passes on what an executor writes, otherwise it is quiet" {
	sed "1a import sys; print('good\\\\033[31m morning', file=sys.stderr, flush=True)" "$TINY" >"$T/loud.py"
	chmod +x "$T/loud.py"
	run -0 --separate-stderr execmgr-up -p 0 --sandbox "$ISOLATION" --executor "$T/loud.py" -- true
	[ -z "$stderr" ]
	run -0 --separate-stderr execmgr-up -v -p 0 --sandbox "$ISOLATION" --executor "$T/loud.py" -- true
	[[ $stderr == *'execmgr-up: executor-000: good\x1b[31m morning'* ]]
}

@test "an executor that floods its log is read, and costs no disk" {
	sed "1a import sys; sys.stderr.write('x' * 50000000)" "$TINY" >"$T/flood.py"
	chmod +x "$T/flood.py"
	run -0 --separate-stderr execmgr-up -p 0 --sandbox "$ISOLATION" --executor "$T/flood.py" -- du -s "$T"
	[ "${output%%	*}" -lt 2000 ]
}

@test "options reach the executors: variables, and the kernel of each type" {
	export EXECUTION_TIMEOUT=17 SECRET_OF_CALLER=s3cr3t
	spawn_up -t a:1,b:1 --kernel b=ir --env GREETING='a=b c' --env EMPTY=
	session_says 0 "import os; print(os.environ['EXECUTION_TIMEOUT'], os.environ['GREETING'], os.environ.get('KERNEL_NAME'))" '17 a=b c None'
	session_says 1 "import os; print(os.environ['KERNEL_NAME'], 'SECRET_OF_CALLER' in os.environ)" 'ir False'
	curl -s "$URL/status" | jq -e '.available_by_type == {"a":1,"b":1}'
}

@test "containers of many types start, more than are started at a time" {
	run -0 up -t a:12,b:8 -- sh -c 'curl -s "$EXECMGR_URL/status" | jq .available_containers'
	[ "$output" = 20 ]
	nothing_left
}

@test "two pools on one machine do not meet" {
	run -0 up -t a:1 -- "$BIN/execmgr-up" -p 0 --sandbox "$ISOLATION" --executor "$TINY" -t b:2 -- \
		sh -c 'curl -s "$EXECMGR_URL/status" | jq -c .available_by_type'
	[ "$output" = '{"b":2}' ]
	nothing_left
}

on_terminal() {		# WORD KEYS CMD…
	"$PYTHON" "$TOP/test/data/on-terminal.py" "$@"
}

@test "on a terminal: the command has it, and Ctrl-C is the command's" {
	run -5 on_terminal ready '\x03' execmgr-up -p 0 --sandbox "$ISOLATION" --executor "$TINY" -- \
		bash -c 'trap "echo interrupted; exit 5" INT; test -t 0 && echo ready; while :; do sleep 0.1; done'
	[[ $output == *interrupted* ]]
	run -130 on_terminal ready '\x03' execmgr-up -p 0 --sandbox "$ISOLATION" --executor "$TINY" -- \
		sh -c 'echo ready; exec sleep 600'
	nothing_left
}

@test "on a terminal: an interactive shell as the command" {
	run -9 on_terminal 'prompt>' 'echo "$EXECMGR_URL"; exit 9\r' execmgr-up -p 0 --sandbox "$ISOLATION" \
		--executor "$TINY" -- env PS1='prompt>' bash --norc -i
	[[ $output == *http://127.0.0.1* ]]
	nothing_left
}

@test "on a terminal: Ctrl-C ends a pool without a command, and one that still starts" {
	run -130 on_terminal '"url"' '\x03' execmgr-up -p 0 --sandbox "$ISOLATION" --executor "$TINY"
	printf '#!/bin/sh\necho waiting >&2; exec sleep 600\n' >"$T/slow"
	chmod +x "$T/slow"
	run -130 on_terminal waiting '\x03' execmgr-up -v -p 0 --sandbox "$ISOLATION" --executor "$T/slow" -- true
	nothing_left
}

@test "what an executor without a sandbox leaves behind when it is killed is ended before it is started again" {
	spawn up.out execmgr-up -p 0 --sandbox none --executor "$TINY"
	UP=$!
	eventually 300 grep -q url "$T/up.out"
	URL=$(sed -n 's/.*"url":"\([^"]*\)".*/\1/p' "$T/up.out")
	run_code 0 "import subprocess; print(subprocess.Popen(['setsid', 'sleep', '7391']).pid)"
	local orphan
	eventually 50 pgrep -f 'sleep 7391'
	orphan=$(pgrep -fx 'sleep 7391')
	run_code 0 'import os; os.kill(os.getpid(), 9)'
	eventually 100 session_says 0 'print(45)' 45
	gone "$orphan"
	grep -q 'executor-000: ended with status 137; it is started again' "$T/up.out"
	stop "$UP"
	nothing_left
}
