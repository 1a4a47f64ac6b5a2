load lib
load pool
setup() { sandbox_dir; }
teardown() { reap; }

# answer ID JSON - what a fake executor answers to /execute.
answer() { fake "$1" "{\"execute\":{\"body\":$(jq -cn --arg b "$2" '$b')}}"; }

@test "without a session it takes a container, runs, and gives it back" {
	pool python
	answer 0 '{"outputs":[{"type":"stream","name":"stdout","text":"out\n"}]}'
	run -0 --separate-stderr exec-run -c 'whatever'
	[ "$output" = out ] && [ -z "$stderr" ]
	allocated ""
	[ "$(asked 0 execute)" = 1 ] && [ "$(asked 0 restart)" = 1 ]
}

@test "code comes from -c, a file, or standard input, and arrives as it is" {
	stub
	say POST_session_1_execute '{"outputs":[]}'
	exec-run -s 1 -c $'a\t"\\\xe2\x82\xac'
	[ "$(jq -r .code "$T/stub/body")" = $'a\t"\\\xe2\x82\xac' ]
	printf 'x = 1\r\n%%%%magic\n' >"$T/code.py"
	exec-run -s 1 "$T/code.py"
	[ "$(jq -j .code "$T/stub/body" | od -c)" = "$(od -c <"$T/code.py")" ]
	printf 'from a pipe' | exec-run -s 1
	[ "$(jq -r .code "$T/stub/body")" = 'from a pipe' ]
	printf 'from a dash' | exec-run -s 1 -
	[ "$(jq -r .code "$T/stub/body")" = 'from a dash' ]
	exec-run -s 1 </dev/null
	[ "$(cat "$T/stub/body")" = '{"code":""}' ]
	exec-run -s 1 -c --help
	[ "$(cat "$T/stub/body")" = '{"code":"--help"}' ]
	exec-run -s 1 <(printf 'a fifo')
	[ "$(jq -r .code "$T/stub/body")" = 'a fifo' ]
}

@test "standard input is left alone unless it is asked for" {
	pool python
	run -0 bash -c 'printf "1\n2\n3\n" | while read -r x; do exec-run -s 0 -c "$x"; echo "$x"; done | grep -c "^[123]$"'
	[ "$output" = 3 ]
	run -0 bash -c 'printf "1\n2\n" | while read -r x; do exec-run -c "$x" >/dev/null; echo "$x"; done'
	[ "$output" = $'1\n2' ]
}

@test "-s - reads one allocation, and the session goes on" {
	pool python
	run -0 bash -c 'exec-alloc -t python | exec-run -s - -c "x = 1" --json | jq -r ".outputs | length"'
	[ "$output" -ge 0 ]
	allocated 0
	for bad in '' 'x' '{}' '[]' '7' '{"container_id":"7"}' '{"container_id":1}{"container_id":2}' $'{"container_id":1}\n{"container_id":2}'; do
		run -65 --separate-stderr exec-run -s - -c 1 <<<"$bad"
		[ "${#stderr_lines[@]}" = 1 ]
	done
	run -65 exec-run -s - -c 1 </dev/zero
	run -64 exec-run -s - <<<'{"container_id":1}'
	run -64 exec-run -s - - <<<'{"container_id":1}'
}

