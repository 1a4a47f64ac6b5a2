#!/usr/bin/env bats
# executor-jupyter with a real ipykernel: start, death, restart, end, and what a cell cannot reach.
load lib
load executor

setup() { sandbox_dir; }

teardown() { end; }

python_pid() { info pid; }

@test "a kernel's death is told at once with its cause, with what was printed, and a new kernel serves" {
	executor
	until_ready
	local n=1 code
	while IFS='|' read -r code cause; do
		run cell "import os, time; print('before', flush=True); time.sleep(0.3); $code"
		[ "$(jq -r '.status, .generation, .execution_count' <<<"$output")" = $'kernel_died\n'$n$'\nnull' ]
		[ "$(jq -r '.outputs[-1] | .type, .name, .value' <<<"$output")" = $'error\nKernelDied\n'"$cause" ]
		[ "$(text <<<"$output")" = before ]
		[ "$(jq '.duration_ms < 2500' <<<"$output")" = true ]
		n=$((n + 1))
		[ "$(cell 'print("alive")' | jq -r '.generation, .outputs[0].text')" = $n$'\nalive' ]
	done <<-'END'
		import ctypes; ctypes.string_at(0)|The kernel was killed by signal 11 (SIGSEGV)
		os.abort()|The kernel was killed by signal 6 (SIGABRT)
		os._exit(3)|The kernel exited with status 3
		os.kill(os.getpid(), 9)|The kernel was killed by signal 9 (SIGKILL)
		os.execvp('sleep', ['sleep', '60'])|The kernel closed its connections
	END
}

@test "a kernel killed while nothing runs is replaced by itself" {
	executor
	until_ready
	local old
	old=$(python_pid)
	kill -KILL "$old"
	eventually 50 generation_is 2
	until_ready
	[ "$(python_pid)" != "$old" ]
	[ "$(info executions)" = 0 ]
}

generation_is() { [ "$(info generation)" = "$1" ]; }

@test "after a restart nothing of the old kernel is left: processes, directory, state" {
	executor
	until_ready
	run cell $'import os, subprocess\nopen("file", "w").write("x")\nos.mkdir("closed", 0)\np = subprocess.Popen(["sleep", "1000"])
q = subprocess.Popen(["setsid", "sh", "-c", "sleep 1001 & sleep 1002 & exit"])\nq.wait()\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        os.execvp("sleep", ["sleep", "1003"])\n    os._exit(0)\nos.wait()\nprint(os.getcwd(), os.getpid())'
	local dir pid
	read -r dir pid < <(text <<<"$output")
	[ -e "$dir/file" ]
	[ "$(descendants "$EXECUTOR" | wc -l)" -ge 5 ]
	[ "$(post /restart | jq -r .status)" = restarting ]
	[ "$(cell 'import os; print(os.listdir("."))' | text)" = '[]' ]
	[ "$(jq -r .generation <(cell 'dir'))" = 2 ]
	[ ! -e "/proc/$pid" ]
	eventually 50 gone_dir "$dir"
	eventually 50 only_its_own
}

gone_dir() { [ ! -e "$1" ]; }

@test "a restart asked for while a cell runs ends the cell; those that wait are refused, not run without their state" {
	executor --fork no --warm-kernels 0		# slow enough to ask again meanwhile
	until_ready
	cell 'import time; print("begun", flush=True); time.sleep(60)' >"$T/1" &
	local a=$!
	eventually 50 is_running
	curl -s -w '\n%{http_code}' --data '{"code":"print(1)"}' "$URL/execute" >"$T/2" &
	local b=$!
	eventually 50 queue_is 1
	post /restart >/dev/null
	wait $a $b
	[ "$(jq -r '.status, .outputs[-1].value' "$T/1")" = $'kernel_died\nThe kernel was restarted' ]
	[ "$(sed -n 2p "$T/2")" = 503 ]
	[ "$(sed -n 1p "$T/2" | jq -r .error)" = unavailable ]
	[ "$(post /restart | jq -r .status)" = already_restarting ] || [ "$(post /restart | jq -r .status)" = already_restarting ]
	until_ready
}

is_running() { [ "$(info running)" = true ]; }
queue_is() { [ "$(info queued)" = "$1" ]; }

