#!/usr/bin/env bats
# executor-jupyter, answers that are streamed: each output as it comes, a slow reader, one that leaves.
load lib
load executor

setup_file() {
	sandbox_dir
	executor
	export URL EXECUTOR T
	until_ready
}

teardown_file() { end; }

setup() {
	until_ready
	OUT=$BATS_TEST_TMPDIR/out
}

teardown() {	# a reader that is stopped would outlive its test
	local p
	for p in $(jobs -p); do kill -KILL "$p" 2>/dev/null || :; done
}

# stream CODE [MEMBERS] - its lines on stdout, as they come.
stream() {
	jq -cn --arg code "$1" "{code: \$code${2:+, $2}}" >"$BATS_TEST_TMPDIR/body"
	exec curl -sN --max-time 90 -H 'Accept: application/x-ndjson' --data-binary @"$BATS_TEST_TMPDIR/body" "$URL/execute"
}

has() { grep -qF -- "$1" "$OUT"; }
types() { jq -rs 'map(.type | select(. != "keepalive")) | join(" ")' "$@"; }	# a busy machine brings some

# A cell that goes on when the test says so: wait_for FILE.
WAIT=$'def wait_for(path):\n    import os, time\n    while not os.path.exists(path): time.sleep(0.01)\n'

@test "each output comes while the code runs, as a line of its own, and done is the last" {
	stream "$WAIT"$'import sys\nprint("a", flush=True)\nwait_for("'"$BATS_TEST_TMPDIR"$'/go")\nprint("b", file=sys.stderr, flush=True)\n6 * 7' >"$OUT" 3>&- &
	local pid=$!
	eventually 50 has '{"type":"stream","name":"stdout","text":"a\n"}'
	touch "$BATS_TEST_TMPDIR/go"
	wait $pid
	[ "$(types "$OUT")" = 'stream stream result done' ]
	[ "$(jq -c 'select(.type == "done") | [.status, .generation, .truncated, (.execution_count | type), (.duration_ms | type), has("outputs")]' "$OUT")" = \
	    '["ok",1,false,"number","number",false]' ]
	[ "$(jq -r 'select(.type == "result").data["text/plain"]' "$OUT")" = 42 ]
}

@test "it is chunked NDJSON for who asks for it, and one answer for who does not, or rather wants that" {
	run curl -s -i -H 'Accept: application/x-ndjson' --data '{"code":"1"}' "$URL/execute"
	grep -qi '^Content-Type: application/x-ndjson' <<<"$output"
	grep -qi '^Transfer-Encoding: chunked' <<<"$output"
	for accept in '*/*' 'application/json' 'application/json, application/x-ndjson;q=0.5' 'application/x-ndjson;q=0'; do
		[ "$(curl -s -H "Accept: $accept" --data '{"code":"1"}' "$URL/execute" | jq -r .outputs[0].type)" = result ]
	done
	[ "$(curl -s --http1.0 -H 'Accept: application/x-ndjson, application/json;q=0.9' --data '{"code":"1"}' "$URL/execute" | types)" = 'result done' ]
}

@test "what is refused before the first output has its own status" {
	run curl -s -w '\n%{http_code}' -H 'Accept: application/x-ndjson' --data '{"code":1}' "$URL/execute"
	[ "$(jq -r .error <<<"${lines[0]}") ${lines[1]}" = 'bad_request 400' ]
	stream 'import time; time.sleep(60)' '"on_disconnect": "interrupt"' >/dev/null 3>&- &
	local first=$!
	eventually 50 is_running
	curl -s -w '\n%{http_code}' -H 'Accept: application/x-ndjson' --data '{"code":"1"}' "$URL/execute" >"$OUT" 3>&- &
	local second=$!
	eventually 50 queue_is 1
	post /restart >/dev/null
	wait $second $first
	[ "$(jq -r .error < <(head -1 "$OUT")) $(tail -1 "$OUT")" = 'unavailable 503' ]
	until_ready
}

is_running() { [ "$(info running)" = true ]; }
is_idle() { [ "$(info running)" = false ]; }
queue_is() { [ "$(info queued)" = "$1" ]; }

@test "errors, deaths and time limits are items, then done says how it ended" {
	stream '1/0' >"$OUT" &
	wait $!
	[ "$(types "$OUT")" = 'error done' ] && [ "$(jq -r 'select(.type == "done").status' "$OUT")" = error ]
	stream 'print("x", flush=True); import os, time; time.sleep(0.2); os._exit(3)' >"$OUT" &
	wait $!
	[ "$(jq -rs '.[] | .value // .status // empty' "$OUT")" = $'The kernel exited with status 3\nkernel_died' ]
	until_ready
	stream 'import time; time.sleep(60)' '"timeout": 0.3' >"$OUT" &
	wait $!
	[ "$(jq -cs 'map(.name // .status)' "$OUT")" = '["TimeoutError","timeout"]' ]
	[ "$(jq -c 'select(.type == "done").state_kept' "$OUT")" = true ]
}

