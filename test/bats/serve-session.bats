# serve-session - execmgr-serve: requests passed on to executors, well and badly behaved ones

load lib
load serve

setup() { sandbox_dir; }
teardown() { leave; }

@test "any method, path, query and body reach the executor unchanged, and its status, type and body come back" {
	fakes -n 2
	manager
	settle
	for method in GET POST PUT PATCH DELETE OPTIONS; do
		run -0 curl -s -X "$method" "$M/session/1/echo/a%20b/../c?x=1&y=%2F" --path-as-is
		[ "$(jq -c '[.id,.method,.target]' <<<"$output")" = "[1,\"$method\",\"/echo/a%20b/../c?x=1&y=%2F\"]" ]
	done
	head -c 3000000 /dev/urandom >"$T/body"
	curl -s --data-binary @"$T/body" "$(url_of 1)/echo" | jq -c '[.body_bytes,.sum]' >"$T/want"
	curl -s --data-binary @"$T/body" "$M/session/1/echo" | jq -c '[.body_bytes,.sum]' >"$T/length"
	curl -s -H 'Transfer-Encoding: chunked' --data-binary @"$T/body" "$M/session/1/echo" | jq -c '[.body_bytes,.sum]' >"$T/chunked"
	cmp "$T/want" "$T/length"
	cmp "$T/want" "$T/chunked"
	run -0 curl -sI "$M/session/0/info"
	[[ $output == *"200 OK"* && $output == *"Content-Length: "* ]]
	[ "$(word GET /session/0/nothing)" = "404 not_found" ]
	[ "$(curl -s "$M/session/0/nothing" | jq -r .detail)" = "No such path" ]
}

@test "a redirect, HTML, compressed bytes and half a JSON pass unchanged" {
	fakes -n 1
	manager
	settle
	script 0 '{"execute":{"status":302,"fields":"Location: http://elsewhere/\r\n","body":"moved","type":"text/plain"}}'
	run -0 curl -si "$M/session/0/execute" -d '{}'
	[[ $output == *" 302 "* && $output == *"Location: http://elsewhere/"* && $output == *"text/plain"* && $output == *moved ]]
	script 0 '{"execute":{"status":418,"fields":"Content-Encoding: gzip\r\n","body":"{\"outputs\":[","chunked":true}}'
	run -0 curl -si "$M/session/0/execute" -d '{}'
	[[ $output == *" 418 "* && $output == *"Content-Encoding: gzip"* && $output == *'{"outputs":[' ]]
}

@test "hop-by-hop fields, those that Connection names, credentials and X-Forwarded-* are not passed on, either way" {
	fakes -n 1
	manager
	settle
	run -0 curl -s "$M/session/0/echo" -H 'Connection: X-Secret, keep-alive' -H 'X-Secret: 1' -H 'Keep-Alive: timeout=5' \
		-H 'TE: trailers' -H 'Upgrade: h2c' -H 'Proxy-Authorization: a' -H 'Authorization: Bearer b' -H 'Trailer: c' \
		-H 'X-Execmgr-Lease: d' -H 'X-Forwarded-For: 1.2.3.4' -H 'X-Forwarded-Host: e' -H 'X-Kept: yes' -H 'Accept: f/g'
	jq -r '.fields[][0]' <<<"$output" | tr A-Z a-z >"$T/fields"
	for f in x-secret keep-alive te upgrade proxy-authorization authorization trailer x-execmgr-lease x-forwarded-for \
		x-forwarded-host connection; do
		! grep -qx "$f" "$T/fields"
	done
	grep -qx x-kept "$T/fields"
	[ "$(jq -c '[.fields[] | select(.[0] == "Accept")]' <<<"$output")" = '[["Accept","f/g"]]' ]
	[ "$(jq -r '.fields[] | select(.[0] == "Host") | .[1]' <<<"$output")" = "$(url_of 0 | sed 's|http://||')" ]
	script 0 '{"echo":{"fields":"Connection: X-Secret\r\nX-Secret: 1\r\nKeep-Alive: timeout=5\r\nX-Kept: yes\r\nX-Execmgr-Id: 3\r\n"}}'
	run -0 curl -si "$M/session/0/echo"
	[[ $output == *"X-Kept: yes"* && $output != *X-Secret* && $output != *Keep-Alive:* && $output != *X-Execmgr-Id* ]]
}

@test "a GiB streams through in flat memory, with and without a declared length" {
	fakes -n 1
	manager
	settle
	before=$(rss_kb "$MP")
	for chunked in true false; do
		script 0 "{\"echo\":{\"flood_bytes\":1073741824,\"chunked\":$chunked}}"
		[ "$(curl -s "$M/session/0/echo" | wc -c)" = 1073741824 ]
	done
	grown=$(($(rss_kb "$MP") - before))
	[ -n "$SANITIZE" ] || [ "$grown" -lt 4096 ]
}