@test "the session: -s beats EXECMGR_SESSION, -t asks for a container of its own" {
	stub
	say GET_status '{"total_by_type":{"python":1}}'
	say POST_allocate '{"container_id":9}'
	for id in 1 2 9; do say "POST_session_${id}_execute" '{"outputs":[]}'; done
	say POST_deallocate_9 '{}'
	export EXECMGR_SESSION=1
	exec-run -c x
	exec-run -s 2 -c x
	exec-run -t r -c x
	EXECMGR_SESSION= EXECMGR_TYPE=julia exec-run -c x
	[ "$(cat "$T/stub/log")" = "POST /session/1/execute
POST /session/2/execute
POST /allocate?wait=30&container_type=r
POST /session/9/execute
POST /deallocate/9
POST /allocate?wait=30&container_type=julia
POST /session/9/execute
POST /deallocate/9" ]
}

@test "without a type: the only one there is, else python, else it asks: 64" {
	pool r
	exec-run -c 1
	[ "$(asked 0 execute)" = 1 ]
	reap; sandbox_dir
	pool a,python
	exec-run -c 1
	[ "$(asked 1 execute)" = 1 ] && [ "$(asked 0 execute)" = 0 ]
	reap; sandbox_dir
	pool a,b
	run -64 --separate-stderr exec-run -c 1
	[ "$stderr" = "exec-run: which type? -t names one of: a, b" ]
	EXECMGR_TYPE=b exec-run -c 1
	[ "$(asked 1 execute)" = 1 ]
}

@test "streams, results and errors go where they belong" {
	pool python
	answer 0 '{"outputs":[
		{"type":"stream","name":"stdout","text":"one\n"},{"type":"stream","name":"stderr","text":"warn\n"},
		{"type":"display","data":{"image/png":"aGk=","text/plain":"<Figure>"},"metadata":{}},
		{"type":"novel","x":1},{"type":"stream","text":"unnamed\n"},
		{"type":"result","data":{"text/plain":["4","2"]},"metadata":{}},
		{"type":"error","name":"ValueError","value":"bad \u20ac","traceback":["Traceback:","ValueError: bad \u20ac"]}],"status":"error"}'
	run -1 --separate-stderr exec-run -c x
	[ "$output" = $'one\n<Figure>\nunnamed\n42' ]
	[ "$stderr" = $'warn\nTraceback:\nValueError: bad \xe2\x82\xac' ]
	answer 0 '{"outputs":[{"type":"error","name":"E","value":"v","traceback":[]}]}'
	run -1 --separate-stderr exec-run -c x
	[ "$stderr" = 'E: v' ]
}

@test "an error's own line comes after a traceback that does not name it, and never twice" {
	pool python
	while IFS='|' read -r want body; do
		answer 0 '{"outputs":[{"type":"error",'"$body"'}]}'
		[ "$(exec-run -c x 2>&1 || :)" = "$(printf %b "$want")" ]
	done <<-'END'
		KeyboardInterrupt: \nTimeoutError: Execution timed out after 1 seconds|"name":"TimeoutError","value":"Execution timed out after 1 seconds","traceback":["KeyboardInterrupt: "]
		  a b\nSyntaxError: invalid syntax|"name":"SyntaxError","value":"invalid syntax (1.py, line 1)","traceback":["  a b\nSyntaxError: invalid syntax\n"]
		E: |"name":"E","value":"","traceback":["E: "]
		Es: \nE|"name":"E","value":"","traceback":["Es: "]
		V: a\nb|"name":"V","value":"a\nb","traceback":["V: a","b"]
		Error: x\n at f|"name":"Error","value":"x","traceback":["Error: x"," at f"]
		only a value|"value":"only a value"
	END
}

@test "the exit status says what happened, with and without a status in the answer" {
	pool python
	while read -r want body; do
		answer 0 "$body"
		run "-$want" exec-run -c x
	done <<-'END'
		0 {"outputs":[],"status":"ok"}
		1 {"outputs":[],"status":"error"}
		1 {"outputs":[],"status":"interrupted"}
		124 {"outputs":[],"status":"timeout"}
		137 {"outputs":[],"status":"kernel_died"}
		0 {"outputs":[]}
		1 {"outputs":[{"type":"error","name":"E"}]}
		1 {"outputs":[{"type":"error","name":"TimeoutError","value":"of the code's own"}]}
		124 {"outputs":[{"type":"error","name":"TimeoutError","value":"Execution timed out after 3 seconds"}]}
		137 {"outputs":[{"type":"error","name":"KernelDied","value":"signal 9"}]}
		76 {}
		76 []
		76 {"outputs":{}}
		76 {"outputs":[1]}
		76 {"outputs":[{"type":7}]}
	END
	allocated ""
}