@test "displays are updated and cleared by lines that say so" {
	stream $'from IPython.display import display, clear_output\nh = display("one", display_id="me")\nh.update("two")\nclear_output(wait=True)\nprint("x")' >"$OUT" &
	wait $!
	[ "$(jq -c 'select(.type != "done") | [.type, .display_id, .data["text/plain"] // .wait // .text]' "$OUT" | tr '\n' ' ')" = \
	    '["display","me","'"'one'"'"] ["update","me","'"'two'"'"] ["clear_output",null,true] ["stream",null,"x\n"] ' ]
}

@test "help asked for by ? comes as a display" {
	stream 'len?' >"$OUT" &
	wait $!
	[[ $(jq -r 'select(.type == "display").data["text/plain"]' "$OUT") == *"number of items"* ]]
}

@test "colour is removed across the pieces in which it came" {
	stream $'import sys\nfor p in ("a\\x1b[3", "1mb\\x1b", "[0mc"):\n    sys.stdout.write(p); sys.stdout.flush()' >"$OUT" &
	wait $!
	[ "$(jq -rj 'select(.type == "stream").text' "$OUT")" = abc ]
}

@test "where nothing comes for five seconds a keepalive does" {
	stream "$WAIT"'wait_for("'"$BATS_TEST_TMPDIR"'/go")' >"$OUT" 3>&- &
	local pid=$!
	eventually 80 has '{"type":"keepalive"}'
	touch "$BATS_TEST_TMPDIR/go"
	wait $pid
	[ "$(types "$OUT")" = done ]
}

memory_kib() { awk '/VmHWM/ { print $2 }' "/proc/$EXECUTOR/status"; }

@test "there is no limit of its own; with one the beginning and the end come, and what was between is counted" {
	stream $'for i in range(400):\n    print("x" * 99999)' >"$OUT" &
	wait $!
	[ "$(jq -rj 'select(.type == "stream").text' "$OUT" | wc -c)" = 40000000 ]
	[ "$(jq -c 'select(.type == "done").truncated' "$OUT")" = false ]
	stream $'print("head")\nfor i in range(300):\n    print("x" * 1000000)\nprint("tail")\n1/0' '"max_output_bytes": 200000' >"$OUT" &
	wait $!
	[ "$(jq -rj 'select(.type == "stream").text' "$OUT" | sed -n '1p;$p')" = $'head\ntail' ]
	[ "$(types "$OUT" | tr ' ' '\n' | uniq | tr '\n' ' ')" = 'stream error done ' ]
	[ "$(jq -rj 'select(.type == "stream").text' "$OUT" | wc -c)" -lt 201000 ]
	[ "$(jq 'select(.type == "done") | .truncated and .dropped_bytes > 299000000' "$OUT")" = true ]
	[ -n "$SANITIZE" ] || [ "$(memory_kib)" -lt 131072 ]
}

state_of() { awk '{ print $3 }' "/proc/$1/stat"; }
stopped() { [ "$(state_of "$1")" = T ]; }

@test "a slow reader holds the kernel back, and loses nothing" {
	local kernel
	kernel=$(info pid)
	stream $'print("begin", flush=True)\nfor i in range(200000):\n    print(i, "x" * 1000)' >"$OUT" 3>&- &
	local pid=$!
	eventually 50 has begin
	kill -STOP $pid
	eventually 100 stopped "$kernel"
	kill -CONT $pid
	wait $pid
	[ "$(jq -rj 'select(.type == "stream").text' "$OUT" | tail -n +2 | cut -d' ' -f1 | awk '$1 != NR - 1 { bad = 1 } END { print NR, bad + 0 }')" = '200000 0' ]
	[ "$(jq -c 'select(.type == "done") | [.status, .truncated]' "$OUT")" = '["ok",false]' ]
	! stopped "$kernel"
	[ -n "$SANITIZE" ] || [ "$(memory_kib)" -lt 131072 ]
}

@test "a child process that floods a slow reader is held back too" {
	stream $'import subprocess\nprint("begin", flush=True)\nsubprocess.run("seq 5000000", shell=True).returncode' >"$OUT" 3>&- &
	local pid=$! kernel
	kernel=$(info pid)
	eventually 50 has begin
	kill -STOP $pid
	eventually 100 stopped "$kernel"
	kill -CONT $pid
	wait $pid
	[ "$(jq -rj 'select(.type == "stream").text' "$OUT" | tail -n +2 | md5sum)" = "$(seq 5000000 | md5sum)" ]
}

