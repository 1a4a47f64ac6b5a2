#!/usr/bin/env bats
# executor-jupyter with a real ipykernel: input() over a stream, and questions about code.
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

teardown() {
	local p
	for p in $(jobs -p); do kill -KILL "$p" 2>/dev/null || :; done
}

# stream CODE [MEMBERS]
stream() {
	jq -cn --arg code "$1" "{code: \$code${2:+, $2}}" >"$BATS_TEST_TMPDIR/body"
	exec curl -sN --max-time 90 -H 'Accept: application/x-ndjson' --data-binary @"$BATS_TEST_TMPDIR/body" "$URL/execute"
}

send() { curl -s --max-time 10 -w '\n%{http_code}' --data-binary "$1" "$URL/stdin"; }
asked() { [ "$(grep -c input_request "$OUT")" -ge "$1" ]; }
printed() { jq -rj 'select(.type == "stream").text' "$OUT"; }
is_running() { [ "$(info running)" = true ]; }
is_idle() { [ "$(info running)" = false ]; }
queue_is() { [ "$(info queued)" = "$1" ]; }

@test "input() and getpass ask by a line, and POST /stdin answers" {
	stream $'import getpass\nprint("before")\nprint(repr(input("who? ")), repr(getpass.getpass("secret? ")), repr(input()))' '"stdin": true' >"$OUT" 3>&- &
	local pid=$!
	eventually 50 asked 1
	[ "$(send '{"text":"me é\n"}')" = '{"status":"ok"}'$'\n200' ]
	eventually 50 asked 2
	send '{"text":"x\\y"}'
	eventually 50 asked 3
	send '{"text":""}'
	wait $pid
	[ "$(jq -c 'select(.type == "input_request") | [.prompt, .password]' "$OUT" | tr '\n' ' ')" = '["who? ",false] ["secret? ",true] ["",false] ' ]
	[ "$(printed)" = $'before\n\'me é\' \'x\\\\y\' \'\'' ]
}

@test "null ends the input; where nothing waits, or the body is wrong, 400" {
	stream 'input("? ")' '"stdin": true' >"$OUT" 3>&- &
	local pid=$!
	eventually 50 asked 1
	for body in '' '{}' '[]' '{"text":1}' '{"text":true}' '{"text":"a","text":"b"}' '{"line":"a"}' '"x"'; do
		run send "$body"
		[ "$(jq -r .error <<<"${lines[0]}") ${lines[1]}" = 'bad_request 400' ]
	done
	[ "$(send '{"text":null}' | tail -1)" = 200 ]
	wait $pid
	[ "$(jq -r 'select(.type == "error").name' "$OUT")" = EOFError ]
	run send '{"text":"x"}'
	[ "$(jq -r .detail <<<"${lines[0]}") ${lines[1]}" = 'No code waits for input 400' ]
	{ printf '{"text":"'; head -c 1048576 /dev/zero | tr '\0' x; printf '"}'; } >"$BATS_TEST_TMPDIR/large"
	[[ $(send @"$BATS_TEST_TMPDIR/large") == *too_large*413 ]]
}

@test "interactive input is for streams; there a text is given as ever, and without either input() fails at once" {
	run curl -s -w '\n%{http_code}' --data '{"code":"1","stdin":true}' "$URL/execute"
	[[ ${lines[0]} == *stdin* ]] && [ "${lines[1]}" = 400 ]
	stream 'print(input() + input())' '"stdin": "a\nb"' >"$OUT" &
	wait $!
	[ "$(printed)" = ab ]
	stream 'input()' >"$OUT" &
	wait $!
	[ "$(jq -r 'select(.type == "error").name' "$OUT")" = StdinNotImplementedError ]
}

@test "code that waits for input ends by interrupt, by its time limit, and when its caller leaves" {
	stream 'input()' '"stdin": true' >"$OUT" 3>&- &
	local pid=$!
	eventually 50 asked 1
	[ "$(post /interrupt | jq -r .status)" = interrupted ]
	wait $pid
	[ "$(tail -1 "$OUT" | jq -r .status)" = interrupted ]
	stream 'input()' '"stdin": true, "timeout": 0.5' >"$OUT" &
	wait $!
	[ "$(tail -1 "$OUT" | jq -r '.status, .state_kept')" = $'timeout\ntrue' ]
	OUT=$BATS_TEST_TMPDIR/left
	stream $'try:\n    input()\nexcept EOFError:\n    ended = 1' '"stdin": true' >"$OUT" 3>&- &
	pid=$!
	eventually 50 asked 1
	kill -KILL $pid
	wait $pid || :
	eventually 60 is_idle
	[ "$(cell 'print(ended)' | text)" = 1 ]
}