@test "--json is the raw answer on one line, --filter a jq program's results" {
	pool python
	answer 0 '{"outputs":[{"type":"stream","name":"stdout","text":"a\u001b[31m\n"}],
 "status":"error","big":12345678901234567890}'
	run -1 --separate-stderr exec-run -j -c x
	[ "$output" = '{"outputs":[{"type":"stream","name":"stdout","text":"a\u001b[31m\n"}], "status":"error","big":12345678901234567890}' ]
	run -1 exec-run -f '.outputs[].type, .status' -c x
	[ "$output" = $'stream\nerror' ]
	run -65 --separate-stderr exec-run -f '.status.x' -c x
	[[ $stderr = "exec-run: --filter: "* ]]
	run -64 exec-run -f '.[' -c x
	allocated ""
}

@test "--timeout goes to the executor as a number" {
	stub
	say POST_session_1_execute '{"outputs":[]}'
	exec-run -s 1 -T 2.5 -c x
	[ "$(cat "$T/stub/body")" = '{"code":"x","timeout":2.500}' ]
	exec-run -s 1 -T 60 -c x
	[ "$(cat "$T/stub/body")" = '{"code":"x","timeout":60}' ]
	for t in 0 -1 1e18 NaN 10m 0.0 1e3 99999999999; do run -64 exec-run -s 1 -T "$t" -c x; done
}

@test "--save writes pictures under names of its own, beside what is there" {
	pool python
	local png=iVBORw0KGgo=
	answer 0 '{"outputs":[{"type":"display","data":{"image/png":"'$png'\n","text/plain":"../../etc/x"}},
		{"type":"result","data":{"image/svg+xml":["<svg>","</svg>"],"image/jpeg":"/9j/","text/plain":"fig"}}]}'
	run -0 --separate-stderr exec-run --save "$T/plots" -c x
	[ "$stderr" = "exec-run: saved $T/plots/image-001.png
exec-run: saved $T/plots/image-002.svg
exec-run: saved $T/plots/image-003.jpg" ]
	[ -z "$output" ]
	[ "$(od -An -tx1 "$T/plots/image-001.png")" = ' 89 50 4e 47 0d 0a 1a 0a' ]
	[ "$(cat "$T/plots/image-002.svg")" = '<svg></svg>' ]
	run -0 --separate-stderr exec-run -q --json --save "$T/plots" -c x
	[ -z "$stderr" ] && [ "${#lines[@]}" = 1 ]
	[ "$(ls "$T/plots" | tr '\n' ' ')" = "image-001.png image-002.png image-002.svg image-003.jpg image-003.svg image-004.jpg " ]
}

@test "pictures that cannot be saved: 73 before anything runs, 76 where they are none" {
	pool python
	: >"$T/file"
	run -73 exec-run --save "$T/file" -c x
	run -73 exec-run --save "$T/no/such/dir" -c x
	[ "$(asked 0 execute)" = 0 ]
	answer 0 '{"outputs":[{"type":"display","data":{"image/png":"***","text/plain":"shown"}}]}'
	run -76 --separate-stderr exec-run --save "$T/plots" -c x
	[ "$output" = shown ] && [ -z "$(ls "$T/plots")" ]
	allocated ""
}

@test "on a terminal control sequences are shown, not obeyed; in a pipe they are as they were" {
	pool python
	answer 0 '{"outputs":[{"type":"stream","name":"stdout","text":"\u001b]52;c;eA==\u0007\u009b2J\ttab\n"}]}'
	[ "$(exec-run -c x)" = $'\033]52;c;eA==\a\302\2332J\ttab' ]
	[ "$(terminal 'exec-run -c x')" = '^[]52;c;eA==^G\u009b2J	tab' ]
}

@test "code that is not UTF-8, too large, or not there" {
	stub
	printf 'ok\n\xff\n' >"$T/bad.py"
	run -65 --separate-stderr exec-run -s 1 "$T/bad.py"
	[ "$stderr" = "exec-run: $T/bad.py: not UTF-8 at byte 4" ]
	run -65 --separate-stderr exec-run -s 1 <"$T/bad.py"
	[ "$stderr" = "exec-run: standard input: not UTF-8 at byte 4" ]
	run -65 --separate-stderr exec-run -s 1 -c $'\xc3'
	[ "$stderr" = "exec-run: --code: not UTF-8 at byte 1" ]
	run -65 --separate-stderr bash -c 'yes | exec-run -s 1'
	[ "$stderr" = "exec-run: standard input: more than 32 MiB of code" ]
	run -66 exec-run -s 1 "$T/none.py"
	run -66 --separate-stderr exec-run -s 1 "$T"
	[ "$stderr" = "exec-run: $T: Is a directory" ]
	run -74 bash -c 'exec-run -s 1 <&-'
	[ ! -e "$T/stub/log" ]
}

