load lib
load pool
setup() { sandbox_dir; }
teardown() { reap; }

@test "exec-alloc prints the allocation as the manager sent it, one line" {
	pool python
	run -0 --separate-stderr exec-alloc
	[ "$(jq -r '.container_id, .type' <<<"$output")" = $'0\npython' ]
	[ "${#lines[@]}" = 1 ] && [ -z "$stderr" ]
	allocated 0
}

@test "exec-alloc -t takes a container of that type, EXECMGR_TYPE where -t is not given" {
	pool python,r,julia
	[ "$(exec-alloc -t r -o id,type)" = $'1\tr' ]
	[ "$(EXECMGR_TYPE=julia exec-alloc -o type)" = julia ]
	[ "$(EXECMGR_TYPE=julia exec-alloc -t python -o type)" = python ]
}

@test "members that it does not know pass through; -o and -f choose among them" {
	stub
	say POST_allocate '{ "container_id":7,
 "token":"s3cret\u0021", "big":12345678901234567890, "type":"a\tb" }'
	run -0 exec-alloc
	[ "$output" = '{ "container_id":7, "token":"s3cret\u0021", "big":12345678901234567890, "type":"a\tb" }' ]
	run -0 exec-alloc -o id,token,nothing,type,big
	[ "$output" = $'7\ts3cret!\t-\ta\\tb\t12345678901234567890' ]
	run -0 exec-alloc -f '.token, .container_id'
	[ "$output" = $'s3cret!\n7' ]
}

@test "exec-alloc -n takes all or none" {
	pool python:3
	run -0 exec-alloc -n 3 -o id
	[ "$(sort <<<"$output")" = $'0\n1\n2' ]
	printf '%s\n' "${lines[@]}" | exec-free -
	run -75 --separate-stderr exec-alloc -n 4 -w 0.2
	[ -z "$output" ]
	[[ $stderr = "exec-alloc: no containers available"* ]]
	allocated ""
}

@test "when nothing is free it waits as long as told, then says so with 75" {
	pool python
	exec-alloc >/dev/null
	run -75 --separate-stderr exec-alloc -t python -w 0
	[ "$stderr" = "exec-alloc: no python containers available" ]
	start exec-alloc -w 30 -o id
	eventually 100 waiting 1
	exec-free 0
	ends_with 0
	[ "$(cat "$T/out")" = 0 ]
}

@test "a type that does not exist: 68, and the types there are" {
	pool python,r
	run -68 --separate-stderr exec-alloc -t nope
	[ -z "$output" ]
	[ "$stderr" = "exec-alloc: unknown container type: nope (types: python, r)" ]
}

@test "what cannot be printed is given back: full disk, closed standard output, reader gone" {
	pool python:2
	run -74 to_full_disk exec-alloc
	[[ $output = *"No space left on device"* ]]
	allocated ""
	run -74 without_stdout exec-alloc
	[[ $output = *"Bad file descriptor"* ]]
	allocated ""
	run -74 to_closed_pipe exec-alloc -n 2
	[[ $output = *"Broken pipe"* ]]
	allocated ""
}

@test "a filter that fails gives the allocation back: 65" {
	pool python
	run -65 --separate-stderr exec-alloc -f '.container_id.x'
	[[ $stderr = "exec-alloc: --filter: "* ]]
	allocated ""
}

@test "CMD finds session, url and type; the container is given back when it ends, and its status is ours" {
	pool python
	run -3 exec-alloc -t python -- sh -c 'echo "$EXECMGR_SESSION $EXECMGR_TYPE $EXECMGR_URL"
		exec-status -f ".containers[$EXECMGR_SESSION].state"; exit 3'
	[ "$output" = "0 python $EXECMGR_URL"$'\nallocated' ]
	allocated ""
	run -0 exec-alloc -- true
	run -137 exec-alloc -- sh -c 'kill -KILL $$'
	run -143 exec-alloc -- sh -c 'kill -TERM $$'
	allocated ""
	[ "$(asked 0 restart)" -ge 1 ]
}

@test "CMD's standard input is the caller's" {
	pool python
	run -0 bash -c 'echo text | exec-alloc -- cat'
	[ "$output" = text ]
}

@test "a CMD that does not exist is 127, one that cannot be run 126; nothing stays allocated" {
	pool python
	run -127 --separate-stderr exec-alloc -- no-such-command
	[ "$stderr" = "exec-alloc: no-such-command: command not found" ]
	run -126 --separate-stderr exec-alloc -- /etc/passwd
	[ "$stderr" = "exec-alloc: /etc/passwd: Permission denied" ]
	allocated ""
}

@test "signals are passed on to CMD; exec-alloc waits for it and gives the container back" {
	pool python
	for sig in INT TERM HUP; do
		rm -f "$T/up"
		start exec-alloc -- bash -c "trap 'echo got $sig; exit 9' $sig; touch $T/up; while :; do sleep 0.05; done"
		eventually 100 test -e "$T/up"
		kill -"$sig" "$CHILD"
		ends_with 9
		[ "$(cat "$T/out")" = "got $sig" ]
		allocated ""
	done
}

@test "SIGINT, SIGTERM and SIGHUP while it waits in the queue: no allocation comes of it" {
	pool python
	exec-alloc >/dev/null
	for s in "INT 130" "TERM 143" "HUP 129"; do
		start exec-alloc -w 60
		eventually 100 waiting 1
		kill -"${s% *}" "$CHILD"
		ends_with "${s#* }"
		[ ! -s "$T/out" ]
		eventually 100 bash -c '[ "$(exec-status -f .waiting_requests)" = 0 ]'
	done
	exec-free 0
	eventually 100 all_are available
}