# question KIND BODY - the answer's body.
question() { curl -s --max-time 60 --data-binary "$2" "$URL/$1"; }

@test "completions count characters, wherever the cursor is" {
	cell 'a_name_of_mine = 1' >/dev/null
	[ "$(question complete '{"code":"a_name_of"}' | jq -c '[.matches, .cursor_start, .cursor_end, (.metadata | type)]')" = \
	    '[["a_name_of_mine"],0,9,"object"]' ]
	[ "$(question complete '{"code":"x = \"😀é\"; a_name_of + 1","cursor_pos":19}' | jq -c '[.matches[0], .cursor_start, .cursor_end]')" = \
	    '["a_name_of_mine",10,19]' ]
	[ "$(question complete '{"code":"","cursor_pos":0}' | jq -r '.matches | type')" = array ]
}

@test "inspection shows what a name stands for" {
	[[ $(question inspect '{"code":"len(x)","cursor_pos":2}' | jq -r 'select(.found).data["text/plain"]') == *"number of items"* ]]
	[ "$(question inspect '{"code":"no_such_name"}' | jq -c '[.found, .data]')" = '[false,{}]' ]
	cell $'import json.decoder' >/dev/null
	[[ $(question inspect '{"code":"json.decoder.JSONDecoder.decode","detail_level":1}' | jq -r '.data["text/plain"]') == *return* ]]
}

@test "whether code is complete" {
	[ "$(question is_complete '{"code":"for i in x:"}' | jq -c '[.status, .indent]')" = '["incomplete","    "]' ]
	[ "$(question is_complete '{"code":"1 + 1"}' | jq -r .status)" = complete ]
	[ "$(question is_complete '{"code":"a b"}' | jq -r .status)" = invalid ]
}

@test "questions leave no trace: no count, no execution" {
	local count executions
	executions=$(info executions)
	count=$(cell 1 | jq .execution_count)
	question complete '{"code":"pri"}' >/dev/null
	question is_complete '{"code":"1"}' >/dev/null
	[ "$(cell 1 | jq .execution_count)" = $((count + 1)) ]
	[ "$(info executions)" = $((executions + 2)) ]
}

@test "bodies of questions are checked as those of code are" {
	while read -r path body; do
		run curl -s --max-time 5 -w '\n%{http_code}' --data-binary "$body" "$URL/$path"
		[ "$(jq -r .error <<<"${lines[0]}") ${lines[1]}" = 'bad_request 400' ]
	done <<-'END'
		complete
		complete null
		complete {}
		complete {"code":1}
		complete {"code":"a","code":"b"}
		complete {"code":"a"}x
		complete {"code":"a","cursor_pos":-1}
		complete {"code":"é","cursor_pos":2}
		complete {"code":"a","cursor_pos":0.5}
		complete {"code":"a","cursor_pos":"0"}
		inspect {"code":"a","cursor_pos":null}
		inspect {"code":"a","detail_level":2}
		is_complete {"code":null}
		is_complete []
	END
	run curl -s -i --max-time 5 "$URL/complete"
	grep -qi '^Allow: POST' <<<"$output"
}

@test "a question waits its turn, ten seconds at most, and goes with its caller" {
	cell "import os, time
while not os.path.exists('$BATS_TEST_TMPDIR/go'): time.sleep(0.01)
late_name = 1" >/dev/null 3>&- &
	local running=$! first started
	eventually 50 is_running
	curl -s --max-time 60 --data '{"code":"late_na"}' "$URL/complete" >"$BATS_TEST_TMPDIR/1" 3>&- &
	first=$!
	eventually 50 queue_is 1
	curl -s --max-time 60 --data '{"code":"late_na"}' "$URL/complete" >"$BATS_TEST_TMPDIR/2" 3>&- &
	eventually 50 queue_is 2
	kill -KILL $!
	eventually 50 queue_is 1
	touch "$BATS_TEST_TMPDIR/go"
	wait $first $running
	[ "$(jq -r .matches[0] "$BATS_TEST_TMPDIR/1")" = late_name ]

	cell 'import time; time.sleep(60)' '"on_disconnect": "interrupt"' >/dev/null 3>&- &
	eventually 50 is_running
	started=$(now_ms)
	run curl -s --max-time 60 -w '\n%{http_code}' --data '{"code":"1"}' "$URL/is_complete"
	[ "$(jq -r .error <<<"${lines[0]}") ${lines[1]}" = 'busy 429' ]
	[ $(($(now_ms) - started)) -lt 15000 ]
	post /interrupt >/dev/null
	eventually 60 is_idle
}
