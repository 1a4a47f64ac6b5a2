#!/usr/bin/env bats
# executor-jupyter with a real ipykernel: what cells give, within which bounds.
load lib
load executor

setup_file() {
	sandbox_dir
	executor
	export URL EXECUTOR T
	until_ready
}

teardown_file() { end; }

setup() { until_ready; }

@test "outputs keep their order and kinds" {
	run cell $'import sys\nprint(1)\nprint(2, file=sys.stderr)\nprint(3)\n4'
	[ "$(jq -c '[.outputs[] | [.type, .name, .text // .data["text/plain"]]]' <<<"$output")" = \
	    '[["stream","stdout","1\n"],["stream","stderr","2\n"],["stream","stdout","3\n"],["result",null,"4"]]' ] ||
	[ "$(jq -c '[.outputs[] | [.type, .name, .text // .data["text/plain"]]]' <<<"$output")" = \
	    '[["stream","stdout","1\n3\n"],["stream","stderr","2\n"],["result",null,"4"]]' ]
	[ "$(jq -r '.status, .truncated, .generation' <<<"$output")" = $'ok\nfalse\n1' ]
	[ "$(jq '.duration_ms < 5000 and .execution_count > 0' <<<"$output")" = true ]
}

@test "the answer says what the code cost" {
	run cell $'import time\nx = bytearray(100000000)\nuntil = time.process_time() + 0.3\nwhile time.process_time() < until: pass\ndel x'
	[ "$(jq '.cpu_ms >= 300 and .cpu_ms < 5000 and .max_rss_bytes > 100000000' <<<"$output")" = true ]
	run cell 'import time; time.sleep(0.5)'
	[ "$(jq '.cpu_ms < 300 and .max_rss_bytes < 100000000 and .duration_ms >= 500' <<<"$output")" = true ]
	run cell $'import subprocess, sys\nr = subprocess.run([sys.executable, "-c", "import time\\nwhile time.process_time() < 0.3: pass"])'
	[ "$(jq '.cpu_ms >= 280' <<<"$output")" = true ]
	[ "$(cell 'import os; os._exit(1)' | jq -c '[.cpu_ms, .max_rss_bytes]')" = '[null,null]' ]
	until_ready
}

@test "an exception has name, value and a traceback without colour, and status error" {
	run cell '1/0'
	[ "$(jq -r '.outputs[0] | .name, .value' <<<"$output")" = $'ZeroDivisionError\ndivision by zero' ]
	[ "$(jq -r .status <<<"$output")" = error ]
	[[ $output != *'\u001b'* ]]
	[[ $(cell '1/0' '"ansi": true') == *'\u001b['* ]]
}

@test "colour is removed from streams unless asked for, other escapes pass" {
	local code='print("\x1b[31mred\x1b[0m \x1b]52;c;eA==\x07")'
	[ "$(cell "$code" | jq '.outputs[0].text')" = '"red \u001b]52;c;eA==\u0007\n"' ]
	[[ $(cell "$code" '"ansi": true' | jq '.outputs[0].text') == '"\u001b[31mred'* ]]
}

@test "displays are updated and cleared as a notebook would" {
	run cell $'from IPython.display import display, clear_output\nh = display("one", display_id=True)\nh.update("two")'
	[ "$(jq -c '[.outputs[].data["text/plain"]]' <<<"$output")" = "[\"'two'\"]" ]
	run cell $'print("gone")\nclear_output()\nprint("stays")\nclear_output(wait=True)'
	[ "$(jq -r '.outputs[].text' <<<"$output")" = stays ]
}

@test "help asked for by ? is shown" {
	[[ $(cell 'len?' | jq -r '.outputs[0].data["text/plain"]') == *"number of items"* ]]
}

@test "odd code is code: comments, CRLF, tabs, magics, what looks like JSON or an option" {
	[ "$(cell '# only a comment' | jq -c '[.status, .outputs]')" = '["ok",[]]' ]
	[ "$(cell $'if True:\r\n\tprint(1)\r\n' | text)" = 1 ]
	[ "$(cell $'%%capture x\nprint(1)' | jq -r .status)" = ok ]
	[ "$(cell '{"code": "x"}' | jq -r '.outputs[0].type')" = result ]
	[ "$(cell '--help' | jq -r .status)" = error ]
	[ "$(cell 'print("‏שלום")' | text)" = '‏שלום' ]
	[ "$(cell $'x = "a\x01b"\nprint(len(x))' | text)" = 3 ]
}