@test "a hundred restarts in a row leave no process, descriptor, thread or file behind" {
	executor
	until_ready
	cell 'import subprocess; p = subprocess.Popen(["sleep", "1000"])' >/dev/null
	post /restart >/dev/null
	until_ready
	until_spare
	local fds
	fds=$(ls "/proc/$EXECUTOR/fd" | wc -l)
	for i in $(seq 100); do
		post /restart >/dev/null
		until_ready
		[ $((i % 10)) != 0 ] || until_spare
	done
	until_spare
	eventually 20 fds_are "$fds"
	eventually 50 only_its_own
	[ "$(info generation)" = 102 ]
	run cell 'import os; print(len(os.listdir(".."))); print(os.getcwd())'
	eventually 20 one_dir "$(text <<<"$output" | tail -1)/.."
}

fds_are() { [ "$(ls "/proc/$EXECUTOR/fd" | wc -l)" -le "$1" ]; }
one_dir() { [ "$(ls "$1" | wc -l)" = 1 ]; }

@test "SIGTERM lets a short cell finish, ends a long one, leaves nothing behind and exits 0 within 5 s" {
	executor
	until_ready
	cell 'import os; print(os.getcwd())' >"$T/0"
	local dir started
	dir=$(text <"$T/0")
	cell "import os, time
while not os.path.exists('$T/go'): time.sleep(0.02)
print('finished')" >"$T/1" &
	local a=$!
	eventually 50 is_running
	kill -TERM "$EXECUTOR"
	touch "$T/go"
	stop "$EXECUTOR"
	wait $a
	[ "$(text <"$T/1")" = finished ]
	[[ $dir == "$T"/execmgr-* ]]
	[ "$(ls -d "$T"/execmgr-* 2>/dev/null | wc -l)" = 0 ]

	executor
	until_ready
	cell 'import subprocess, time; p = subprocess.Popen(["setsid", "sleep", "1004"]); time.sleep(60)' >"$T/2" &
	a=$!
	eventually 50 is_running
	started=$(now_ms)
	stop "$EXECUTOR"
	[ $(($(now_ms) - started)) -lt 5000 ]
	wait $a
	[ "$(jq -r .status "$T/2")" = interrupted ]
	! pgrep -f '^sleep 1004$'
}

@test "code that ignores its interrupt does not keep SIGTERM waiting" {
	executor
	until_ready
	cell 'sum(range(10**12))' >"$T/1" &
	local a=$! started
	eventually 50 is_running
	started=$(now_ms)
	stop "$EXECUTOR"
	[ $(($(now_ms) - started)) -lt 5000 ]
	wait $a
	[ "$(jq -r '.status, .outputs[-1].value' "$T/1")" = $'kernel_died\nThe executor was stopped' ]
}

@test "when the executor is killed its kernel dies too" {
	executor
	until_ready
	local kernel
	kernel=$(python_pid)
	kill -KILL "$EXECUTOR"
	eventually 50 gone "$kernel"
}

@test "a newline on --notify-fd says that it listens, and stdout stays empty" {
	mkfifo "$T/fifo"
	(exec executor-jupyter -p 0 --notify-fd 9 9>"$T/fifo" >"$T/out" 2>"$T/executor.log" 3>&-) &
	EXECUTOR=$!
	PIDS+=("$EXECUTOR")
	run timeout 10 cat "$T/fifo"
	[ "$status" = 0 ]
	grep -q 'listening on http://127.0.0.1:' "$T/executor.log"
	stop "$EXECUTOR"
	[ ! -s "$T/out" ]
}

@test "it listens on a Unix socket, and the manager's probe works there" {
	spawn executor.log executor-jupyter -b "unix:$T/s"
	EXECUTOR=$!
	eventually 100 test -S "$T/s"
	[ "$(curl -s --unix-socket "$T/s" http://localhost/health | jq -r .status)" = ok ]
	stop "$EXECUTOR"
	[ ! -e "$T/s" ]
}

@test "files of the workspace run in each new kernel, in order; one that raises is left out" {
	mkdir "$T/code"
	echo 'order = ["a"]; where = __file__' >"$T/code/a.py"
	echo 'order.append("b"); 1/0' >"$T/code/b.py"
	echo 'order.append("c"); print("noise")' >"$T/code/c.py"
	echo 'order.append("_")' >"$T/code/_private.py"
	echo 'order.append("txt")' >"$T/code/d.txt"
	echo 'VALUE = 7' >"$T/code/_helper.py"
	mkdir "$T/code/dir.py"
	executor --workspace "$T/code"
	until_ready
	run cell 'print(order, where); import _helper; print(_helper.VALUE)'
	[ "$(text <<<"$output")" = "['a', 'b', 'c'] $T/code/a.py"$'\n7' ]
	[ "$(jq -r '.execution_count' <<<"$output")" = 1 ]
	[ "$(cell '__file__' | jq -r '.outputs[0].name')" = NameError ]
	grep -q "$T/code/b.py: ZeroDivisionError: division by zero; left out" "$T/executor.log"
	echo 'order.append("new")' >"$T/code/e.py"
	post /restart >/dev/null
	[ "$(cell 'print(order[-1])' | text)" = new ]
}