@test "a slow reader stops the executor, a slow executor stops the sender; the manager holds next to nothing of it" {
	fakes -n 1
	manager
	settle
	before=$(rss_kb "$MP")
	script 0 '{"echo":{"flood_bytes":1073741824},"execute":{"read_bytes":100000}}'
	curl -s --limit-rate 100k "$M/session/0/echo" >"$T/slow" 3>&- &
	local a=$!
	head -c 200000000 /dev/zero | curl -s -X POST -H 'Expect:' -T - "$M/session/0/execute" >"$T/up" 3>&- &
	local b=$!
	until_container 0 '.running == 2'
	eventually 100 test -s "$T/slow"
	eventually 100 is_fake 0 '.bytes_in >= 100000'
	sent=-1		# both stand still once all buffers are full
	eventually 50 stands_still
	[ "$(fake 0 .bytes_out)" -lt 50000000 ]
	grown=$(($(rss_kb "$MP") - before))
	[ -n "$SANITIZE" ] || [ "$grown" -lt 4096 ]
	[ "$(word POST '/session/0/interrupt')" = "404 not_found" ]	# others go on
	kill "$a"
	until_container 0 '.running == 1'
	eventually 50 is_fake 0 '.aborted == 1'
	script 0 '{"refuse":true}'			# what the deaf one has not read never tells that its sender has left
	run wait "$b"
	[ "$(jq -r .error <"$T/up")" = outcome_unknown ]
}
is_fake() { [ "$(fake "$1" "$2")" = true ]; }
stands_still() { local was=$sent; sent=$(fake 0 .bytes_out); [ "$sent" = "$was" ]; }

@test "a client that leaves ends its request at the executor" {
	fakes -n 1
	manager
	settle
	script 0 '{"execute":{"hang":true}}'
	curl -s -X POST "$M/session/0/execute" -d '{}' >/dev/null 3>&- &
	local c=$!
	until_container 0 '.running == 1'
	kill -KILL "$c"
	until_container 0 '.running == 0'
	eventually 50 is_fake 0 '.aborted == 1'
}

@test "a session's own restart leaves it allocated, also where the executor exits for it" {
	fakes -n 1
	manager --probe-interval 0.2
	settle
	post /allocate
	[ "$(post /session/0/restart)" = '{"status":"restarting"}' ]
	script 0 '{"refuse":true}'
	[ "$(word POST /session/0/execute -d '{}')" = "503 unavailable" ]
	eventually 50 test "$(fake 0 .connections)" = 0
	for i in 1 2 3 4 5 6; do		# longer than a dead executor would have
		[ "$(word GET /session/0/ready)" = "503 unavailable" ]
		read -rt 0.2 <> <(:) || true
	done
	is_container 0 '.state == "allocated"'
	script 0 '{"refuse":false}'
	[ "$(code -X POST "$M/session/0/execute" -d '{}')" = 200 ]
	is_container 0 '.state == "allocated" and .generation == 2'
}

@test "what executors do wrong gets its own word, the container's id, and no reuse of the connection" {
	fakes -n 1
	manager --probe-interval 3600
	settle
	post /allocate
	script 0 '{"execute":{"raw":"garbage in place of HTTP\r\n\r\n","times":1}}'
	[ "$(word POST /session/0/execute -d '{}')" = "502 bad_gateway" ]
	head -1 "$T/word" | jq -r .detail | grep -q "Container 0"
	script 0 '{"execute":{"close":true,"times":1}}'
	[ "$(word POST /session/0/execute -d '{}')" = "502 outcome_unknown" ]
	script 0 '{"info":{"close":true,"times":1}}'
	[ "$(word GET /session/0/info)" = "502 bad_gateway" ]
	script 0 '{"execute":{"interim":-1,"times":1}}'
	[ "$(word POST /session/0/execute -d '{}')" = "502 bad_gateway" ]
	script 0 '{"execute":{"raw":"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello","times":1}}'
	[ "$(word POST /session/0/execute -d '{}')" = "502 bad_gateway" ]
	# Once the head has gone on, the end of the connection is the only honest sign.
	script 0 '{"execute":{"length":100000,"close_after":10,"times":1}}'
	run curl -s "$M/session/0/execute" -d '{}'
	[ "$status" = 18 ]
	script 0 '{"execute":{"reset_after_head":true,"times":1}}'
	run curl -s "$M/session/0/execute" -d '{}'
	[ "$status" = 18 ] || [ "$status" = 52 ] || [ "$status" = 56 ]
	script 0 '{"execute":{"chunked":true,"close_after":3,"times":1}}'
	run curl -s "$M/session/0/execute" -d '{}'
	[ "$status" = 18 ] || [ "$status" = 52 ]
	[ "$(code "$M/session/0/execute" -d '{}')" = 200 ]
	is_container 0 '.state == "allocated" and .running == 0'
}

