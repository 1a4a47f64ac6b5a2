#!/usr/bin/env bats
# The HTTP shelf as a client and as an origin server see it: http_echo, driven by curl and by raw bytes.

load lib

RAW=$TOP/test/fake/raw.py
H='Host: a\r\n'
BIG=$((1024 * 1024 * 1024))
[ -z "$SANITIZE" ] || BIG=$((128 * 1024 * 1024))

setup() {
	sandbox_dir
}

teardown() {
	# A server that leaks, or that still has a handle open, does not end with 0.
	local p bad=0
	for p in $SERVERS; do stop "$p" || { echo "http_echo ended with $?"; cat "$T"/*.log; bad=1; }; done
	reap || bad=1
	[ "$bad" = 0 ]
}

# serve NAME OPTION… - an http_echo; its port in $PORT, its address in $A, its pid in $PID.
serve() {
	local name=$1
	shift
	spawn "$name.log" "$FAKE/http_echo" "$@"
	PID=$!
	SERVERS="$SERVERS $PID"
	eventually 100 grep -q '^listening' "$T/$name.log"
	PORT=$(awk '/^listening/ { print $2 }' "$T/$name.log")
	A=127.0.0.1:$PORT
}

# behind - an origin and a proxy before it: $ORIGIN, and $A $PORT $PID of the proxy.
behind() {
	serve origin -p 0
	ORIGIN=$A
	serve proxy -p 0 -u "http://$ORIGIN" "$@"
}

# broken STEP… - a proxy before a server that does as the steps say.
broken() {
	spawn broken.log "$PYTHON" "$RAW" "listen:$T/port" "$@"
	eventually 100 test -e "$T/port"
	serve proxy -p 0 -u "http://127.0.0.1:$(cat "$T/port")"
}

raw() {
	"$PYTHON" "$RAW" "$@"
}

status() {
	curl -s -o /dev/null --max-time 20 -w '%{http_code}' "$@"
}

rss_kib() {
	awk '/^VmHWM/ { print $2 }' "/proc/$1/status"
}

cpu_ticks() {
	awk '{ print $14 + $15 }' "/proc/$1/stat"
}

quiet() {	# PID: it has nothing to do
	local before
	before=$(cpu_ticks "$1")
	sleep 0.3
	[ "$(cpu_ticks "$1")" = "$before" ]
}

descriptors() {
	ls "/proc/$1/fd" | wc -l
}

holds() {	# PID N: that many descriptors
	[ "$(descriptors "$1")" = "$2" ]
}

stat_is() {	# ADDRESS TEXT
	curl -s "http://$1/stats" | grep -q "$2"
}

@test "it answers on IPv4, IPv6 and a Unix socket" {
	serve four -p 0
	[ "$(curl -s "http://$A/hello")" = hello ]
	if [ -e /proc/net/if_inet6 ] && grep -q ' lo$' /proc/net/if_inet6; then
		serve six -b ::1 -p 0
		[ "$(curl -s "http://[::1]:$PORT/hello")" = hello ]
	fi
	serve unix -b "unix:$T/s"
	[ "$(curl -s --unix-socket "$T/s" http://x/hello)" = hello ]
}

@test "a stale socket file is replaced, a live one is not, and it goes with the server" {
	"$PYTHON" -c 'import socket, sys; s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1])' "$T/s"
	serve one -b "unix:$T/s"
	run -69 --separate-stderr "$FAKE/http_echo" -b "unix:$T/s"
	[[ $stderr == *"$T/s"*"in use"* ]]
	[ "$(curl -s --unix-socket "$T/s" http://x/hello)" = hello ]
	SERVERS=
	stop "$PID"
	[ ! -e "$T/s" ]
}

@test "a port in use is refused with the address" {
	serve one -p 0
	run -69 --separate-stderr "$FAKE/http_echo" -p "$PORT"
	[[ $stderr == *"127.0.0.1:$PORT"*"in use"* ]]
}

@test "an address that is not here, or does not resolve, is refused" {
	run -69 --separate-stderr "$FAKE/http_echo" -b 203.0.113.7
	[[ $stderr == *"203.0.113.7"* ]]
	run -69 --separate-stderr "$FAKE/http_echo" -b no.such.host.invalid
	[[ $stderr == *"no.such.host.invalid"* ]]
}

@test "a connection serves many requests" {
	serve one -p 0
	run curl -s -w '%{num_connects} ' "http://$A/hello" "http://$A/hello" -d x=1 "http://$A/echo"
	[ "$output" = "hello
1 hello
0 x=10 " ] || [ "$(grep -o '[01] *$' <<<"$output" | tail -1 | tr -d ' ')" = 0 ]
	run raw "$A" "send:GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" "until:hello\n" \
	    "send:GET /hello HTTP/1.0\r\n\r\n" recv
	[ "$(grep -c '^HTTP/1.1 200' <<<"$output")" = 2 ]
	[ "$(grep -ci '^connection: keep-alive' <<<"$output")" = 1 ]
	[ "$(grep -ci '^connection: close' <<<"$output")" = 1 ]
}

@test "pipelined requests are answered in order, also behind a slow one" {
	serve one -p 0
	run raw "$A" "send:GET /slow?ms=200 HTTP/1.1\r\n${H}\r\nPOST /echo HTTP/1.1\r\n${H}Content-Length: 3\r\n\r\nabcPOST /echo HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\n\r\n3\r\ndef\r\n0\r\n\r\nGET /slow?ms=10 HTTP/1.1\r\n${H}\r\nGET /hello HTTP/1.1\r\n${H}Connection: close\r\n\r\n" recv
	[ "$(grep -o 'HTTP/1.1 200' <<<"$output" | wc -l)" = 5 ]
	[[ $output == *slow*abc*def*slow*hello* ]]
}

@test "hundreds of pipelined requests" {
	serve one -p 0
	run raw "$A" "repeat:700:GET /hello HTTP/1.1\r\n${H}\r\n" "send:GET /hello HTTP/1.1\r\n${H}Connection: close\r\n\r\n" recv
	[ "$(grep -c '^hello' <<<"$output")" = 701 ]
}

@test "a client that only asks and never reads holds little memory" {
	serve one -p 0
	local one="GET /head HTTP/1.1\r\n$H\r\n"
	spawn ask.log "$PYTHON" "$RAW" "$A" "repeat:100000:$one$one$one$one$one$one$one$one$one$one"
	eventually 50 stat_is "$A" connections=2
	eventually 100 quiet "$PID"
	[ -n "$SANITIZE" ] || [ "$(rss_kib "$PID")" -lt 8000 ]
	stat_is "$A" connections=2
}

@test "HEAD has the length and no body" {
	behind
	run raw "$A" "send:HEAD /hello HTTP/1.1\r\n${H}\r\nHEAD /proxy/hello HTTP/1.1\r\n${H}\r\nHEAD /proxy/flood?bytes=5&chunked=1 HTTP/1.1\r\n${H}\r\nGET /hello HTTP/1.1\r\n${H}Connection: close\r\n\r\n" recv
	[ "$(grep -c '^HTTP/1.1 200' <<<"$output")" = 4 ]
	[ "$(grep -c '^Content-Length: 6' <<<"$output")" = 3 ]
	[ "$(grep -c '^hello' <<<"$output")" = 1 ]
}

@test "chunked bodies go through both ways" {
	behind
	head -c 300000 /dev/urandom >"$T/data"
	curl -s -H 'Transfer-Encoding: chunked' -T "$T/data" "http://$A/proxy/echo" | cmp - "$T/data"
	curl -s -T "$T/data" "http://$A/proxy/echo" | cmp - "$T/data"
	[ "$(curl -s "http://$A/proxy/flood?bytes=1000000&chunked=1" | wc -c)" = 1000000 ]
	[ "$(curl -s -0 "http://$A/proxy/flood?bytes=1000000&chunked=1" | wc -c)" = 1000000 ]
}

@test "a body that goes in one byte at a time arrives" {
	serve one -p 0
	run raw "$A" "drip:0.001:POST /echo HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n" recv
	[[ $output == *"HTTP/1.1 200"*abc*de* ]] || [[ $output == *"HTTP/1.1 200"* ]]
}

@test "100 Continue is sent when the body is read, and not for a refusal" {
	serve one -p 0
	run raw "$A" "send:POST /all HTTP/1.1\r\n${H}Content-Length: 3\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n" \
	    "until:100 Continue\r\n\r\n" send:abc recv
	[[ $output == "HTTP/1.1 100 Continue"*"HTTP/1.1 200 OK"*abc ]]
	run raw "$A" "send:POST /refuse HTTP/1.1\r\n${H}Content-Length: 3\r\nExpect: 100-continue\r\n\r\n" recv
	[[ $output == "HTTP/1.1 403"* ]]
	[[ $output == *"Connection: close"* ]]
	run raw "$A" "send:POST /all?max=2 HTTP/1.1\r\n${H}Content-Length: 3\r\nExpect: 100-continue\r\n\r\n" recv
	[[ $output == "HTTP/1.1 413"* ]]
	# The body came without waiting for it.
	run raw "$A" "send:POST /all HTTP/1.1\r\n${H}Content-Length: 3\r\nExpect: 100-continue\r\nConnection: close\r\n\r\nabc" recv
	[[ $output == *"HTTP/1.1 200 OK"*abc ]]
}

@test "what a smuggler sends is refused with 400, closed, and not forwarded" {
	behind
	local te='Transfer-Encoding: chunked\r\n' r
	local -a bad=(
		"POST /proxy/head HTTP/1.1\r\n${H}Content-Length: 5\r\n${te}\r\n0\r\n\r\n"
		"POST /proxy/head HTTP/1.1\r\n${H}Content-Length: 1\r\nContent-Length: 2\r\n\r\nx"
		"POST /proxy/head HTTP/1.1\r\n${H}Content-Length: +1\r\n\r\nx"
		"POST /proxy/head HTTP/1.1\r\n${H}Content-Length: 1,1\r\n\r\nx"
		"POST /proxy/head HTTP/1.1\r\n${H}Content-Length:\r\n\r\nx"
		"POST /proxy/head HTTP/1.1\r\n${H}Content-Length: 99999999999999999999\r\n\r\nx"
		"POST /proxy/head HTTP/1.1\r\n${H}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"
		"POST /proxy/head HTTP/1.1\r\n${H}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"
		"POST /proxy/head HTTP/1.1\r\n${H}${te}${te}\r\n0\r\n\r\n"
		"POST /proxy/head HTTP/1.0\r\n${H}${te}\r\n0\r\n\r\n"
		"POST /proxy/head HTTP/1.1\r\n${H}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"
		"GET /proxy/head HTTP/1.1\r\n${H}A: b\x00c\r\n\r\n"
		"GET /proxy/head HTTP/1.1\r\n${H}A: b\rc\r\n\r\n"
		"GET /proxy/head HTTP/1.1\r\n${H}A: b\nc: d\r\n\r\n"
		"GET /proxy/head HTTP/1.1\r\n${H}A: b\r\n c\r\n\r\n"
		"GET /proxy/head HTTP/1.1\r\n${H}: b\r\n\r\n"
		"GE\x01T /proxy/head HTTP/1.1\r\n${H}\r\n"
		"GET /proxy/head HTTP/1.1\r\n\r\n"
		"GET /proxy/head HTTP/1.1\r\n${H}${H}\r\n"
		"GET http://b/proxy/head HTTP/1.1\r\n${H}\r\n"
		"GET /proxy/head\r\n\r\n"
		"GET /proxy/head HTTP/4294967297.1\r\n${H}\r\n"
		"GET /proxy/head HTTP/2.0\r\n${H}\r\n"
	)
	for r in "${bad[@]}"; do
		run -0 raw "$A" "send:${r}GET /proxy/hello HTTP/1.1\r\n${H}\r\n" recv
		[[ $output == "HTTP/1.1 400 Bad Request"*'"error":"bad_request"}' ]] || { echo "$r: $output"; false; }
		[ "$(grep -c '^HTTP/1.1' <<<"$output")" = 1 ]
	done
	stat_is "$ORIGIN" 'connections=1$'
}

@test "bad chunks are refused with 400 and closed" {
	serve one -p 0
	local c
	for c in '0x3' '+3' '-1' '' '00000000000000003' 'fffffffffffffffff' '3\nabc' '3;a\rb' '3 '; do
		run -0 raw "$A" "send:POST /sink HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\n\r\n${c}\r\nabc\r\n0\r\n\r\n" recv
		[[ $output == "HTTP/1.1 400"*'"error":"bad_request"}' ]] || { echo "$c: $output"; false; }
	done
	grep -q '^gone /sink' "$T/one.log"
}

@test "absolute form names this host or is refused" {
	serve one -p 0
	run raw "$A" "send:GET http://a:1/head?x HTTP/1.1\r\nHost: A:1\r\nConnection: close\r\n\r\n" recv
	[[ $output == *"GET /head?x 1"* ]]
	run raw "$A" "send:GET http://b/head HTTP/1.1\r\n${H}\r\n" recv
	[[ $output == "HTTP/1.1 400"* ]]
}

@test "CONNECT and TRACE are 405, other methods pass with their case kept" {
	behind
	local m
	for m in 'CONNECT a:1' 'TRACE /'; do
		run raw "$A" "send:$m HTTP/1.1\r\n${H}\r\n" recv
		[[ $output == "HTTP/1.1 405"*"Allow: GET"*'"error":"method_not_allowed"}' ]]
	done
	for m in get BREW PURGE PATCH M-SEARCH PRI SOURCE; do
		run raw "$A" "send:$m /proxy/head HTTP/1.1\r\n${H}Connection: close\r\n\r\n" recv
		[[ $output == *"$m /head 1"* ]]
	done
}

@test "hop-by-hop fields are not forwarded" {
	behind
	run raw "$A" "send:GET /proxy/head HTTP/1.1\r\n${H}Connection: close, X-Mine\r\nX-Mine: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\nProxy-Authorization: x\r\nUpgrade: h2c\r\nX-Other: 2\r\n\r\n" recv
	[[ $output == *"X-Other=2"* ]]
	[[ $output != *X-Mine* && $output != *Keep-Alive* && $output != *TE=* && $output != *Proxy-* && $output != *Upgrade* ]]
}

@test "too long a target is 414, too large a header 431, too large a body 413" {
	behind
	local long fields
	long=$(printf 'x%.0s' {1..9000})
	[ "$(status "http://$A/$long")" = 414 ]
	run raw "$A" "send:GET /" "repeat:65536:x" recv
	[[ $output == "HTTP/1.1 414"*'"error":"too_large"}' ]]
	run raw "$A" "send:GET /hello HTTP/1.1\r\n${H}A: " "repeat:65536:x" recv
	[[ $output == "HTTP/1.1 431"*'"error":"too_large"}' ]]
	run raw "$A" "send:GET /hello HTTP/1.1\r\n${H}" "repeat:10000:A:\r\n" recv
	[[ $output == "HTTP/1.1 431"* ]]
	[ "$(status -d 12345 "http://$A/all?max=4")" = 413 ]
	[ "$(status -H 'Transfer-Encoding: chunked' -d 12345 "http://$A/all?max=4")" = 413 ]
	[ "$(status -d 1234 "http://$A/all?max=4")" = 200 ]
	[ "$(rss_kib "$PID")" -lt 300000 ]
}

@test "a refusal reaches a client that is still sending" {
	serve one -p 0
	run -0 raw "$A" "send:POST /refuse HTTP/1.1\r\n${H}Content-Length: 50000000\r\n\r\n" "repeat:500:$(printf 'x%.0s' {1..100000})" recv
	[[ $output == "HTTP/1.1 403"*'"error":"forbidden"}' ]]
	run -0 raw "$A" "send:POST /all?max=10 HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\n\r\n" \
	    "repeat:300:186a0\r\n$(printf 'x%.0s' {1..100000})\r\n" recv
	[[ $output == "HTTP/1.1 413"* ]]
}

@test "an answer before a small body keeps the connection" {
	serve one -p 0
	run raw "$A" "send:POST /refuse HTTP/1.1\r\n${H}Content-Length: 6\r\n\r\nabc" "until:forbidden\"}" "send:defGET /hello HTTP/1.1\r\n${H}Connection: close\r\n\r\n" recv
	[[ $output == "HTTP/1.1 403"*"HTTP/1.1 200"*hello* ]]
}

@test "a header that does not come in time is 408, a silent connection is closed" {
	serve one -p 0 --header-ms 400
	run -0 raw "$A" "drip:0.05:GET /hello HTTP/1.1\r\nHost: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" recv
	[[ $output == "HTTP/1.1 408"* ]]
	run -0 raw "$A" recv
	[ "$output" = "" ]
	# A kept-alive connection has the whole time anew.
	run -0 raw "$A" "send:GET /hello HTTP/1.1\r\n${H}\r\n" "until:hello" "drip:0.05:GET /hello HTTP/1.1\r\nHost: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" recv
	[[ $output == *hello*"HTTP/1.1 408"* ]]
}

@test "a body that stops coming is 408, an idle connection is closed" {
	serve one -p 0 --idle-ms 400
	run -0 raw "$A" "send:POST /sink HTTP/1.1\r\n${H}Content-Length: 10\r\n\r\nabc" recv
	[[ $output == "HTTP/1.1 408"* ]]
	grep -q '^gone /sink' "$T/one.log"
	run -0 raw "$A" "send:GET /hello HTTP/1.1\r\n${H}\r\n" recv
	[[ $output == *hello ]]
	# A slow body within the time is fine.
	run -0 raw "$A" "send:POST /all HTTP/1.1\r\n${H}Content-Length: 10\r\nConnection: close\r\n\r\n" "drip:0.1:0123456789" recv
	[[ $output == *0123456789 ]]
}

@test "a thousand idle connections do not disturb" {
	serve one -p 0
	spawn idle.log "$PYTHON" "$RAW" "$A" idle:400 ready
	IDLE=$!
	eventually 100 grep -q ready "$T/idle.log"
	[ "$(curl -s "http://$A/hello")" = hello ]
	stat_is "$A" connections=40
	kill "$IDLE"
	eventually 100 stat_is "$A" 'connections=1$'
}

@test "a gigabyte goes through both ways in flat memory" {
	behind
	[ "$(curl -s "http://$A/proxy/flood?bytes=$BIG" | wc -c)" = "$BIG" ]
	[ "$(curl -s "http://$A/proxy/flood?bytes=$BIG&chunked=1" | wc -c)" = "$BIG" ]
	[ "$(head -c "$BIG" /dev/zero | curl -s -T - "http://$A/proxy/sink")" = "$BIG" ]
	[ "$(head -c "$BIG" /dev/zero | curl -s -H "Content-Length: $BIG" -H Transfer-Encoding: -T - "http://$A/proxy/echo" | wc -c)" = "$BIG" ]
	[ -n "$SANITIZE" ] || [ "$(rss_kib "$PID")" -lt 12000 ]
}

@test "uploads side by side all arrive: whoever is told to wait is told to go on" {
	behind
	local part=$((BIG / 2)) n
	for n in 1 2 3; do
		head -c "$part" /dev/zero | curl -s --max-time 60 -T - "http://$A/proxy/sink" >"$T/got.$n" &
	done
	for n in 1 2 3; do eventually 600 grep -q . "$T/got.$n"; done
	[ "$(cat "$T"/got.? | sort | uniq -c)" = "      3 $part" ]
}

@test "a reader that takes nothing holds little memory, and is cut at the deadline" {
	behind --write-ms 2000
	spawn slow.log "$PYTHON" "$RAW" "$A" "send:GET /proxy/flood?bytes=10000000000 HTTP/1.1\r\n${H}\r\n" take:1000 ready
	eventually 100 grep -q ready "$T/slow.log"
	[ "$(curl -s "http://$A/hello")" = hello ]
	[ -n "$SANITIZE" ] || [ "$(rss_kib "$PID")" -lt 12000 ]
	eventually 100 grep -q '^gone /proxy/flood' "$T/proxy.log"
	eventually 100 grep -q '^gone /flood' "$T/origin.log"
}

@test "a sender is slowed down to what the origin takes" {
	broken "until:\r\n\r\n" "take:1000" ready
	spawn up.log bash -c "head -c $BIG /dev/zero | curl -s -T - http://$A/proxy/x"
	eventually 100 stat_is "$A" requests=2
	eventually 100 quiet "$PID"
	[ -n "$SANITIZE" ] || [ "$(rss_kib "$PID")" -lt 12000 ]
	[ "$(curl -s "http://$A/hello")" = hello ]
}

@test "a client that leaves while its request waits is noticed" {
	serve one -p 0
	serve unix -b "unix:$T/s"
	A=127.0.0.1:$(awk '/^listening/ { print $2 }' "$T/one.log")
	raw "$A" "send:GET /never?reset HTTP/1.1\r\n${H}\r\n" reset
	raw "$A" "send:GET /never?fin HTTP/1.1\r\n${H}\r\n"
	raw "$A" "send:POST /never?unread HTTP/1.1\r\n${H}Content-Length: 3\r\n\r\nabc"
	raw "$A" "send:POST /never?part HTTP/1.1\r\n${H}Content-Length: 9\r\n\r\nabc"
	raw "$A" "send:POST /sink?part HTTP/1.1\r\n${H}Content-Length: 9\r\n\r\nabc"
	raw "$A" "send:GET /never?ten HTTP/1.0\r\n\r\n"
	raw "$A" "send:GET /never?piped HTTP/1.1\r\n${H}\r\nGET /hello HTTP/1.1\r\n${H}\r\n"
	raw "unix:$T/s" "send:GET /never?unix HTTP/1.1\r\n${H}\r\n"
	local what
	for what in never?reset never?fin never?unread never?part sink?part never?ten never?piped; do
		eventually 50 grep -q "^gone /$what" "$T/one.log" || { echo "$what"; false; }
	done
	eventually 10 grep -q "^gone /never?unix" "$T/unix.log"
	spawn curl.log curl -s "http://$A/never?killed"
	eventually 50 stat_is "$A" 'requests=2 '
	kill -KILL $!
	eventually 50 grep -q "^gone /never?killed" "$T/one.log"
	eventually 20 stat_is "$A" 'requests=1 connections=1$'
}

@test "a client that leaves is noticed by the origin behind a proxy" {
	behind
	raw "$A" "send:GET /proxy/never HTTP/1.1\r\n${H}\r\n"
	eventually 50 grep -q "^gone /never" "$T/origin.log"
}

@test "an answer given with the last piece of a body is the end of the request, though the connection is to be closed" {
	serve one -p 0
	run raw "$A" "send:POST /first HTTP/1.1\r\n${H}Connection: close\r\nContent-Length: 3\r\n\r\nabc" recv
	[[ $output == "HTTP/1.1 200"*3 ]]
	! grep -q late "$T/one.log"
}

@test "an origin that resets while its last bytes are on their way is an error here, not the end" {
	broken 'until:\r\n\r\n' ready
	exec 9<>"/dev/tcp/127.0.0.1/$PORT"
	printf 'POST /proxy/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n' >&9
	head -c 200000 /dev/zero >&9
	eventually 100 grep -q ready "$T/broken.log"
	kill -STOP "$PID"
	head -c 100000 /dev/zero >&9
	kill -KILL "${PIDS[0]}"
	eventually 100 gone "${PIDS[0]}"
	kill -CONT "$PID"
	head -1 <&9 >"$T/answer"
	exec 9>&-
	[[ $(cat "$T/answer") == "HTTP/1.1 502"* ]]
	[ "$(status "http://$A/hello")" = 200 ]
}

@test "part of a body that waited behind another request goes on at once" {
	behind
	run -0 "$PYTHON" - "$PORT" <<-'END'
	import socket, sys, time
	s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
	s.settimeout(20)

	def until(end):
	    seen = b""
	    while not seen.endswith(end):
	        seen += s.recv(65536)

	began = time.monotonic()
	for _ in range(40):
	    s.sendall(b"GET /proxy/hello HTTP/1.1\r\nHost: a\r\n\r\n"
	              b"POST /proxy/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345")
	    until(b"12345")
	    s.sendall(b"67890")
	    until(b"67890")
	took = time.monotonic() - began
	assert took < 1.5, took			# a tick of the clock each: 4 s
	END
}

@test "a client that ends its writing side gets its answers" {
	serve one -p 0
	run raw "$A" "send:GET /hello HTTP/1.1\r\n${H}\r\nGET /slow?ms=300 HTTP/1.1\r\n${H}\r\n" shut recv
	[[ $output == "HTTP/1.1 200"*hello*"HTTP/1.1 200"*slow ]]
	[[ $output != *"100 Continue"* ]]
	# One that waits for long is asked whether it is still there.
	run raw "$A" "send:GET /slow?ms=3000 HTTP/1.1\r\n${H}\r\n" shut recv
	[[ $output == "HTTP/1.1 100 Continue"*"HTTP/1.1 200"*slow ]]
	serve unix -b "unix:$T/s"
	run raw "unix:$T/s" "send:GET /slow?ms=2500 HTTP/1.1\r\n${H}\r\n" shut recv
	[[ $output == "HTTP/1.1 200"*slow ]]
}

@test "a reset in the middle of a body ends the request, not the server" {
	serve one -p 0
	raw "$A" "send:POST /sink HTTP/1.1\r\n${H}Content-Length: 1000\r\n\r\nabc" reset
	eventually 50 grep -q '^gone /sink' "$T/one.log"
	raw "$A" "send:GET /flood?bytes=100000000 HTTP/1.1\r\n${H}\r\n" take:10 reset
	eventually 50 grep -q '^gone /flood' "$T/one.log"
	[ "$(curl -s "http://$A/hello")" = hello ]
}

@test "at the cap of connections the longest-idle one goes" {
	serve one -p 0 -c 3
	spawn idle.log "$PYTHON" "$RAW" "$A" idle:2 ready
	eventually 100 grep -q ready "$T/idle.log"
	[ "$(curl -s --max-time 10 "http://$A/hello")" = hello ]
	[ "$(curl -s --max-time 10 "http://$A/hello")" = hello ]
}

@test "at the cap with all busy, the next waits, nothing spins, and it is served in the end" {
	serve one -p 0 -c 2
	local before fds
	fds=$(($(descriptors "$PID") + 1))		# libuv keeps one in reserve from the first connection on
	[ "$(curl -s "http://$A/hello")" = hello ]
	eventually 50 holds "$PID" "$fds"
	spawn a.log curl -s "http://$A/slow?ms=2000"
	spawn b.log curl -s "http://$A/slow?ms=2000"
	eventually 50 holds "$PID" $((fds + 2))
	before=$(cpu_ticks "$PID")
	spawn c.log curl -s --max-time 15 "http://$A/hello"
	eventually 100 grep -q hello "$T/c.log"
	[ $(($(cpu_ticks "$PID") - before)) -lt 20 ]
	eventually 50 grep -q slow "$T/a.log"
	eventually 50 grep -q slow "$T/b.log"
	eventually 50 holds "$PID" "$fds"
}

@test "with few descriptors all clients are served, and nothing spins" {
	spawn one.log bash -c "ulimit -n 40; exec $FAKE/http_echo -p 0"
	PID=$!
	SERVERS="$PID"
	eventually 100 grep -q '^listening' "$T/one.log"
	A=127.0.0.1:$(awk '/^listening/ { print $2 }' "$T/one.log")
	local i
	for i in {1..100}; do spawn "c$i.log" curl -s --max-time 60 "http://$A/slow?ms=50"; done
	eventually 300 bash -c "[ \$(cat $T/c*.log | grep -c slow) = 100 ]"
	[ "$(cpu_ticks "$PID")" -lt 100 ]
}

@test "a proxy that runs out of descriptors answers, and recovers" {
	serve origin -p 0
	spawn one.log bash -c "ulimit -n 40; exec $FAKE/http_echo -p 0 -u http://$A"
	PID=$!
	SERVERS="$SERVERS $PID"
	eventually 100 grep -q '^listening' "$T/one.log"
	A=127.0.0.1:$(awk '/^listening/ { print $2 }' "$T/one.log")
	local i
	for i in {1..60}; do spawn "c$i.log" curl -s --max-time 60 "http://$A/proxy/slow?ms=50"; done
	eventually 300 bash -c "[ \$(cat $T/c*.log | grep -c slow) = 60 ]"
	[ "$(curl -s "http://$A/proxy/hello")" = hello ]
}

@test "an origin's faults are errors here, and the connection is not used again" {
	local -a steps=(
		'send:<html>no http</html>\r\n\r\n'
		'send:HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc'
		'send:HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nab'
		'send:HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'
		'repeat:100000:HTTP/1.1 103 Early Hints\r\n\r\n'
		'reset'
		'send:'
	)
	local s n=0
	for s in "${steps[@]}"; do
		rm -f "$T/port"
		broken "until:\r\n\r\n" "$s"
		run curl -s --max-time 10 -w ' %{http_code}' "http://$A/proxy/x"
		[[ $output == *'"error":"outcome_unknown"} 502' ]] || { echo "$s: $output"; false; }
		stat_is "$A" 'requests=1 '
	done
}

@test "an answer cut in the middle is cut here too" {
	local -a steps=(
		'send:HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc'
		'send:HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n'
		'send:HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcX'
	)
	local s
	for s in "${steps[@]}"; do
		rm -f "$T/port"
		broken "until:\r\n\r\n" "$s"
		run curl -s --max-time 10 "http://$A/proxy/x"
		[ "$status" = 18 ] || [ "$status" = 56 ] || { echo "$s: $status"; false; }
		run curl -s -0 --max-time 10 "http://$A/proxy/x"
		[ "$status" != 0 ] || [[ $s == *Length* ]] || { echo "HTTP/1.0 $s: $status"; false; }
	done
}

@test "interim answers are swallowed, an answer to the end of the connection passes" {
	broken "until:\r\n\r\n" 'send:HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 x\r\nA: b\r\n\r\nHTTP/1.1 299 Odd\r\nX: y\r\n\r\nabc'
	run curl -s -i --max-time 10 "http://$A/proxy/x"
	[[ $output == "HTTP/1.1 299"*"X: y"*abc ]]
}

@test "what follows an answer unasked is not taken for the next one" {
	broken "until:\r\n\r\n" 'send:HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil'
	[ "$(curl -s --max-time 10 "http://$A/proxy/1")" = a ]
	[ "$(curl -s --max-time 10 "http://$A/proxy/2")" = a ]
}

@test "a refused connection, a name that is not there, an answer too late or too large" {
	serve one -p 0 -u http://127.0.0.1:1
	[ "$(curl -s -w '%{http_code}' "http://$A/proxy/x")" = '{"detail":"Upstream: Connection refused","error":"bad_gateway"}502' ]
	serve two -p 0 -u http://no.such.host.invalid
	[[ $(curl -s "http://$A/proxy/x") == *'"error":"bad_gateway"'* ]]
	serve three -p 0 -u "unix:$T/none"
	[[ $(curl -s "http://$A/proxy/x") == *'No such file'*'"error":"bad_gateway"'* ]]
	behind
	[ "$(curl -s "http://$A/fetch/slow?ms=3000&timeout=300")" = "error Connection timed out" ]
	[ "$(curl -s "http://$A/fetch/flood?bytes=70000")" = "error File too large" ]
	[ "$(curl -s "http://$A/fetch/hello")" = "200 6 hello" ]
	eventually 30 grep -q '^gone /slow' "$T/origin.log"
}

@test "an origin that closes its idle connections is connected to anew" {
	serve origin -p 0 --idle-ms 200
	serve proxy -p 0 -u "http://$A"
	local i
	for i in 1 2 3; do
		[ "$(curl -s "http://$A/proxy/hello")" = hello ]
		eventually 50 stat_is "127.0.0.1:$(awk '/^listening/ { print $2 }' "$T/origin.log")" 'connections=1$'
	done
}

@test "draining answers what is under way, closes what is idle, and takes no more" {
	serve one -p 0
	spawn slow.log curl -s -i "http://$A/slow?ms=1000"
	spawn idle.log "$PYTHON" "$RAW" "$A" "send:GET /hello HTTP/1.1\r\n${H}\r\n" recv
	eventually 50 grep -q '^hello' "$T/idle.log"
	eventually 50 stat_is "$A" 'requests=2'
	kill -USR1 "$PID"
	eventually 50 gone "$(pgrep -f "raw.py $A")" || true
	run -7 curl -s "http://$A/hello"
	eventually 50 grep -q '^slow' "$T/slow.log"
	grep -qi '^connection: close' "$T/slow.log"
}

@test "memory that is not there fails requests, not the server" {
	[ -z "$SANITIZE" ] || skip "the sanitizer has its own allocator"
	serve origin -p 0
	local origin=$A n what
	for n in 3 4 5 7 11 13 29; do
		serve "proxy$n" -p 0 -u "http://$origin" --fail-every "$n"
		head -c 200000 /dev/zero >"$T/body"
		kill -USR2 "$PID"
		for what in hello head echo sink all?max=1000000 flood?bytes=300000 slow?ms=1 refuse proxy/echo proxy/hello \
		    'proxy/flood?bytes=1000000' 'proxy/flood?bytes=1000000&chunked=1' fetch/hello nothing; do
			for _ in 1 2 3; do
				curl -s -o /dev/null --max-time 10 "http://$A/$what" || true
				curl -s -o /dev/null --max-time 10 --data-binary @"$T/body" "http://$A/$what" || true
			done
		done
		kill -USR2 "$PID"
		[ "$(curl -s "http://$A/proxy/hello")" = hello ]
		eventually 50 stat_is "$A" 'requests=1 connections=1$'
	done
}
