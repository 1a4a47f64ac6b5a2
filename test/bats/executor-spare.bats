#!/usr/bin/env bats
# executor-jupyter's spare: a kernel made in advance, which takes over where a start would be waited for.
load lib
load executor

setup() { sandbox_dir; }

teardown() { end; }

# Restart and wait for the next generation.
again() {
	post /restart >/dev/null
	until_ready
}

# came_by HOW [PID] - how the kernel that serves came to be, and that it is this process.
came_by() {
	[ "$(info start)" = "$1" ] || { info start; info no_spare; cat "$T/executor.log"; false; }
	[ -z "${2-}" ] || [ "$(info pid)" = "$2" ]
}

@test "the spare takes over at a restart, in a fresh directory, and the next one is made" {
	local spare n dirs=$T/dirs
	executor
	until_ready
	for n in 2 3 4; do
		until_spare
		spare=$(info spare_pid)
		cell 'import os; x = 1; open("file", "w").write("x"); print(os.getcwd())' | text >>"$dirs"
		again
		came_by spare "$spare"
		[ "$(info 'generation, .executions')" = $n$'\n0' ]
		run cell 'import os; print(os.listdir("."), os.getcwd() == os.environ["PWD"] == get_ipython().starting_dir, "x" in globals())'
		[ "$(text <<<"$output")" = '[] True False' ]
		[ "$(jq '.execution_count, .generation' <<<"$output")" = $'1\n'$n ]
	done
	[ "$(sort -u "$dirs" | wc -l)" = 3 ]
	while read -r d; do [ ! -e "$d" ]; done <"$dirs"
	until_spare
	only_its_own
}

@test "the spare takes over when the kernel dies, and when it does not heed its time limit" {
	local spare
	executor
	until_ready
	until_spare
	spare=$(info spare_pid)
	[ "$(cell 'import os; os._exit(3)' | jq -r .status)" = kernel_died ]
	[ "$(cell 'print(1)' | jq -r '.generation, .outputs[0].text')" = $'2\n1' ]
	came_by spare "$spare"
	until_spare
	spare=$(info spare_pid)
	run cell $'import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass' '"timeout": 0.2'
	[ "$(jq -c '[.status, .state_kept]' <<<"$output")" = '["timeout",false]' ]
	[ "$(cell 'print(2)' | jq -r '.generation, .outputs[0].text')" = $'3\n2' ]
	came_by spare "$spare"
}

@test "without a spare a restart is a start: none is wanted, or it is not ready yet" {
	executor --warm-kernels 0
	until_ready
	[ "$(info 'spare, .no_spare')" = $'none\nit is not wanted' ]
	again
	came_by forked
	stop "$EXECUTOR"
	mkdir "$T/code"
	touch "$T/wait"
	echo "import os, time
while os.path.exists('$T/wait') and os.path.exists('$T/second'): time.sleep(0.01)
open('$T/second', 'w')" >"$T/code/a.py"
	executor --workspace "$T/code"
	until_ready
	eventually 100 spare_has_pid
	spare_is starting
	post /restart >/dev/null
	rm "$T/wait"
	until_ready
	came_by forked
	until_spare
	again
	came_by spare
}

spare_has_pid() { [ "$(info spare_pid)" -gt 0 ]; }

@test "a spare that code has killed, stopped or crippled does no harm" {
	local spare
	executor
	until_ready
	until_spare
	spare=$(info spare_pid)
	cell "import os; os.kill($spare, 9)" >/dev/null
	eventually 50 gone "$spare"
	eventually 50 spare_is starting
	again
	came_by forked
	until_spare

	spare=$(info spare_pid)
	cell "import os, signal; os.kill($spare, signal.SIGSTOP)" >/dev/null
	again
	came_by spare "$spare"
	until_spare

	cell "import resource; resource.prlimit($(info spare_pid), resource.RLIMIT_NOFILE, (9, 9))" >/dev/null
	again
	came_by forked
	grep -q 'spare kernel: not used: its limits were changed' "$T/executor.log"
	[ "$(cell 'import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 9)' | text)" = True ]
	until_spare

	cell "import resource; resource.prlimit($(info fork_server_pid), resource.RLIMIT_NOFILE, (9, 9))
import os; os.kill($(info spare_pid), 9)" >/dev/null
	again
	[ "$(cell 'import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 9)' | text)" = True ]
	until_spare
	cell "import os; os.kill($(info fork_server_pid), 9); os.kill($(info spare_pid), 9)" >/dev/null
	again
	came_by forked
	until_spare
	only_its_own
}