@test "twenty megabytes of code run; a body above 32 MiB is refused with 413" {
	{ printf '{"code":"x = 7\\n'; head -c 20000000 /dev/zero | tr '\0' '#'; printf '\\nprint(x)"}'; } >"$BATS_TEST_TMPDIR/body"
	[ "$(curl -s --max-time 90 --data-binary @"$BATS_TEST_TMPDIR/body" "$URL/execute" | text)" = 7 ]
	head -c 33554433 /dev/zero >"$BATS_TEST_TMPDIR/body"
	run curl -s --max-time 90 -w '\n%{http_code}' -H Expect: --data-binary @"$BATS_TEST_TMPDIR/body" "$URL/execute"
	[[ $output == *too_large*413 ]]
	[ "$(cell 'print(x)' | text)" = 7 ]
}

@test "input, getpass, pdb and a shell's read fail at once where there is no stdin" {
	for code in 'input()' 'import getpass; getpass.getpass()' 'import pdb; pdb.set_trace(); x = 1'; do
		run cell "$code" '"timeout": 20'
		[ "$(jq -r .status <<<"$output")" = error ]
		[ "$(jq '.duration_ms < 3000' <<<"$output")" = true ]
	done
	[ "$(cell 'breakpoint()' '"timeout": 20' | jq '.duration_ms < 3000')" = true ]
	run cell '!read no_variable; echo "<$no_variable>"' '"timeout": 20'
	[ "$(text <<<"$output")" = '<>' ]
	[ "$(cell 'import sys; print(repr(sys.stdin.read()))' '"timeout": 20' | text)" = "''" ]
}

@test "stdin is given to input line by line, then it ends" {
	run cell $'print(input("? "), input())\ninput()' '"stdin": "a b\nc"'
	[ "$(text <<<"$output")" = 'a b c' ]
	[ "$(jq -r '.outputs[-1].name' <<<"$output")" = EOFError ]
}

@test "exit ends the code, not the kernel" {
	for call in 'exit()' 'quit()' 'import sys; sys.exit(3)'; do
		run cell $'kept = 8\n'"$call"$'\nprint("after")'
		[ "$(jq -c '[.status, (.outputs | map(.name))]' <<<"$output")" = '["error",["SystemExit"]]' ]
		[ "$(cell 'print(kept)' | text)" = 8 ]
	done
}

@test "silent code leaves no result and does not count" {
	local before
	before=$(cell '1' | jq .execution_count)
	[ "$(cell '2' '"silent": true' | jq -c .outputs)" = '[]' ]
	[ "$(cell '3' | jq .execution_count)" = $((before + 1)) ]
}

@test "what child processes write arrives, in order, and need not be UTF-8" {
	run cell $'import subprocess, os\nprint("a")\nr = subprocess.run(["sh", "-c", "sleep 0.1; echo b"])\nprint("c")\nr = os.system("sleep 0.1; printf d")\nprint("e")'
	[ "$(text <<<"$output")" = $'a\nb\nc\nde' ]
	run cell $'import os\nn = os.write(1, b"\\xff\\xc3\\xa4" * 2000)\nn = os.write(2, b"err")'
	[ "$(jq -j '.outputs[0].text' <<<"$output" | head -c 5)" = $'\xef\xbf\xbd\xc3\xa4' ]
	[ "$(jq -r '.outputs[] | select(.name == "stderr").text' <<<"$output")" = err ]
	run cell $'import sys, subprocess\nsubprocess.run(["echo", "by descriptor"], stdout=sys.stdout).returncode'
	[ "$(text <<<"$output")" = 'by descriptor' ]
}

@test "that order holds however late the executor reads" {
	cell $'import os, subprocess, time\ntime.sleep(0.5)\nprint("a")\nr = subprocess.run(["echo", "b"])\nprint("c")\nr = os.system("echo d")\nprint("e")' \
	    >"$BATS_TEST_TMPDIR/out" &
	local pid=$!
	eventually 50 is_running
	kill -STOP "$EXECUTOR"
	sleep 1.5			# all of it is written meanwhile
	kill -CONT "$EXECUTOR"
	wait $pid
	[ "$(text <"$BATS_TEST_TMPDIR/out")" = $'a\nb\nc\nd\ne' ]
}

