#!/usr/bin/env bats
# executor-jupyter's fork server: Python kernels forked from it are as those that are started by themselves.
load lib
load executor

setup() {
	sandbox_dir
	export PYTHONPATH=$T/lib PYTHONDONTWRITEBYTECODE=1
	mkdir "$T/lib"
}

teardown() { end; }

# Restart and wait for the next generation.
again() {
	post /restart >/dev/null
	until_ready
}

# kernelspec_of ARGV… - a kernel "own" with this command line.
kernelspec_of() {
	mkdir -p "$T/jupyter/kernels/own"
	jq -cn '{argv: $ARGS.positional, language: "python"}' --args -- "$@" >"$T/jupyter/kernels/own/kernel.json"
	export JUPYTER_PATH=$T/jupyter
}

@test "a kernel that is forked finds itself as one that is started by itself, and so does a spare that has taken over" {
	cat >"$T/state.py" <<-'END'
		import atexit, ctypes, gc, json, os, resource, signal, sys
		ip = get_ipython()
		def names(pids): return [os.path.basename(os.readlink(f"/proc/self/fd/{fd}"))[:4] for fd in pids]
		print(json.dumps({
		    "path": sys.path, "argv": sys.argv, "orig_argv": sys.orig_argv, "flags": str(sys.flags), "exe": sys.executable,
		    "env": {k: v for k, v in sorted(os.environ.items()) if k != "PYDEVD_USE_FRAME_EVAL"},
		    "dirs": [os.getcwd(), ip.starting_dir, [str(d) for d in _dh], ip.ipython_dir, str(ip.db)],
		    "profile": sorted(os.listdir(ip.profile_dir.location)),
		    "signals": {s.name: str(signal.getsignal(s)) for s in signal.Signals}, "mask": str(signal.pthread_sigmask(0, [])),
		    "limits": [resource.getrlimit(i) for i in range(16)], "umask": os.umask(0o22),
		    "nice": sorted({os.getpriority(os.PRIO_PROCESS, int(t)) for t in os.listdir("/proc/self/task")}),
		    "leader": [os.getsid(0) == os.getpid(), os.getpgrp() == os.getpid()],
		    "streams": [names(range(3)), sys.stdout.encoding, sys.__stdout__.encoding, sys.__stderr__.errors, sys.__stdin__.name],
		    "main": sorted(sys.modules["__main__"].__dict__), "gc": [gc.isenabled(), gc.get_threshold()],
		    "dumpable": ctypes.CDLL(None).prctl(3), "oom": open("/proc/self/oom_score_adj").read(),
		    "death": (lambda n: [ctypes.CDLL(None).prctl(2, ctypes.byref(n)), n.value])(ctypes.c_int())}))
	END
	local how
	for how in cold forked spare; do
		executor --fork "$([ $how = cold ] && echo no || echo auto)" --warm-kernels "$([ $how = spare ] && echo 1 || echo 0)"
		until_ready
		if [ $how = spare ]; then until_spare; again; fi
		[ "$(info start)" = $how ]
		[ "$(cell "import os; print(os.getppid() == $EXECUTOR)" | text)" = True ]
		cell "$(cat "$T/state.py")" | text | sed -E 's/execmgr-[A-Za-z0-9]+/E/g; s/kernel-[A-Za-z0-9]+/K/g; s/[01]-[A-Za-z0-9]{6}/P/g; s/ipython-[0-9a-f]{12}/P\/ipython/g' |
			jq '.limits[11] = 0' >"$T/$how"	# RLIMIT_SIGPENDING differs by itself
		stop "$EXECUTOR"
	done
	diff "$T/cold" "$T/forked"
	diff "$T/cold" "$T/spare"
	[ "$(jq .dumpable "$T/spare")" = 1 ]
}

@test "what is drawn by chance differs from kernel to kernel, and what else must be a process's own" {
	mkdir -p "$T/lib/numpy"
	: >"$T/lib/numpy/__init__.py"
	echo 'def seed(): import os; global seeded; seeded = os.getpid()' >"$T/lib/numpy/random.py"
	executor --preload random,uuid,tempfile,multiprocessing.process,numpy.random,ssl,secrets
	for start in forked spare spare; do
		until_ready
		[ "$(info start)" = $start ]
		until_spare
		cell 'import random, uuid, tempfile, multiprocessing, secrets, ssl, sys, os, threading
print(random.random()); print(uuid.uuid4()); print(next(tempfile._get_candidate_names())); print(secrets.token_hex())
print(multiprocessing.current_process().authkey.hex()); print(ssl.RAND_bytes(8).hex()); print(sys.modules["numpy.random"].seeded)
assert multiprocessing.process.ORIGINAL_DIR == os.getcwd() and threading.main_thread() is threading.current_thread()
assert sys.modules["numpy.random"].seeded == os.getpid()' | text >>"$T/drawn"
		post /restart >/dev/null
	done
	[ "$(wc -l <"$T/drawn")" = 21 ]
	[ -z "$(sort "$T/drawn" | uniq -d)" ]
}