@test "bad usage is 64 and runs nothing" {
	stub
	while read -r args; do
		run -64 --separate-stderr exec-run $args </dev/null
		[ -z "$output" ] && [[ ${stderr_lines[1]} = "usage: exec-run "* ]]
	done <<-'END'
		-c 1 file
		-c 1 -
		a b
		-s 1 -t python -c 1
		-s 1 -w 3 -c 1
		-s 007 -c 1
		-s 1e3 -c 1
		-s -1 -c 1
		-s 99999999999 -c 1
		-c
		--nope
		-c 1 -u https://x
	END
	EXECMGR_SESSION=x run -64 exec-run -c 1
	[ ! -e "$T/stub/log" ]
}

@test "signals end it at each phase, and nothing stays allocated" {
	pool python
	# while it waits in the queue
	exec-alloc >/dev/null
	start exec-run -c x
	eventually 100 waiting 1
	kill -INT "$CHILD"
	ends_with 130
	exec-free 0
	# while the code runs
	fake 0 '{"execute":{"hang":true}}'
	for s in "INT 130" "TERM 143" "HUP 129"; do
		start exec-run -c x
		eventually 100 running 0
		kill -"${s% *}" "$CHILD"
		ends_with "${s#* }"
		allocated ""
		[ ! -s "$T/out" ] && [ ! -s "$T/err" ]
	done
	fake 0 '{"execute":null}'
	all_are available
}