@test "shell escapes: output in order, exit status kept" {
	run cell $'print(1)\n!echo two; echo three >&2; exit 3\nprint(_exit_code)'
	[ "$(text <<<"$output")" = $'1\ntwo\nthree\n3' ]
	[ "$(cell $'x = !echo a; echo b\nprint(x)' | text)" = "['a', 'b']" ]
}

@test "a hundred thousand lines arrive, in order" {
	run cell $'for i in range(100000):\n    print(i)'
	[ "$(text <<<"$output" | sort -nc && text <<<"$output" | wc -l)" = 99999 ] ||
	[ "$(text <<<"$output" | wc -l)" = 100000 ]
	[ "$(jq .truncated <<<"$output")" = false ]
}

@test "nothing is lost while the executor stands still" {
	cell $'for i in range(60000):\n    print(i, flush=True)' >"$BATS_TEST_TMPDIR/out" &
	local pid=$!
	eventually 50 is_running
	kill -STOP "$EXECUTOR"
	sleep 4				# the fault itself
	kill -CONT "$EXECUTOR"
	wait $pid
	[ "$(text <"$BATS_TEST_TMPDIR/out" | wc -l)" = 60000 ]
}

is_running() { [ "$(info running)" = true ]; }

memory_kib() { awk '/VmHWM/ { print $2 }' "/proc/$EXECUTOR/status"; }

@test "a flood is cut: head and tail are kept, the rest is counted, memory stays flat" {
	run cell $'import sys\nprint("head")\nfor i in range(300):\n    print("x" * 1000000)\nprint("tail")' '"max_output_bytes": 1000000'
	[ "$(jq -r '.status, .truncated, .dropped_bytes' <<<"$output")" = $'ok\ntrue\n299000310' ]
	[ "$(text <<<"$output" | head -1)" = head ]
	[ "$(text <<<"$output" | tail -1)" = tail ]
	[[ $output == *'[299000310 bytes dropped]'* ]]
	run cell 'print("y" * 200000000)' '"max_output_bytes": 1000'
	[ "$(jq -r '.status, .dropped_bytes' <<<"$output")" = $'ok\n199999001' ]
	run cell $'import subprocess\nsubprocess.run("yes | head -c 300000000", shell=True).returncode' '"max_output_bytes": 1000'
	[ "$(jq -r '.status' <<<"$output")" = ok ]
	[ "$(jq '.dropped_bytes > 299990000' <<<"$output")" = true ]
	[ -n "$SANITIZE" ] || [ "$(memory_kib)" -lt 262144 ]
}

@test "a bundle too large is dropped whole; cleared displays by the thousand cost nothing" {
	run cell $'from IPython.display import display\ndisplay({"text/plain": "x" * 5000}, raw=True)\nprint("end")' '"max_output_bytes": 1000'
	[ "$(jq -r '.truncated, .dropped_bytes > 5000, .status' <<<"$output")" = $'true\ntrue\nok' ]
	[[ $(text <<<"$output") == *end* ]]
	run cell $'from IPython.display import clear_output\nfor i in range(20000):\n    clear_output()\nprint("end")'
	[ "$(text <<<"$output")" = end ]
}

@test "an error is told even behind a flood" {
	run cell $'print("x" * 100000)\n1/0' '"max_output_bytes": 100'
	[ "$(jq -r '.outputs[-1].name' <<<"$output")" = ZeroDivisionError ]
}

@test "a time limit interrupts; the state is kept" {
	cell 'kept = 5' >/dev/null
	run cell $'import time\nprint("before")\ntime.sleep(60)' '"timeout": 0.7'
	[ "$(jq -r '.status, .state_kept, .outputs[-1].name, .outputs[-1].value' <<<"$output")" = \
	    $'timeout\ntrue\nTimeoutError\nExecution timed out after 0.7 seconds' ]
	[ "$(text <<<"$output")" = before ]
	[ "$(jq '.duration_ms < 3500' <<<"$output")" = true ]
	run cell 'while True: x = 1' '"timeout": 1'
	[ "$(jq -r '.outputs[-1].value' <<<"$output")" = 'Execution timed out after 1 seconds' ]
	[ "$(cell 'import signal; signal.pause()' '"timeout": 0.3' | jq -r .state_kept)" = true ]
	[ "$(cell 'print(kept)' | text)" = 5 ]
}