@test "child processes, threads, multiprocessing and fork work in a kernel that was forked" {
	executor
	until_ready
	run cell 'import multiprocessing, os, subprocess, threading, asyncio
r = []; t = threading.Thread(target=r.append, args=(1,)); t.start(); t.join()
q = multiprocessing.get_context("fork").Queue(); p = multiprocessing.get_context("fork").Process(target=q.put, args=(2,)); p.start()
print(r, q.get(timeout=10), subprocess.run(["echo", "3"], capture_output=True, text=True).stdout.strip()); p.join()
print(multiprocessing.get_context("spawn").Pool(1).map(abs, [-4]), os.system("exit 5") >> 8)
await asyncio.sleep(0.01)'
	[ "$(text <<<"$output")" = $'[1] 2 3\n[4] 5' ] || { echo "$output"; false; }
}

@test "preloaded modules are there in each kernel, and shared" {
	echo 'import os; loaded_by = os.getpid(); changed = []' >"$T/lib/heavy.py"
	executor --preload heavy,json
	for i in 1 2; do
		until_ready
		run cell 'import os, sys; h = sys.modules["heavy"]; print(h.loaded_by != os.getpid(), h.changed); h.changed.append(1)'
		[ "$(text <<<"$output")" = 'True []' ]
		post /restart >/dev/null
	done
}

# What the executor says of kernels that it does not fork, in WORDS; they run all the same.
not_forked() {
	until_ready
	[[ $(info not_forked) == *"$1"* ]] || { info not_forked; false; }
	[ "$(info 'start, .fork_server_pid')" = $'cold\n0' ]
	[ "$(cell 'print(1)' | text)" = 1 ]
	again
	[ "$(cell 'print(2)' | text)" = 2 ]
	[ "$(grep -c "not forked, started by itself" "$T/executor.log")" = 1 ]
	eventually 50 only_its_own
	stop "$EXECUTOR"
}

@test "where a preload fails, kernels are started by themselves; the reason is told once" {
	echo 'raise ValueError("on purpose")' >"$T/lib/raises.py"
	echo 'import os; os._exit(3)' >"$T/lib/ends.py"
	echo 'import threading, time; threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()' >"$T/lib/threads.py"
	KERNEL_PRELOAD=json,nosuch executor
	not_forked "preload nosuch: ModuleNotFoundError: No module named 'nosuch'"
	executor --preload raises
	not_forked 'preload raises: ValueError: on purpose'
	executor --preload threads
	not_forked 'preload threads: it started threads'
	executor --preload ends
	until_ready
	[ "$(info start)" = cold ]
	again
	again
	not_forked 'it has ended'
}

@test "a command line of another kind is not forked; options of Python's are handed on" {
	kernelspec_of /usr/bin/python3 -m ipykernel_launcher -f '{connection_file}' --IPKernelApp.log_level=ERROR
	executor -k own
	not_forked 'its command is not'
	kernelspec_of /usr/bin/python3 -Xdev -OO -m ipykernel_launcher -f '{connection_file}'
	executor -k own
	until_ready
	[ "$(info start)" = forked ]
	[ "$(cell 'import sys; print(sys.flags.optimize, sys.flags.dev_mode, sys.orig_argv[:5])' | text)" = \
		"2 True ['/usr/bin/python3', '-Xdev', '-OO', '-m', 'ipykernel_launcher']" ]
}

@test "a fork server that was killed or stopped leads to a new one, or goes on: kernels start all the same" {
	executor
	until_ready
	local old
	old=$(info fork_server_pid)
	until_spare
	cell "import os; os.kill($old, 9)" >/dev/null
	eventually 50 gone "$old"
	[ "$(cell 'print(1)' | text)" = 1 ]
	again
	[ "$(info 'start, .fork_server_pid')" = $'spare\n0' ]
	[[ $(info no_spare) == 'the fork server has ended'* ]]
	again
	[ "$(info start)" = forked ]
	[ "$(info fork_server_pid)" != "$old" ]
	old=$(info fork_server_pid)
	until_spare
	cell "import os, signal; os.kill($old, signal.SIGSTOP); os.kill($(info spare_pid), signal.SIGKILL)" >/dev/null
	again
	[ "$(info 'start, .fork_server_pid')" = $'forked\n'"$old" ]
	[ "$(cell 'print(2)' | text)" = 2 ]
	eventually 50 only_its_own
}

@test "fork server, kernel and spare die with a killed executor" {
	executor
	until_ready
	until_spare
	local server kernel spare
	server=$(info fork_server_pid) kernel=$(info pid) spare=$(info spare_pid)
	kill -KILL "$EXECUTOR"
	eventually 50 gone "$kernel"
	eventually 50 gone "$spare"
	eventually 50 gone "$server"
}