@test "an executor that is gone: 503 at once, down, asked again, and back when it is" {
	fakes -n 1
	manager --probe-interval 3600
	settle
	post /allocate
	script 0 '{"refuse":true}'
	[ "$(word POST /session/0/execute -d '{}')" = "503 unavailable" ]
	until_container 0 '.state == "down" and .retry_at != null and (.last_error | contains("connection refused"))'
	[ "$(word GET /session/0/ready)" = "503 unavailable" ]
	[ "$(word POST /deallocate/0)" = "400 not_allocated" ]
	script 0 '{"refuse":false}'
	until_container 0 '.state == "available" and .retry_at == null'
	grep -q 'container 0: down: GET /health: connection refused' "$T/serve.log"
	[ "$(post '/allocate?wait=0' | jq .container_id)" = 0 ]
}

@test "an executor that stops answering: after three failed probes its requests get 504, and it is down" {
	fakes -n 1
	manager --probe-interval 0.2 --probe-timeout 0.3
	settle
	post /allocate
	script 0 '{"execute":{"hang":true},"health":{"hang":true}}'
	[ "$(word POST /session/0/execute -d '{}')" = "504 gateway_timeout" ]
	is_container 0 '.state == "down" and .running == 0'
	script 0 '{"health":null}'
	until_container 0 '.state == "available"'
}

@test "an executor that says it is not well goes down" {
	fakes -n 1
	manager --probe-interval 0.1
	settle
	script 0 '{"health":{"body":"{\"status\":\"sick\"}"}}'
	until_container 0 '.state == "down" and (.last_error | contains("well"))'
	script 0 '{"health":null}'
	until_container 0 '.state == "available"'
}

@test "a connection that is not accepted within 5 seconds: 504" {
	# A listener whose queue is full drops what comes.
	spawn full $PYTHON -u -c '
import socket, time
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(0)
held = []
for _ in range(4):
    c = socket.socket(); c.setblocking(False); c.connect_ex(s.getsockname()); held.append(c)
print(s.getsockname()[1]); time.sleep(1000)'
	eventually 50 test -s "$T/full"
	echo "{\"0\":\"http://127.0.0.1:$(cat "$T/full")\"}" >"$T/cc.json"
	manager
	start=$(date +%s)
	[ "$(word POST /session/0/execute -d '{}')" = "504 gateway_timeout" ]
	took=$(($(date +%s) - start))
	[ "$took" -ge 4 ] && [ "$took" -le 7 ]
}

@test "--session-timeout ends a request that runs too long: 504, or cut where the answer had begun" {
	fakes -n 1
	manager --session-timeout 0.5
	settle
	script 0 '{"execute":{"hang":true}}'
	[ "$(word POST /session/0/execute -d '{}')" = "504 gateway_timeout" ]
	script 0 '{"echo":{"flood_bytes":1000000000000}}'
	run curl -s "$M/session/0/echo" -o /dev/null
	[ "$status" = 18 ]
	is_container 0 '.running == 0'
}

@test "pipelined requests are answered in order, those with bodies too" {
	fakes -n 2
	manager
	settle
	run -0 $PYTHON - "${M#http://127.0.0.1:}" <<-'END'
	import socket, sys, time
	s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
	n = 50
	out = b""
	for i in range(n):
	    out += b"POST /session/%d/echo/%d HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc" % (i % 2, i)
	out += b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
	t = time.time()
	s.sendall(out)
	data = b""
	while True:
	    more = s.recv(65536)
	    if not more:
	        break
	    data += more
	at = -1
	for i in range(n):
	    at = data.find(b'"target":"/echo/%d"' % i, at + 1)
	    assert at > 0, i
	assert data.count(b'"body_bytes":3') == n and data.endswith(b'{"status":"ok"}')
	assert time.time() - t < 2, time.time() - t	# nothing waits for a timer
	END
}