@test "code that swallows one interrupt gets a second" {
	run cell $'import time\ntry:\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    time.sleep(60)' '"timeout": 0.3'
	[ "$(jq -r '.status, .state_kept' <<<"$output")" = $'timeout\ntrue' ]
	[ "$(jq '.duration_ms > 1200 and .duration_ms < 4500' <<<"$output")" = true ]
}

@test "code that cannot be interrupted is ended with its kernel, and the next code runs" {
	for code in 'import signal, time; signal.signal(2, signal.SIG_IGN); time.sleep(60)' \
	    'sum(range(10**12))'; do
		run cell "$code" '"timeout": 0.3'
		[ "$(jq -r '.status, .state_kept, .outputs[-1].name' <<<"$output")" = $'timeout\nfalse\nTimeoutError' ]
		[ "$(jq '.duration_ms > 2200 and .duration_ms < 6000' <<<"$output")" = true ]
		[ "$(cell 'print("again")' | text)" = again ]
	done
}

@test "interrupt ends the code that runs, keeps its state, and is no error when nothing runs" {
	[ "$(post /interrupt | jq -r .status)" = idle ]
	cell $'kept = 6\nimport time; time.sleep(60)' >"$BATS_TEST_TMPDIR/out" &
	local pid=$!
	eventually 50 is_running
	[ "$(post /interrupt | jq -r .status)" = interrupted ]
	wait $pid
	[ "$(jq -r '.status, .outputs[-1].name' "$BATS_TEST_TMPDIR/out")" = $'interrupted\nKeyboardInterrupt' ]
	[ "$(cell 'print(kept)' | text)" = 6 ]
}

@test "sixty-four cells wait; one more is refused as busy" {
	local pids=()
	cell 'import time; time.sleep(60)' >/dev/null &
	pids+=($!)
	eventually 50 is_running
	seq 64 | xargs -P 64 -I{} curl -s --max-time 90 -o "$BATS_TEST_TMPDIR/{}" --data '{"code":"print({})"}' "$URL/execute" &
	pids+=($!)
	eventually 100 queue_is 64
	run curl -s -w '\n%{http_code}' --data '{"code":""}' "$URL/execute"
	[ "$(jq -r .error <<<"${lines[0]}") ${lines[1]}" = 'busy 429' ]
	post /interrupt
	wait "${pids[@]}"
	for i in $(seq 64); do [ "$(text <"$BATS_TEST_TMPDIR/$i")" = "$i" ]; done
}

queue_is() { [ "$(info queued)" = "$1" ]; }

@test "a caller that leaves takes its waiting cells along, and its running one if it said so" {
	cell 'import time; time.sleep(60)' '"on_disconnect": "interrupt"' >/dev/null &
	local first=$!
	eventually 50 is_running
	cell 'left = 1' >/dev/null &
	local second=$!
	eventually 50 queue_is 1
	pkill -KILL -P $second
	eventually 50 queue_is 0
	pkill -KILL -P $first
	wait $first $second || true
	eventually 60 is_idle
	[ "$(cell 'left' | jq -r '.outputs[0].name')" = NameError ]
	cell "import os, time
while not os.path.exists('$BATS_TEST_TMPDIR/go'): time.sleep(0.02)
went_on = 1" >/dev/null &
	first=$!
	eventually 50 is_running
	pkill -KILL -P $first
	wait $first || true
	touch "$BATS_TEST_TMPDIR/go"
	[ "$(cell 'print(went_on)' | text)" = 1 ]
}

is_idle() { [ "$(info running)" = false ]; }

@test "a page of another site is refused" {
	run curl -s -w '\n%{http_code}' -H 'Sec-Fetch-Site: cross-site' -H 'Content-Type: text/plain' --data '{"code":"x=1"}' "$URL/execute"
	[ "$(jq -r .error <<<"${lines[0]}") ${lines[1]}" = 'forbidden 403' ]
}

@test "HEAD has no body, and every path says what it allows" {
	run curl -s -I --max-time 5 "$URL/info"
	[[ ${lines[0]} == *200* ]]
	run curl -s -i --max-time 5 -X PUT "$URL/ready"
	grep -qi '^Allow: GET, HEAD' <<<"$output"
}