@test "a held kernel is let go when its reader leaves, is interrupted, or the time is over" {
	local kernel flood=$'print("begin", flush=True)\nwhile True:\n    print("x" * 10000)' how pid
	kernel=$(info pid)
	for how in leave interrupt limit kill; do
		OUT=$BATS_TEST_TMPDIR/$how
		stream "$flood" '"on_disconnect": "interrupt", "timeout": '"$([ $how = limit ] && echo 3 || echo 60)" >"$OUT" 3>&- &
		pid=$!
		eventually 50 has begin
		kill -STOP $pid
		eventually 100 stopped "$kernel"
		case $how in
		leave)		kill -KILL $pid ;;
		interrupt)	[ "$(post /interrupt | jq -r .status)" = interrupted ] ;;
		kill)		kill -KILL "$kernel" ;;
		esac
		eventually 100 is_idle
		kill -CONT $pid 2>/dev/null || :
		wait $pid || :
		case $how in
		interrupt)	[ "$(tail -1 "$OUT" | jq -r .status)" = interrupted ] ;;
		limit)		[ "$(tail -1 "$OUT" | jq -r '.status, .state_kept')" = $'timeout\ntrue' ] ;;
		kill)		[ "$(tail -1 "$OUT" | jq -r .status)" = kernel_died ] ;;
		esac
		[ $how = kill ] || ! stopped "$kernel"
	done
	until_ready
}

@test "a caller that leaves a stream takes its code along only if it said so" {
	stream $'import time\nprint("begin", flush=True)\ntime.sleep(60)' '"on_disconnect": "interrupt"' >"$OUT" 3>&- &
	local pid=$!
	eventually 50 has begin
	kill -KILL $pid
	eventually 60 is_idle
	stream "$WAIT"'print("begin", flush=True); wait_for("'"$BATS_TEST_TMPDIR"'/go"); print("x"); went_on = 1' >"$OUT" 3>&- &
	pid=$!
	eventually 50 has begin
	kill -KILL $pid
	wait $pid || :
	touch "$BATS_TEST_TMPDIR/go"
	[ "$(cell 'print(went_on)' | text)" = 1 ]
}

@test "through the manager the same lines come, as they come" {
	jq -n --arg url "$URL" '{"0": {url: $url, type: "python"}}' >"$BATS_TEST_TMPDIR/config.json"
	execmgr-serve -b "unix:$BATS_TEST_TMPDIR/m" -c "$BATS_TEST_TMPDIR/config.json" 2>/dev/null 3>&- &
	local manager=$!
	eventually 100 manager_says available
	echo '{"code":"'"${WAIT//$'\n'/\\n}"'print(1, flush=True); wait_for('"'$BATS_TEST_TMPDIR/go'"'); print(2)"}' >"$BATS_TEST_TMPDIR/body"
	curl -sN --unix-socket "$BATS_TEST_TMPDIR/m" -H 'Accept: application/x-ndjson' --data-binary @"$BATS_TEST_TMPDIR/body" \
	    http://x/session/0/execute >"$OUT" 3>&- &
	local pid=$!
	eventually 50 has '"1\n"'
	! has done
	touch "$BATS_TEST_TMPDIR/go"
	wait $pid
	[ "$(types "$OUT")" = 'stream stream done' ]

	# exec-run prints and saves as it comes, and -j is one answer
	rm "$BATS_TEST_TMPDIR/go"
	export EXECMGR_URL=unix:$BATS_TEST_TMPDIR/m EXECMGR_SESSION=0
	exec-run --save "$BATS_TEST_TMPDIR/plots" -c "$WAIT"'print("begin", flush=True)
from IPython.display import display
display({"image/png": "iVBORw0KGgo="}, raw=True)
wait_for("'"$BATS_TEST_TMPDIR"'/go"); 6 * 7' >"$OUT" 2>/dev/null 3>&- &
	pid=$!
	eventually 50 test -s "$BATS_TEST_TMPDIR/plots/image-001.png"
	[ "$(cat "$OUT")" = begin ]
	touch "$BATS_TEST_TMPDIR/go"
	wait $pid
	[ "$(cat "$OUT")" = $'begin\n42' ]
	[ "$(exec-run -j -c 'print(1)' | jq -r '.outputs[].text, .status')" = $'1\n\nok' ]
	unset EXECMGR_URL EXECMGR_SESSION
	kill $manager
	wait $manager
}

manager_says() {
	[ "$(curl -s --unix-socket "$BATS_TEST_TMPDIR/m" http://x/containers | jq -r '.[0].state')" = "$1" ]
}