@test "an answer that comes while it is being interrupted is given back" {
	stub
	say POST_deallocate_3 '{"status":"deallocated","container_id":3}'
	# A manager that does not notice that its client has half left, and answers.
	cat >"$T/late.py" <<-'END'
		import socket, sys
		s = socket.create_server(("127.0.0.1", 0))
		open(sys.argv[1] + "/port", "w").write(str(s.getsockname()[1]))
		while True:
		    c, _ = s.accept()
		    head = c.recv(65536)
		    open(sys.argv[1] + "/log", "ab").write(head.split(b"\r\n")[0] + b"\n")
		    if b"/allocate" in head:
		        while c.recv(1):
		            pass
		    body = b'{"container_id":3}'
		    c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
		    c.close()
	END
	mkdir "$T/late"
	spawn late.log "$PYTHON" "$T/late.py" "$T/late"
	eventually 100 test -s "$T/late/port"
	start exec-alloc -u "http://127.0.0.1:$(cat "$T/late/port")"
	eventually 100 grep -q allocate "$T/late/log"
	kill -TERM "$CHILD"
	ends_with 143
	[ ! -s "$T/out" ]
	grep -q '^POST /deallocate/3 ' "$T/late/log"
}

@test "bad usage is 64 and takes nothing" {
	for args in "-n 0" "-n x" "-n 10001" "-w -1" "-w 1e3" "-w 10m" "-w nan" "python" "-n 2 -- true" "-o id -- true" "--" \
		"-o id -f ." "-o id,,type" "-f .[" "--nope" "-u https://x" "-u http://a@b" "-u http://h:70000" "-u ftp://x"; do
		run -64 --separate-stderr exec-alloc -u unix:/nonexistent $args
		[ -z "$output" ]
		[[ ${stderr_lines[0]} = "exec-alloc: "* ]] && [[ ${stderr_lines[1]} = "usage: exec-alloc "* ]]
	done
}

@test "a manager that is not there: 69, one line that names its url" {
	run -69 --separate-stderr exec-alloc -u "unix:$T/none.sock"
	[ "$stderr" = "exec-alloc: unix:$T/none.sock: No such file or directory" ]
	run -69 --separate-stderr exec-alloc -u http://127.0.0.1:1
	[ "$stderr" = "exec-alloc: http://127.0.0.1:1: Connection refused" ]
	run -69 --separate-stderr exec-alloc -u http://no-such-host.invalid:1
	[ "${#stderr_lines[@]}" = 1 ]
}

@test "an IPv6 url works, and proxies are not used" {
	stub
	say POST_allocate '{"container_id":5}'
	export http_proxy=http://127.0.0.1:1 HTTP_PROXY=http://127.0.0.1:1 ALL_PROXY=http://127.0.0.1:1
	[ "$(exec-alloc -o id)" = 5 ]
	run -69 --separate-stderr exec-alloc -u 'http://[::1]:1'
	[ "${#stderr_lines[@]}" = 1 ]
}

@test "answers that are no manager's: 76 and one line" {
	stub
	for answer in '<html>hello</html>' '' '[]' '{}' '{"container_id":"x"}' '{"container_id":-1}' '{"container_id":1.5}' \
		'{"container_id":1' 'HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"container_id":1}' 'garbage' \
		'HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n' \
		'HTTP/1.1 502 Bad\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\n<ht>' 'HTTP/0.9' 'HTTP/1.1 200 OK\r\n\r\n{}{}'; do
		say POST_allocate "$(printf "$answer")"
		run -76 --separate-stderr exec-alloc
		[ -z "$output" ] && [ "${#stderr_lines[@]}" = 1 ]
	done
	! logged "GET /x"
}

@test "an endless answer is not taken in: 76" {
	stub
	{ printf 'HTTP/1.1 200 OK\r\n\r\n"'; head -c 20000000 /dev/zero | tr '\0' x; } >"$T/stub/POST_allocate"
	run -76 --separate-stderr exec-alloc
	[[ $stderr = *"larger than"* ]]
}

@test "what the manager says in an error cannot drive a terminal" {
	stub
	say POST_allocate "$(printf 'HTTP/1.1 503 No\r\n\r\n{"detail":"No \\u001b]0;x\\u0007 luck\\nsecond line","error":"none_available"}')"
	run -75 --separate-stderr exec-alloc
	[ "$stderr" = 'exec-alloc: no \x1b]0;x\x07 luck\x0asecond line' ]
}

@test "an error word that it does not know falls back on the HTTP status" {
	stub
	for s in 403:77 404:68 429:75 503:69 504:69 400:65 418:65 500:76; do
		say POST_allocate "$(printf 'HTTP/1.1 %s X\r\n\r\n{"detail":"Odd","error":"novel"}' "${s%:*}")"
		run "-${s#*:}" --separate-stderr exec-alloc
	done
	say POST_allocate "$(printf 'HTTP/1.1 422 X\r\n\r\n{"detail":[{"loc":["query"]}]}')"
	run -65 --separate-stderr exec-alloc
	[ "$stderr" = "exec-alloc: $EXECMGR_URL: HTTP status 422" ]
}