@test "a spare has run the workspace; where that has changed since, the restart is a start" {
	mkdir -p "$T/code/pkg"
	echo 'import pkg; value = [pkg.name]' >"$T/code/a.py"
	echo 'name = "old"' >"$T/code/pkg/__init__.py"
	executor --workspace "$T/code"
	until_ready
	for change in true "echo 'value.append(1)' >$T/code/b.py" true "echo 'name = 1' >$T/code/pkg/__init__.py" "rm $T/code/b.py"; do
		until_spare
		eval "$change"
		again
		came_by "$([ "$change" = true ] && echo spare || echo forked)"
		cell 'print(value)' | text >>"$T/values"
	done
	[ "$(tr '\n' ' ' <"$T/values")" = "['old'] ['old', 1] ['old', 1] [1, 1] [1] " ]
	until_spare
}

@test "files of the workspace that need a directory of their own to write to are not run in advance" {
	mkdir "$T/code"
	echo 'open("made", "w").write("x")' >"$T/code/a.py"
	executor --workspace "$T/code"
	until_ready
	eventually 100 spare_is none
	[[ $(info no_spare) == 'files of the workspace do not run in it'* ]]
	for i in 1 2; do
		[ "$(cell 'import os; print(os.listdir("."))' | text)" = "['made']" ]
		again
		came_by forked
	done
	rm "$T/code/a.py"
	echo '1 / 0' >"$T/code/b.py"		# raises everywhere
	again
	until_spare
}

# As an ordinary user: to root nothing is closed.
unprivileged() {
	local as=()
	[ -z "$SANITIZE" ] || skip "a build with sanitizers must be dumpable"
	[ "$(id -u)" != 0 ] || as=(setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all --bounding-set=-all)
	chmod 755 "$T"
	mkdir -m 777 "$T/tmp"
	: >"$T/executor.log"
	spawn executor.log env HOME=/nonexistent TMPDIR="$T/tmp" "${as[@]}" "$BIN/executor-jupyter" -p 0 "$@"
	EXECUTOR=$!
	eventually 100 grep -q 'listening on' "$T/executor.log"
	URL=$(sed -n 's/.*listening on //p' "$T/executor.log")
	until_ready
}

@test "code can read neither the spare nor the fork server, and finds no socket and no directory of theirs" {
	unprivileged --workspace "$T/none"
	until_spare
	run cell "$(cat <<-END
		import ctypes, glob, os
		libc = ctypes.CDLL(None, use_errno=True)
		def closed(f):
		    try: return repr(f())
		    except OSError as e: return type(e).__name__
		for p in $(info spare_pid), $(info fork_server_pid):
		    print({closed(lambda: open(f"/proc/{p}/{name}", "rb").read(1)) for name in ("environ", "mem", "maps", "auxv", "stack")},
		          {closed(lambda: os.listdir(f"/proc/{p}/{name}")) for name in ("fd", "fdinfo", "map_files", "cwd", "root")},
		          {closed(lambda: open(f"/proc/{p}/{name}", "w")) for name in ("oom_score_adj", "comm", "autogroup", "clear_refs")},
		          closed(lambda: os.readlink(f"/proc/{p}/exe")), libc.ptrace(16, p, 0, 0), libc.ptrace(0x4206, p, 0, 0))
		mine = os.environ["IPYTHONDIR"].rsplit("/", 2)[0]
		print(sorted(os.listdir(mine)) == sorted({"work", os.environ["IPYTHONDIR"].split("/")[-2]}), len(os.listdir(mine + "/work")))
		print([s for s in glob.glob(mine + "/**", recursive=True) if os.path.basename(s).startswith("k-") and
		       os.environ["IPYTHONDIR"].split("/")[-2] not in s])
	END
	)"
	[ "$(text <<<"$output")" = "{'PermissionError'} {'PermissionError'} {'PermissionError'} PermissionError -1 -1
{'PermissionError'} {'PermissionError'} {'PermissionError'} PermissionError -1 -1
True 1
[]" ] || { jq . <<<"$output"; false; }
	again
	came_by spare
	# What has taken over is as open to itself as any kernel.
	[ "$(cell 'import os; print(len(os.listdir("/proc/self/fd")) > 3, "PATH" in open("/proc/self/environ").read())' | text)" = 'True True' ]
}