@test "Expect: 100-continue, a body refused before it is sent, a client that half-closes" {
	fakes -n 1
	manager
	settle
	head -c 2000000 /dev/zero >"$T/body"
	run -0 curl -s -H 'Expect: 100-continue' --data-binary @"$T/body" "$M/session/0/echo"
	[ "$(jq .body_bytes <<<"$output")" = 2000000 ]
	[ "$(word POST /session/9/echo -H 'Expect: 100-continue' --data-binary @"$T/body")" = "404 not_found" ]
	run -0 $PYTHON - "${M#http://127.0.0.1:}" <<-'END'
	import socket, sys
	s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
	s.sendall(b"POST /session/0/execute HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
	s.shutdown(socket.SHUT_WR)
	data = b""
	while more := s.recv(4096):
	    data += more
	assert b" 200 " in data and b"executor 0" in data, data
	END
}

@test "a page of another site is refused, the manager's own and other programs are not" {
	fakes -n 1
	manager
	settle
	host=${M#http://}
	[ "$(word POST /allocate -H 'Origin: http://evil.example')" = "403 forbidden" ]
	[ "$(word POST /allocate -H 'Origin: null')" = "403 forbidden" ]
	[ "$(word POST /allocate -H "Origin: http://127.0.0.1:1")" = "403 forbidden" ]
	[ "$(word POST /session/0/execute -H 'Sec-Fetch-Site: cross-site')" = "403 forbidden" ]
	[ "$(word POST /session/0/execute -H 'Sec-Fetch-Site: same-site')" = "403 forbidden" ]
	[ "$(fake 0 .execute)" = 0 ]
	[ "$(code "$M/status" -H "Origin: http://$host" -H 'Sec-Fetch-Site: same-origin')" = 200 ]
	[ "$(code "$M/status" -H 'Sec-Fetch-Site: none')" = 200 ]
	[ "$(code "$M/status" -H 'Host: rebound.example')" = 200 ]
}

@test "--allowed-host: another Host is refused, with or without a port" {
	fakes -n 1
	manager --allowed-host manager.example --allowed-host localhost:99
	[ "$(word GET /status -H 'Host: evil.example')" = "403 forbidden" ]
	[ "$(word GET /status)" = "403 forbidden" ]
	[ "$(code "$M/status" -H 'Host: Manager.example')" = 200 ]
	[ "$(code "$M/status" -H 'Host: manager.example:5000')" = 200 ]
	[ "$(code "$M/status" -H 'Host: localhost:99')" = 200 ]
	[ "$(word GET /status -H 'Host: localhost:98')" = "403 forbidden" ]
}

@test "code in a container may not drive the manager: an executor's address gets 403" {
	ip=$(hostname -I 2>/dev/null | tr ' ' '\n' | grep -m1 '^[0-9.]*$') || skip "no address but loopback"
	fakes -n 1
	echo "{\"0\":\"http://$ip:1\"}" >"$T/cc.json"
	manager -b 0.0.0.0
	local port=${M##*:}
	M=http://$ip:$port
	[ "$(word POST /allocate)" = "403 forbidden" ]
	[ "$(word GET /status)" = "403 forbidden" ]
	M=http://127.0.0.1:$port
	[ "$(code "$M/status")" = 200 ]
}

@test "TRACE and CONNECT, wrong and unknown methods on own paths: 405 with Allow; HEAD is as GET without the body" {
	fakes -n 1
	manager
	settle
	for m in TRACE CONNECT; do
		run -0 curl -si -X $m "$M/session/0/echo"
		[[ $output == *" 405 "* && $output == *"Allow: "* && $output == *method_not_allowed* ]]
	done
	[ "$(fake 0 .echo)" = 0 ]
	for m in GET PUT post FROB; do
		run -0 curl -si -X $m "$M/allocate"
		[[ $output == *" 405 "* && $output == *"Allow: POST"* ]]
	done
	for p in status containers health; do
		run -0 curl -si -X POST "$M/$p"
		[[ $output == *" 405 "* && $output == *"Allow: GET, HEAD"* ]]
		run -0 curl -sI "$M/$p"
		[[ $output == *" 200 "* && $output == *"Content-Length: "* ]]
	done
	[ "$(curl -s -X PATCH "$M/session/0/echo" | jq -r .method)" = PATCH ]
	[ "$(status .allocated_containers)" = 0 ]
}

@test "a hundred faults later there are no more descriptors than before, and the next request works" {
	fakes -n 4
	manager --probe-interval 0.2
	settle
	curl -sf "$M/session/0/ready" >/dev/null
	before=$(fds "$MP")
	for i in 1 2 3 4 5; do
		script 0 '{"execute":{"raw":"x\r\n\r\n"}}'
		script 1 '{"execute":{"close":true}}'
		script 2 '{"execute":{"reset_after_head":true}}'
		script 3 '{"execute":{"length":99,"close_after":3}}'
		for n in 0 1 2 3 0 1 2 3; do
			curl -s "$M/session/$n/execute" -d '{}' >/dev/null || true
			curl -s -m 0.02 -X POST "$M/allocate?wait=9" >/dev/null || true
		done
		post /restart >/dev/null
	done
	script all '{"execute":null}'
	until_status '.available_containers == 4 and .waiting_requests == 0' 200
	eventually 100 settled_fds
	[ "$(code -X POST "$M/session/3/execute" -d '{}')" = 200 ]
}
settled_fds() { [ "$(fds "$MP")" -le $((before + 12)) ]; }	# pooled connections to 4 executors