@test "a signal while nobody takes the output gives the container back all the same" {
	pool python
	fake 0 '{"execute":{"body":"{\"outputs\":[{\"type\":\"stream\",\"name\":\"stdout\",\"text\":\"'"$(head -c 200000 /dev/zero | tr '\0' x)"'\"}]}"}}'
	mkfifo "$T/pipe"
	exec 9<>"$T/pipe"
	"$PYTHON" -c 'import os, sys
os.dup2(os.open(sys.argv[1], os.O_WRONLY), 1)
os.execvp("exec-run", ["exec-run", "-c", "x"])' "$T/pipe" 9<&- 3>&- &
	CHILD=$!
	PIDS+=("$CHILD")
	eventually 100 test_full_pipe
	kill -TERM "$CHILD"
	ends_with 143
	exec 9<&-
	allocated ""
}
test_full_pipe() { "$PYTHON" -c 'import array, fcntl, sys
n = array.array("i", [0])
fcntl.ioctl(9, 0x541B, n)	# FIONREAD
sys.exit(n[0] < 60000)'; }

@test "standard output full, closed or left: the container is given back" {
	pool python
	answer 0 '{"outputs":[{"type":"stream","name":"stdout","text":"x\n"}]}'
	run -74 to_full_disk exec-run -c x
	[[ $output = "exec-run: standard output: No space left on device" ]]
	allocated ""
	run -74 without_stdout exec-run -c x
	allocated ""
	run -141 to_closed_pipe exec-run -c x
	[ -z "$output" ]
	allocated ""
	run -74 to_full_disk exec-run -s 0 -c x
	run -141 to_closed_pipe exec-run -s 0 -c x
	run -0 bash -c 'exec-run -c x 2>&-'
}

@test "an executor that breaks off, answers no JSON or is gone: an error by its class, container given back" {
	pool python
	fake 0 '{"execute":{"close":true,"times":1}}'
	run -76 --separate-stderr exec-run -c x
	[ "${#stderr_lines[@]}" = 1 ]
	fake 0 '{"execute":{"body":"{\"outputs\":[","length":500,"close_after":10}}'
	run -76 --separate-stderr exec-run -c x
	fake 0 '{"execute":{"body":"<html>","type":"text/html"}}'
	run -76 --separate-stderr exec-run -c x
	[ "${#stderr_lines[@]}" = 1 ]
	fake 0 '{"execute":{"status":429,"body":"{\"detail\":\"The queue is full\",\"error\":\"busy\"}"}}'
	run -75 --separate-stderr exec-run -c x
	[ "$stderr" = "exec-run: the queue is full" ]
	fake 0 '{"execute":null}'
	allocated ""
}

@test "no container, no such session, no manager" {
	pool python
	exec-alloc >/dev/null
	run -75 exec-run -w 0 -c x
	run -68 exec-run -t nope -c x
	run -68 exec-run -s 77 -c x
	run -69 --separate-stderr exec-run -u "unix:$T/none" -c x
	[ "${#stderr_lines[@]}" = 1 ]
}

# lines ID NDJSON - what a fake executor streams.
lines() { fake "$1" "{\"execute\":{\"type\":\"application/x-ndjson\",\"chunked\":true,\"body\":$(jq -cn --arg b "$2" '$b')}}"; }

@test "a streamed answer is printed line by line, what it does not know left out" {
	pool python
	lines 0 '{"type":"stream","name":"stdout","text":"one\n"}
{"type":"stream","name":"stderr","text":"warn\n"}
{"type":"keepalive"}
{"type":"display","display_id":"a","data":{"text/plain":"half"},"metadata":{}}
{"type":"update","display_id":"a","data":{"text/plain":"all"},"metadata":{}}
{"type":"clear_output","wait":false}
{"type":"novel","text":"x"}
{"type":"error","name":"E","value":"v","traceback":[]}
{"type":"done","status":"error","truncated":true,"dropped_bytes":5}
'
	run -1 --separate-stderr exec-run -c x
	[ "$output" = $'one\nhalf\nall' ]
	[ "$stderr" = $'warn\nE: v\nexec-run: the output was cut at its limit' ]
	lines 0 '{"type":"display","data":{"image/png":"iVBORw0KGgo=","text/plain":"Figure"},"metadata":{}}
{"type":"done","status":"ok"}
'
	run -0 --separate-stderr exec-run --save "$T/plots" -c x
	[ "$stderr" = "exec-run: saved $T/plots/image-001.png" ] && [ -z "$output" ]
	allocated ""
}

@test "the exit status of a stream, by its done or by its errors" {
	pool python
	while IFS='|' read -r want body; do
		lines 0 "$(printf '%b' "$body")"$'\n'
		run "-$want" exec-run -c x
	done <<-'END'
		0|{"type":"done","status":"ok"}
		1|{"type":"done","status":"interrupted"}
		124|{"type":"done","status":"timeout"}
		137|{"type":"done","status":"kernel_died"}
		1|{"type":"error","name":"E"}\n{"type":"done"}
		137|{"type":"error","name":"E"}\n{"type":"error","name":"KernelDied"}\n{"type":"error","name":"E"}\n{"type":"done"}
		76|{"type":"stream","text":"cut"}
		76|{"type":"done","status":"ok"
		76|[]\n{"type":"done","status":"ok"}
		76|{"type":"done","status":"ok"}\n{
	END
	lines 0 '{"type":"done","status":"ok"}'
	run -76 --separate-stderr exec-run -c x
	[[ $stderr == *"the answer ends within a line" ]]
	allocated ""
}

@test "standard output full or left in the midst of a stream: the container is given back" {
	pool python
	lines 0 "$(for i in {1..100}; do echo '{"type":"stream","name":"stdout","text":"x\n"}'; done; echo '{"type":"done","status":"ok"}')"$'\n'
	run -74 --separate-stderr to_full_disk exec-run -c x
	[ "$stderr" = "exec-run: standard output: No space left on device" ]
	allocated ""
	run -141 to_closed_pipe exec-run -c x
	allocated ""
	run -141 to_closed_pipe exec-run -s 0 -c x
}

@test "output of 64 MiB comes whole" {
	stub
	{ printf '{"outputs":[{"type":"stream","name":"stdout","text":"'; head -c 67108864 /dev/zero | tr '\0' x; printf '"}]}'; } \
		>"$T/stub/POST_session_1_execute"
	run -0 bash -c 'exec-run -s 1 -c x | wc -c'
	[ "$output" = 67108864 ]
}