@test "while a spare starts its sockets are seen, but take nobody's connection" {
	mkdir "$T/code"
	mkdir -m 777 "$T/marks"
	touch "$T/marks/wait"
	echo "import os, time
while os.path.exists('$T/marks/wait') and os.path.exists('$T/marks/second'): time.sleep(0.01)
open('$T/marks/second', 'w')" >"$T/code/a.py"
	unprivileged --workspace "$T/code"
	eventually 100 spare_has_pid
	cat >"$T/connect.py" <<-'END'
		import glob, os, socket, time
		mine = os.environ["IPYTHONDIR"].rsplit("/", 2)
		answers, until = [], time.time() + 20
		while len(answers) < 4 and time.time() < until:
		    answers = []
		    for path in glob.glob(mine[0] + "/*/k-*"):
		        if path.split("/")[-2] == mine[1]: continue
		        s = socket.socket(socket.AF_UNIX); s.settimeout(10)
		        try: s.connect(path); answers.append(s.recv(1))
		        except (ConnectionError, FileNotFoundError) as e: answers.append(b"")
		print(answers)
	END
	run cell "$(cat "$T/connect.py")"
	[ "$(text <<<"$output")" = "[b'', b'', b'', b'']" ] || { echo "$output"; false; }
	rm "$T/marks/wait"
	until_spare
	again
	came_by spare
	[ "$(cell 'print(1)' | text)" = 1 ]
}

@test "directories that are emptied between two kernels do not take the spare's with them" {
	mkdir "$T/scratch"
	TMPDIR=$T/scratch RUNTIME_DIRECTORY=$T/scratch spawn executor.log executor-jupyter -p 0 --workspace "$T/none" --scratch "$T/scratch"
	EXECUTOR=$!
	eventually 100 grep -q 'listening on' "$T/executor.log"
	URL=$(sed -n 's/.*listening on //p' "$T/executor.log")
	until_ready
	for i in 1 2 3; do
		until_spare
		cell "import os; os.makedirs('$T/scratch/a/b'); open('$T/scratch/secret', 'w').write('of a tenant')" | jq -e '.status == "ok"'
		again
		came_by spare
		run cell "import os; print(len(os.listdir('$T/scratch'))); open('mine', 'w').write('x'); print(os.listdir('.'))
get_ipython().db['x'] = 1; print(get_ipython().db['x'], os.path.isdir(get_ipython().profile_dir.startup_dir))"
		[ "$(text <<<"$output")" = $'1\n[\'mine\']\n1 True' ] || { echo "$output"; false; }
	done
}

@test "a kernel of another kind has a spare where one is asked for, started by itself" {
	local spare
	kernelspec fake ok
	executor -k fake
	until_ready
	[ "$(info 'spare, .no_spare')" = $'none\none that is not forked would be open to the code that runs' ]
	stop "$EXECUTOR"
	WARM_KERNELS=1 executor -k fake
	until_ready
	for i in 1 2 3; do
		until_spare
		spare=$(info spare_pid)
		again
		came_by spare "$spare"
		[ "$(cell ok | jq -r '.status, .outputs[0].text')" = $'ok\nout' ]
		[ -d "/proc/$spare/cwd/" ]
	done
	until_spare
	only_its_own
	stop "$EXECUTOR"
	export JUPYTER_PATH=
	executor --fork no --warm-kernels 1
	until_ready
	until_spare
	spare=$(info spare_pid)
	again
	came_by spare "$spare"
	[ "$(cell 'import os; open("x", "w"); print(os.listdir("."))' | text)" = "['x']" ]
	[ "$(cell 'input("?")' '"stdin": "line\n"' | jq -r '.outputs[-1].data["text/plain"]')" = "'line'" ]
}

@test "input, interrupts and files of standard output work in a spare that has taken over" {
	executor
	until_ready
	until_spare
	again
	came_by spare
	[ "$(cell 'input("?")' '"stdin": "line\n"' | jq -r '.outputs[-1].data["text/plain"]')" = "'line'" ]
	run cell 'while True: pass' '"timeout": 0.2'
	[ "$(jq -c '[.status, .state_kept]' <<<"$output")" = '["timeout",true]' ]
	run cell 'import os, subprocess; print("a"); subprocess.run(["echo", "b"]); print("c"); os.system("echo d >&2")'
	[ "$(jq -r '[.outputs[].text] | join("")' <<<"$output")" = $'a\nb\nc\nd' ]
}

@test "a restart, and the end, while the spare is being made" {
	executor
	for i in 1 2 3 4 5; do
		until_ready
		eventually 50 spare_is starting || true
		post /restart >/dev/null
	done
	until_ready
	[ "$(cell 'print(1)' | text)" = 1 ]
	post /restart >/dev/null
	stop "$EXECUTOR"
	[ "$(ls -d "$T"/execmgr-* 2>/dev/null | wc -l)" = 0 ]
}
