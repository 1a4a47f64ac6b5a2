#!/usr/bin/env bats
# executor-jupyter with kernels that misbehave: when they start, while they run code, in what they send.
load lib
load executor

setup_file() {
	sandbox_dir
	kernelspec fake ok
	TMPDIR=$T executor -k fake
	export URL EXECUTOR T JUPYTER_PATH
	until_ready
}

teardown_file() { end; }

# own NAME HOW [option…] - an executor of the test's own, with a kernel that starts like HOW.
own() {
	sandbox_dir
	kernelspec "$1" "$2" "${SPEC:-}"
	executor -k "$1" "${@:3}"
}

teardown() { [ ${#PIDS[@]} = 0 ] || end; }

PIDS=()

took_less_than() { jq -e ".duration_ms < $1" >/dev/null; }

@test "a kernel over TCP: a cell is done when its reply and its idle have both come, in either order" {
	[ "$(cell ok | jq -c '[.status, .outputs[0].text, .execution_count]')" = '["ok","out\n",1]' ]
	[ "$(cell late-idle | jq -r '.outputs[].text')" = $'out\nlate' ]
	run cell late-reply
	[ "$(jq -r .status <<<"$output")" = ok ]
	took_less_than 2500 <<<"$output"
}

@test "a cell whose idle never comes is done some seconds after its reply" {
	run cell no-idle
	[ "$(jq -r '.status, .outputs[0].text' <<<"$output")" = $'ok\nout' ]
	took_less_than 12000 <<<"$output"
}

@test "a cell whose reply never comes ends in an error, after its idle" {
	run cell no-reply
	[ "$(jq -r '.status, .outputs[-1].name' <<<"$output")" = $'error\nNoReply' ]
	took_less_than 6000 <<<"$output"
}

@test "an error told in the reply alone is shown" {
	run cell error-in-reply
	[ "$(jq -c '[.status, .outputs[-1]]' <<<"$output")" = \
	    '["error",{"type":"error","name":"Oops","value":"only here","traceback":["line"]}]' ]
}

@test "forged, foreign and malformed messages are dropped and counted; the cell is not disturbed" {
	run cell garbage
	[ "$(jq -c '[.status, [.outputs[].text]]' <<<"$output")" = '["ok",["out\n"]]' ]
	[ "$(info messages_dropped)" -ge 12 ]
	[ "$(cell ok | jq -r .status)" = ok ]
}

@test "a message that comes twice counts once" {
	local before
	before=$(info messages_dropped)
	run cell replay
	[ "$(jq -c '[.outputs[].text]' <<<"$output")" = '["out\n","again\n"]' ]
	[ "$(info messages_dropped)" = $((before + 1)) ]
}

@test "text that is not UTF-8 is repaired" {
	[ "$(cell bad-utf8 | text)" = $'out\n<\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd>' ]
}

@test "of the reply's payloads a page is shown, others and odd ones are not" {
	[ "$(cell pages | jq -c '[.status, .outputs[1:]]')" = '["ok",[{"type":"display","data":{"text/plain":"a page"},"metadata":{}}]]' ]
}

@test "a message of 200 MB is dropped whole, and what follows it arrives" {
	run cell huge
	[ "$(jq -r '.status, .truncated, .dropped_bytes > 200000000' <<<"$output")" = $'ok\ntrue\ntrue' ]
	[[ $(text <<<"$output") == *after* ]]
}

@test "a kernel that asks for input though it was told there is none gets the end of file" {
	[[ $(cell input | text) == *"got '\\x04'"* ]]
	[[ $(cell input '"stdin": "line\nmore"' | text) == *"got 'line'"* ]]
}

@test "a kernel that dies under a cell, or just after its reply, is told and replaced" {
	local n
	n=$(info generation)
	run cell die
	[ "$(jq -r '.status, .outputs[0].text, .outputs[-1].value' <<<"$output")" = \
	    $'kernel_died\nout\n\nThe kernel exited with status 7' ]
	took_less_than 2500 <<<"$output"
	run cell die-after-reply
	[ "$(jq -r '.status, .generation' <<<"$output")" = $'kernel_died\n'$((n + 1)) ]
	run cell close
	[ "$(jq -r '.outputs[-1].value' <<<"$output")" = 'The kernel closed its connections' ]
	took_less_than 3000 <<<"$output"
	[ "$(cell ok | jq -r '.status, .generation')" = $'ok\n'$((n + 3)) ]
}

# lines WORD [MEMBERS] - a streamed answer, without the keepalives that it has on a slow machine.
lines() {
	curl -sN --max-time 60 -H 'Accept: application/x-ndjson' --data "{\"code\":\"$1\"${2:+, $2}}" "$URL/execute" |
		grep --line-buffered -v '^{"type":"keepalive"}$'
}

@test "streams of such kernels end as their answers do" {
	[ "$(lines late-idle | jq -rj '.text // .status')" = $'out\nlate\nok' ]
	[ "$(lines no-reply | jq -r '.name // .status' | tail -2)" = $'NoReply\nerror' ]
	[ "$(lines error-in-reply | jq -r '.value // .status // empty')" = $'only here\nerror' ]
	[ "$(lines garbage | jq -rj '.text // .status')" = $'out\nok' ]
	[ "$(lines pages | jq -r '.data["text/plain"] // empty')" = 'a page' ]
	[ "$(lines huge | jq -rj '.text // (.dropped_bytes > 200000000 | tostring)')" = $'out\nafter\ntrue' ]
	lines die-after-reply >"$BATS_TEST_TMPDIR/out"
	[ "$(tail -1 "$BATS_TEST_TMPDIR/out" | jq -r .status)" = kernel_died ]
	until_ready
}

@test "a kernel that dies in the midst of a stream: all that it had sent, its cause, and done" {
	lines flood-and-die >"$BATS_TEST_TMPDIR/out"
	[ "$(jq -rj 'select(.type == "stream").text' "$BATS_TEST_TMPDIR/out" | tail -n +2 | awk '$2 != NR - 1 { bad = 1 } END { print NR, bad + 0 }')" = '20000 0' ]
	[ "$(tail -2 "$BATS_TEST_TMPDIR/out" | jq -r '.value // .status')" = $'The kernel exited with status 9\nkernel_died' ]
	until_ready
}

@test "input that a kernel asks for goes to the stream where it was wanted, else it is at its end" {
	[[ $(lines input | jq -rj .text) == *"got '\\x04'"* ]]
	lines input '"stdin": true' >"$BATS_TEST_TMPDIR/out" 3>&- &
	local pid=$!
	eventually 50 grep -q '{"type":"input_request","prompt":"?","password":false}' "$BATS_TEST_TMPDIR/out"
	[ "$(curl -s --data '{"text":"a line\n"}' "$URL/stdin" | jq -r .status)" = ok ]
	wait $pid
	[[ $(jq -rj 'select(.type == "stream").text' "$BATS_TEST_TMPDIR/out") == *"got 'a line'"* ]]
}

# question KIND WORD - the answer's body, then its status.
question() { curl -s --max-time 60 -w '\n%{http_code}' --data "{\"code\":\"$2\"}" "$URL/$1"; }

@test "questions are answered, and what a kernel answers wrongly does not get far" {
	[ "$(question complete ok)" = '{"matches":["a", "b"],"cursor_start":0,"cursor_end":1,"metadata":{"m": 1}}'$'\n200' ]
	[ "$(question inspect ok)" = '{"found":true,"data":{"text/plain": "d"},"metadata":{}}'$'\n200' ]
	[ "$(question is_complete ok)" = '{"status":"incomplete","indent":"  "}'$'\n200' ]
	[ "$(question complete odd)" = '{"matches":[],"cursor_start":0,"cursor_end":0,"metadata":{}}'$'\n200' ]
	[ "$(question inspect odd)" = '{"found":false,"data":{},"metadata":{}}'$'\n200' ]
	[ "$(question is_complete odd)" = '{"status":"unknown","indent":""}'$'\n200' ]
	[ "$(question complete strangers | head -1 | jq -r .matches[0])" = a ]
	for word in error idle-only huge; do
		run question complete $word
		[ "$(jq -r .error <<<"${lines[0]}") ${lines[1]}" = 'unavailable 503' ]
	done
	[ "$(cell ok | jq -r .status)" = ok ]
}

@test "a question that is never answered is given up after ten seconds; the next is not held up" {
	local started
	started=$(now_ms)
	run question inspect mute
	[ "$(jq -r .error <<<"${lines[0]}") ${lines[1]}" = 'unavailable 503' ]
	[ $(($(now_ms) - started)) -lt 15000 ]
	[ "$(question complete ok | tail -1)" = 200 ]
}

@test "a kernel that dies under a question is told and replaced" {
	local n
	n=$(info generation)
	for kind in complete inspect is_complete; do
		run question $kind die
		[ "$(jq -r .detail <<<"${lines[0]}") ${lines[1]}" = 'The kernel exited with status 10 503' ]
		until_ready
	done
	[ "$(cell ok | jq -r '.status, .generation')" = $'ok\n'$((n + 3)) ]
}

@test "a kernel that is interrupted by messages gets one" {
	SPEC=', "interrupt_mode": "message"' own message ok
	until_ready
	run cell until-interrupt '"timeout": 0.3'
	[ "$(jq -r '.status, .state_kept' <<<"$output")" = $'timeout\ntrue' ]
	took_less_than 3000 <<<"$output"
}

@test "the same kernel works over ipc" {
	own over-ipc ok --transport ipc
	until_ready
	[ "$(cell ok | jq -r .status)" = ok ]
	[ -n "$(find "$T" -type s)" ]
}

@test "a kernel is not trusted before it was heard on iopub" {
	own quiet quiet
	until_ready
	[ "$(cell ok | jq -r '.outputs[0].text')" = out ]
}

@test "a first start that fails, as with a port taken, is tried again at once" {
	export FAKE_MARK=$BATS_TEST_TMPDIR/mark
	own taken taken
	[ "$(cell ok | jq -r .status)" = ok ]
	grep -q 'Address already in use' "$T/executor.log"
}

@test "code waits for a kernel that starts slowly, and readiness says so meanwhile" {
	own slow slow
	[ "$(curl -s "$URL/ready" | jq -c '[.ready, .reason]')" = '[false,"kernel_starting"]' ]
	[ "$(cell ok | jq -r .status)" = ok ]
	post /restart >/dev/null
	[ "$(curl -s "$URL/ready" | jq -c '[.ready, .reason]')" = '[false,"kernel_restarting"]' ]
	[ "$(curl -s "$URL/restart-status" | jq .restarting)" = true ]
	until_ready
	[ "$(curl -s "$URL/restart-status" | jq .restarting)" = false ]
}

@test "a kernel that exits at once is told with its last words, by readiness and to who sends code" {
	own exits exit
	eventually 50 dead
	[[ $(curl -s "$URL/ready" | jq -r .detail) == "The kernel exited with status 5: "*"last words of a kernel that exits" ]]
	run curl -s -w '\n%{http_code}' --data '{"code":"1"}' "$URL/execute"
	[ "$(jq -r .error <<<"${lines[0]}") ${lines[1]}" = 'unavailable 503' ]
	[[ ${lines[0]} == *"last words"* ]]
	[ "$(curl -s "$URL/health" | jq -r .status)" = ok ]
	[ "$(post /restart | jq -r .status)" = restarting ]
}

dead() { [ "$(curl -s "$URL/ready" | jq -r .reason)" = kernel_dead ]; }

@test "a kernel that dies when it is first asked is a start that fails" {
	own dies-early probe
	eventually 100 dead
	[[ $(curl -s "$URL/ready" | jq -r .detail) == "The kernel exited with status 11"* ]]
}

@test "a kernel that never answers is ended at the start limit; waiting code is refused then" {
	for how in mute sleep; do
		own never-"$how" "$how" --start-timeout 1
		local started
		started=$(now_ms)
		run curl -s -w '\n%{http_code}' --data '{"code":"1"}' "$URL/execute"
		[ "$(jq -r .error <<<"${lines[0]}") ${lines[1]}" = 'unavailable 503' ]
		[ $(($(now_ms) - started)) -lt 6000 ]
		eventually 50 dead
		[[ $(curl -s "$URL/ready" | jq -r .detail) == "The kernel was not ready within 1 s"* ]]
		end
	done
	PIDS=()
}

@test "a kernel that prints a gigabyte at its start costs no memory" {
	own floods flood
	eventually 300 dead
	[[ $(curl -s "$URL/ready" | jq -r .detail) == "The kernel exited with status 6"* ]]
	[ -n "$SANITIZE" ] || [ "$(awk '/VmHWM/ { print $2 }' "/proc/$EXECUTOR/status")" -lt 32768 ]
}

@test "a program that vanishes is a start that fails, not an end" {
	sandbox_dir
	kernelspec vanishing ok
	cp "$TOP/test/fake/kernel.py" "$T/kernel.py"
	sed -i "s|$TOP/test/fake/kernel.py|$T/kernel.py|" "$T/jupyter/kernels/vanishing/kernel.json"
	executor -k vanishing
	until_ready
	rm "$T/kernel.py"
	post /restart >/dev/null
	eventually 100 dead
	cp "$TOP/test/fake/kernel.py" "$T/kernel.py"
	[[ $(post /restart | jq -r .status) == *restarting ]]	# already_restarting: it was just being tried again
	until_ready
}

@test "files of the workspace are sent to a kernel of another language" {
	mkdir "$BATS_TEST_TMPDIR/code"
	echo late-idle >"$BATS_TEST_TMPDIR/code/a.fake"
	echo die >"$BATS_TEST_TMPDIR/code/b.py"
	own loads ok --workspace "$BATS_TEST_TMPDIR/code"
	until_ready
	[ "$(cell ok | jq .execution_count)" = 2 ]
	echo die >"$BATS_TEST_TMPDIR/code/c.fake"
	post /restart >/dev/null
	eventually 100 dead
	[[ $(curl -s "$URL/ready" | jq -r .detail) == "The kernel exited with status 7"* ]]
}

@test "ten kernels that start at once over TCP do not get in each other's way" {
	sandbox_dir
	kernelspec many ok
	for i in 1 2 3 4 5 6 7 8 9 10; do
		TMPDIR=$T spawn "$i.log" executor-jupyter -k many -b "unix:$T/$i"
	done
	for i in 1 2 3 4 5 6 7 8 9 10; do
		eventually 100 test -S "$T/$i"
		[ "$(curl -s --max-time 30 --unix-socket "$T/$i" --data '{"code":"ok"}' http://x/execute | jq -r .status)" = ok ]
	done
}

@test "an error that a kernel tells without a name is an error item all the same" {
	kernelspec fake ok
	executor -k fake
	until_ready
	run -0 cell nameless-error
	[ "$(jq -r '.status, (.outputs[-1] | .type, .name, .value)' <<<"$output")" = \
		$'error\nerror\nError\nThe kernel reported an error without a name' ]
}

@test "a kernel that does not run what comes right after an error is given a moment" {
	kernelspec fake tslab
	executor -k fake
	until_ready
	for _ in 1 2 3; do
		[ "$(cell error-in-reply | jq -r .status)" = error ]
		[ "$(cell ok | jq -r '.status, .outputs[0].text')" = $'ok\nout' ]
	done
	cell error-in-reply >/dev/null
	post /restart							# while it rests
	until_ready
	[ "$(cell ok | jq -r .status)" = ok ]
}