@test "a fork bomb is gone after a restart" {
	local cg=/sys/fs/cgroup/pids/execmgr-test-$$
	[ "$(id -u)" = 0 ] && mkdir "$cg" 2>/dev/null || skip "no writable pids cgroup (v1) here"
	echo 150 >"$cg/pids.max"
	: >"$T/executor.log"
	TMPDIR=$T spawn executor.log sh -c "echo \$\$ >$cg/cgroup.procs && exec executor-jupyter -p 0"
	EXECUTOR=$!
	eventually 100 grep -q 'listening on' "$T/executor.log"
	URL=$(sed -n 's/.*listening on //p' "$T/executor.log")
	until_ready
	run cell $'import os, time\nfor i in range(160):\n    try:\n        if os.fork() == 0:\n            os.setsid()
            while True:\n                try: os.fork()\n                except OSError: time.sleep(0.1)\n    except OSError: pass\nprint("planted")'
	[[ $(text <<<"$output") == *planted* ]]
	[ "$(cat "$cg/pids.current")" -gt 100 ]
	post /restart >/dev/null
	eventually 200 ready
	[ "$(cell 'print("clean")' | text)" = clean ]
	eventually 50 only_its_own
	stop "$EXECUTOR"
	eventually 50 rmdir "$cg"
}

@test "a kernel that runs out of memory is named so, and a new one serves" {
	local cg=/sys/fs/cgroup/memory/execmgr-test-$$
	[ "$(id -u)" = 0 ] && mkdir "$cg" 2>/dev/null || skip "no writable memory cgroup (v1) here"
	echo $((300 << 20)) >"$cg/memory.limit_in_bytes"
	echo $((300 << 20)) >"$cg/memory.memsw.limit_in_bytes" 2>/dev/null || true
	: >"$T/executor.log"
	spawn executor.log sh -c "echo \$\$ >$cg/cgroup.procs && exec executor-jupyter -p 0"
	EXECUTOR=$!
	eventually 100 grep -q 'listening on' "$T/executor.log"
	URL=$(sed -n 's/.*listening on //p' "$T/executor.log")
	until_ready
	run cell $'print("before", flush=True)\nimport time; time.sleep(0.3)\nx = b"x" * (1 << 30)'
	[ "$(jq -r '.status, .outputs[-1].value' <<<"$output")" = \
	    $'kernel_died\nThe kernel ran out of memory and was killed by the system' ]
	[ "$(text <<<"$output")" = before ]
	[ "$(cell 'print(1)' | text)" = 1 ]
	run cell 'import os; os.kill(os.getpid(), 9)'
	[ "$(jq -r '.outputs[-1].value' <<<"$output")" = 'The kernel was killed by signal 9 (SIGKILL)' ]
	stop "$EXECUTOR"
	eventually 50 rmdir "$cg"
}

@test "a cell can read neither the executor's memory and environment nor its connection file" {
	local as=()
	[ "$(id -u)" != 0 ] || as=(setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all --bounding-set=-all)
	[ -z "$SANITIZE" ] || skip "a build with sanitizers must be dumpable"
	chmod 755 "$T"
	: >"$T/executor.log"
	spawn executor.log env HOME=/nonexistent SECRET=of-the-executor "${as[@]}" "$BIN/executor-jupyter" -p 0
	EXECUTOR=$!
	eventually 100 grep -q 'listening on' "$T/executor.log"
	URL=$(sed -n 's/.*listening on //p' "$T/executor.log")
	until_ready
	run cell $'import os, glob, ctypes
def attempt(f):
    try: return f() is None
    except OSError as e: return type(e).__name__
p = os.getppid()
print(attempt(lambda: open(f"/proc/{p}/environ", "rb").read()), attempt(lambda: open(f"/proc/{p}/mem", "rb").read(1)),
      attempt(lambda: os.listdir(f"/proc/{p}/fd")), attempt(lambda: open(f"/proc/{p}/maps").read()))
print(ctypes.CDLL(None, use_errno=True).ptrace(16, p, 0, 0))
print(glob.glob(os.environ["IPYTHONDIR"] + "/../c.json"))'
	[ "$(text <<<"$output")" = $'PermissionError PermissionError PermissionError PermissionError\n-1\n[]' ]
	stop "$EXECUTOR"
}

@test "bad options, addresses and kernels are refused in one line" {
	export JUPYTER_PATH=$T/jupyter TMPDIR=$T
	mkdir -p "$T/jupyter/kernels/gone" "$T/jupyter/kernels/bad"
	echo '{"argv":["/no/such/program","{connection_file}"]}' >"$T/jupyter/kernels/gone/kernel.json"
	echo '{"argv":' >"$T/jupyter/kernels/bad/kernel.json"
	while IFS='|' read -r want args words; do
		# shellcheck disable=SC2086
		run --separate-stderr timeout 10 executor-jupyter $args
		[ "$status" = "$want" ] || { echo "$args: $status $stderr"; false; }
		[[ $stderr == *"$words"* ]]
		[[ ${stderr_lines[0]} == "executor-jupyter: "* ]]
		[ -z "$output" ]
	done <<-END
		64|-p 70000|70000
		64|-p x|x
		64|--no-such|no-such
		64|operand|operand
		64|--transport smoke|smoke
		64|--timeout 0|must be 0.001 to 31536000 seconds
		64|--log-level loud|loud
		64|--fork yes|must be auto or no
		64|--warm-kernels 2|must be 0, 1 or auto
		64|-b http://x|http://x
		78|-k nowhere -p 0|nowhere
		78|-k ../x -p 0|../x
		78|-k gone -p 0|/no/such/program
		78|-k bad -p 0|bad/kernel.json
		73|--work-dir /no/such/dir -p 0|/no/such/dir
	END
	[ "$(find "$T" -maxdepth 1 -name 'execmgr-*' | wc -l)" = 0 ]
	executor
	run --separate-stderr -71 timeout 10 executor-jupyter -p "${URL##*:}"
	[ "$stderr" = "executor-jupyter: $URL: Address already in use" ]
	run --separate-stderr -71 timeout 10 executor-jupyter -p 0 -b 192.0.2.1
	[[ $stderr == "executor-jupyter: http://192.0.2.1:0: "[A-Z]* ]]
	EXECUTION_TIMEOUT=never run --separate-stderr -64 timeout 10 executor-jupyter -p 0
	[[ $stderr == *EXECUTION_TIMEOUT* ]]
	[ "$(find "$T" -maxdepth 1 -name 'execmgr-*' | wc -l)" = 1 ]
}

@test "the executor's own directories removed, closed or replaced by a cell: the next kernel starts all the same" {
	local dir
	executor
	until_ready
	for how in 'shutil.rmtree(d)' 'os.chmod(d, 0)' 'shutil.rmtree(d); os.symlink("/", d)' 'shutil.rmtree(d); open(d, "w")'; do
		cell "import os, shutil; d = os.path.dirname(os.path.dirname(os.getcwd())); print(d); $how" >"$T/answer"
		dir=$(text <"$T/answer")
		[[ $dir == "$T"/execmgr-* ]]
		post /restart >/dev/null
		[ "$(cell 'print(40 + 2)' | text)" = 42 ]
		[ "$(stat -c %F:%a "$dir")" = directory:700 ]
	done
}

@test "directories named as scratch are emptied between two kernels, whatever is in them; the executor's own stays" {
	mkdir -p "$T/scratch/x" "$T/other"
	touch "$T/other/kept" "$T/scratch/x/before"
	TMPDIR=$T/scratch RUNTIME_DIRECTORY=$T/scratch spawn executor.log executor-jupyter -p 0 --workspace "$T/none" \
		--scratch "$T/scratch:$T/nonesuch"
	eventually 100 grep -q 'listening on' "$T/executor.log"
	URL=$(sed -n 's/.*listening on //p' "$T/executor.log")
	until_ready
	[ ! -e "$T/scratch/x" ]
	cell "import os
os.chdir('$T/scratch')
os.makedirs('.r1/a/b'); open('secret', 'w').write('of a tenant'); os.symlink('$T/other', 'link'); os.mkdir('closed', 0)
for i in range(2000): os.mkdir('d'); os.chdir('d')" | jq -e '.status == "ok"'
	post /restart >/dev/null
	[ "$(cell "import os; print(len(os.listdir('$T/scratch')))" | text)" = 1 ]
	[ -e "$T/other/kept" ]
}

@test "kernels are less urgent than the executor by what is asked for, and those that follow too" {
	local own
	KERNEL_NICE=7 executor
	until_ready
	own=$(ps -o ni= -p "$EXECUTOR")
	[ "$(ps -o ni= -p "$(info pid)")" -eq $((own + 7)) ]
	eventually 300 eval '[ "$(info spare)" != starting ]'
	post /restart
	until_ready
	[ "$(ps -o ni= -p "$(info pid)")" -eq $((own + 7)) ]
	run -64 executor-jupyter --nice 20
}
