# serve-daemon - execmgr-serve as a daemon: start, configuration, reload, limits, stop

load lib
load serve

setup() { sandbox_dir; }
teardown() { leave; }

# refuses STATUS TEXT ARGS… - the start fails with that status, and one line on stderr that holds TEXT.
refuses() {
	run -"$1" --separate-stderr timeout 10 execmgr-serve "${@:3}"
	[[ $stderr == *"$2"* ]]
	[ -z "$output" ]
	[[ ${stderr_lines[0]} == execmgr-serve:* ]]
}

@test "port 0 takes a free one and the log says which; a newline on --notify-fd says that it serves" {
	fakes -n 1
	mkfifo "$T/ready"
	exec 7<>"$T/ready"
	spawn serve.log execmgr-serve -c "$T/cc.json" -p 0 --notify-fd 7
	read -rt 10 -u 7 line
	[ "$line" = "" ]
	M=$(sed -n 's/.*listening on \(http.*\)/\1/p' "$T/serve.log")
	[ "$(curl -s "$M/health")" = '{"status":"ok"}' ]
	[ "$(status .version)" = "\"$(execmgr-serve -V | cut -d' ' -f2)\"" ]
	exec 7>&-
}

@test "an address that cannot be had is refused with its name: in use, not there, not allowed, no such host" {
	fakes -n 1
	manager
	refuses 71 "$M: Address already in use" -c "$T/cc.json" -p "${M##*:}"
	refuses 71 "http://192.0.2.1:5000: Cannot assign requested address" -c "$T/cc.json" -b 192.0.2.1
	refuses 71 "no-such-host.invalid: no such host" -c "$T/cc.json" -b no-such-host.invalid
	refuses 64 "--bind a b" -c "$T/cc.json" -b 'a b'
	refuses 71 "$T/none/s: No such file or directory" -c "$T/cc.json" -b "unix:$T/none/s"
	if [ "$(id -u)" = 0 ] && [ "$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start)" -gt 80 ]; then
		chmod 755 "$T"
		refuses_as_nobody "http://127.0.0.1:79: Permission denied"
	fi
}
refuses_as_nobody() {
	cp "$BIN/execmgr-serve" "$T/serve"
	run -71 --separate-stderr setpriv --reuid 65534 --clear-groups --bounding-set=-all --inh-caps=-all \
		timeout 10 "$T/serve" -c "$T/cc.json" -p 79
	[[ $stderr == *"$1"* ]]
}

@test "bad usage names the option or the variable: 64" {
	fakes -n 1
	refuses 64 "--port 70000: must be 0 to 65535" -c "$T/cc.json" -p 70000
	refuses 64 "--port x: not a whole number" -p x
	refuses 64 "--stop-timeout -1" --stop-timeout -1
	refuses 64 "--log-level loud: must be" -l loud
	refuses 64 "extra: no operands" extra
	PORT=70000 refuses 64 "PORT 70000: must be 0 to 65535"
	PORT=abc refuses 64 "PORT abc: not a whole number"
	DEBUG=maybe refuses 64 "DEBUG maybe: must be true or false"
	LOG_LEVEL=loud refuses 64 "LOG_LEVEL loud: must be"
}

@test "option beats environment beats default" {
	fakes -n 1
	export PORT=1 LOG_LEVEL=error CONTAINER_CONFIG_PATH="$T/none.json"
	manager -l info
	[ "$(code "$M/health")" = 200 ]
	stop "$MP"
	unset PORT LOG_LEVEL
	CONTAINER_CONFIG_PATH="$T/cc.json" spawn env.log execmgr-serve -p 0 -b "unix:$T/m.sock"
	eventually 100 curl -sf --unix-socket "$T/m.sock" http://x/health -o /dev/null
	DEBUG=true PORT=0 spawn debug.log execmgr-serve -c "$T/cc.json"
	eventually 100 grep -q 'listening on http://127.0.0.1:' "$T/debug.log"
	refuses 66 "container_config.json: No such file" -p 0 -c "$T/container_config.json"
}

@test "a configuration that cannot be read: 66; a faulty one: 78 and the line" {
	refuses 66 "$T/none.json: No such file or directory" -p 0 -c "$T/none.json"
	refuses 66 "$T: Is a directory" -p 0 -c "$T"
	: >"$T/c"
	refuses 78 "line 1" -p 0 -c "$T/c"
	head -c 10000000 /dev/zero | tr '\0' ' ' >"$T/c"
	refuses 78 "$T/c: larger than 4 MiB" -p 0 -c "$T/c"
	printf '{"0":"http://a",\n"1":"http://b",\n"0":"http://c"}' >"$T/c"
	refuses 78 "$T/c: line 3: container 0: is on line 1 already" -p 0 -c "$T/c"
	printf '{"0":\n{"url":7}}' >"$T/c"
	refuses 78 "line 2: container 0: url: must be a string" -p 0 -c "$T/c"
	printf '{"0":"https://a"}' >"$T/c"
	refuses 78 "https is not supported" -p 0 -c "$T/c"
	printf '{"0":"http://u:p@a"}' >"$T/c"
	refuses 78 "user and password" -p 0 -c "$T/c"
	printf '{"0":"http://\377"}' >"$T/c"
	refuses 78 "line 1, column" -p 0 -c "$T/c"
	printf '{"0":"http://a","7":"http://[::1]:9","2147483647":{"url":"unix:/x","type":"r"}}' >"$T/cc.json"
	manager
	[ "$(status .total_by_type)" = '{"default":2,"r":1}' ]
}

@test "a Unix socket: served, a stale file replaced, a live one refused, removed at the end" {
	fakes -n 1
	spawn u1.log execmgr-serve -c "$T/cc.json" -b "unix:$T/m.sock" -b 127.0.0.1 -p 0
	local one=$!
	eventually 100 grep -q 'listening on http' "$T/u1.log"
	[ "$(curl -s --unix-socket "$T/m.sock" http://x/health)" = '{"status":"ok"}' ]
	refuses 71 "m.sock: Address already in use" -c "$T/cc.json" -b "unix:$T/m.sock"
	kill -KILL "$one"
	eventually 50 gone "$one"
	[ -S "$T/m.sock" ]
	spawn u2.log execmgr-serve -c "$T/cc.json" -b "unix:$T/m.sock"
	local two=$!
	eventually 100 curl -sf --unix-socket "$T/m.sock" http://x/health -o /dev/null
	stop "$two"
	[ ! -e "$T/m.sock" ]
}

@test "SIGHUP: containers come and go, an allocated one is drained and not dropped, a changed one is replaced" {
	fakes -n 4
	cp "$T/cc.json" "$T/all.json"
	jq -c '{"0":.["0"],"1":.["1"],"2":.["2"]}' <"$T/all.json" >"$T/cc.json"
	manager_in_order
	[ "$(post /allocate | jq .container_id)" = 0 ]
	# 0 (allocated) and 1 go, 2 changes its type, 3 comes.
	jq -c '{"2":(.["2"] | .type = "r"),"3":.["3"]}' <"$T/all.json" >"$T/cc.json"
	kill -HUP "$MP"
	until_status '.total_containers == 3 and .available_containers == 2'
	[ "$(status .total_by_type)" = '{"python":2,"r":1}' ]
	[ "$(container 0 '[.state,.draining]')" = '["allocated",true]' ]
	[ "$(code -X POST "$M/session/0/execute" -d '{}')" = 200 ]
	[ "$(word GET /session/1/ready)" = "404 not_found" ]
	[ "$(post /deallocate/0 | jq -r .status)" = deallocated ]
	[ "$(fake 0 .restart)" = 1 ]
	until_status '.total_containers == 2'
	[ "$(post '/allocate?type=python' | jq .container_id)" = 3 ]
	[ "$(word POST '/allocate?type=python&wait=0')" = "503 none_available" ]
	# Back again while it is still allocated: as if nothing had been.
	jq -c '{"2":.["2"]}' <"$T/all.json" >"$T/cc.json"
	kill -HUP "$MP"
	until_container 3 .draining
	cp "$T/all.json" "$T/cc.json"
	kill -HUP "$MP"
	until_status '.total_containers == 4 and .available_containers == 3'
	[ "$(container 3 '[.state,.draining]')" = '["allocated",false]' ]
}

@test "SIGHUP with a bad file: the old configuration stays in force and the log says why" {
	fakes -n 2
	manager
	settle
	post /allocate
	printf '{"0":\n"ftp://x"}' >"$T/cc.json"
	kill -HUP "$MP"
	eventually 50 grep -q 'line 2: container 0: url: .*; the old configuration stays in force' "$T/serve.log"
	rm "$T/cc.json"
	kill -HUP "$MP"
	eventually 50 grep -q 'No such file or directory; the old' "$T/serve.log"
	[ "$(status '[.total_containers,.allocated_containers]')" = '[2,1]' ]
}

@test "SIGTERM: no new work, those who wait are told, what runs is finished, exit 0" {
	fakes -n 1
	manager
	settle
	post /allocate
	script 0 '{"execute":{"delay_ms":1200}}'
	curl -s -w '%{http_code}' -X POST "$M/session/0/execute" -d '{}' >"$T/run" 3>&- &
	local r=$!
	until_container 0 '.running == 1'
	curl -s -X POST "$M/allocate?wait=60" >"$T/waits" 3>&- &
	local w=$!
	until_status '.waiting_requests == 1'
	start=$(date +%s%N)
	stop "$MP"
	ms=$((($(date +%s%N) - start) / 1000000))
	[ "$ms" -lt 5000 ]
	wait "$w" "$r"
	[ "$(jq -r .error <"$T/waits")" = unavailable ]
	grep -q '"executor 0\\n".*200$' "$T/run"
	run curl -s "$M/health"
	[ "$status" = 7 ]
}

@test "SIGTERM: what still runs after --stop-timeout is answered, too; a second signal does not wait" {
	fakes -n 2
	manager --stop-timeout 0.5
	settle
	script all '{"execute":{"hang":true}}'
	curl -s -X POST "$M/session/0/execute" -d '{}' >"$T/run" 3>&- &
	local r=$!
	until_container 0 '.running == 1'
	stop "$MP"
	wait "$r"
	[ "$(jq -r .error <"$T/run")" = outcome_unknown ]
	manager --stop-timeout 600
	settle
	curl -s -X POST "$M/session/1/execute" -d '{}' >"$T/run" 3>&- &
	r=$!
	until_container 1 '.running == 1'
	kill -TERM "$MP"
	eventually 50 refused_now
	stop "$MP"
	wait "$r"
}
refused_now() { run curl -s "$M/health"; [ "$status" = 7 ]; }

@test "64 descriptors and 200 clients: nobody spins, those connected are served, the others in turn" {
	fakes -n 2
	spawn serve.log bash -c "ulimit -n 64; exec execmgr-serve -c $T/cc.json -p 0"
	MP=$!
	eventually 100 grep -q 'listening on http' "$T/serve.log"
	M=$(sed -n 's/.*listening on \(http.*\)/\1/p' "$T/serve.log")
	settle
	run -0 $PYTHON - "${M#http://127.0.0.1:}" <<-'END'
	import socket, sys, time
	port = int(sys.argv[1])
	idle = []
	for _ in range(200):
	    s = socket.socket()
	    s.setblocking(False)
	    s.connect_ex(("127.0.0.1", port))
	    idle.append(s)
	time.sleep(0.5)
	for s in idle[:30]:			# some ask, some only sit there
	    s.setblocking(True)
	    s.settimeout(20)
	    try:
	        s.sendall(b"GET /session/0/ready HTTP/1.1\r\nHost: x\r\n\r\n")
	    except OSError:			# closed for one that has come later
	        pass
	ok = 0
	for s in idle[:30]:
	    try:
	        ok += b"200 OK" in s.recv(4096)
	    except OSError:
	        pass
	assert ok >= 10, ok
	END
	ticks() { local f; read -ra f <"/proc/$MP/stat"; echo $((f[13] + f[14])); }
	was=$(ticks)
	eventually 100 curl -sf --max-time 5 "$M/status" -o /dev/null
	is_status '.down_containers == 0'
	[ $(($(ticks) - was)) -lt 100 ]
	[ "$(code -X POST "$M/session/0/execute" -d '{}')" = 200 ]
}

@test "64 descriptors and 60 containers: connections that are idle make room, all are reached" {
	local i
	fakes -n 60
	spawn serve.log bash -c "ulimit -n 64; exec execmgr-serve -c $T/cc.json -p 0"
	MP=$!
	eventually 100 grep -q 'listening on http' "$T/serve.log"
	M=$(sed -n 's/.*listening on \(http.*\)/\1/p' "$T/serve.log")
	until_status '.available_containers == 60' 300
	for i in $(seq 0 59); do
		[ "$(code -X POST "$M/session/$i/execute" -d '{}')" = 200 ]
	done
	[ "$(fds "$MP")" -le 64 ]
}

@test "a manager that was suspended takes nobody for dead" {
	fakes -n 3
	manager --probe-interval 0.2 --probe-timeout 1
	settle
	post /allocate
	kill -STOP "$MP"
	eventually 50 grep -q '^State:.T' "/proc/$MP/status"
	sleep 4
	kill -CONT "$MP"
	for i in 1 2 3 4 5; do is_status '.down_containers == 0 and .allocated_containers == 1'; done
	run -1 grep down "$T/serve.log"
}

@test "a closed stderr and a closed stdout do not disturb the service" {
	fakes -n 1
	setsid execmgr-serve -c "$T/cc.json" -b "unix:$T/m.sock" >&- 2>&- 3>&- &
	PIDS+=($!)
	eventually 100 curl -sf --unix-socket "$T/m.sock" http://x/health -o /dev/null
	script 0 '{"refuse":true}'
	sock() { curl -s --unix-socket "$T/m.sock" "http://x$1" | jq -c "$2"; }
	is_sock() { [ "$(sock "$1" "$2")" = true ]; }
	eventually 200 is_sock /status '.down_containers == 1'
	script 0 '{"refuse":false}'
	eventually 200 is_sock /status '.available_containers == 1'
}

@test "an executor that starts late is found; one that dies and one that flaps are seen, and never lost" {
	fakes -n 2
	script 1 '{"refuse":true}'
	manager --probe-interval 0.2
	until_container 0 '.state == "available"'
	until_container 1 '.state == "down"'
	script 1 '{"refuse":false}'
	until_container 1 '.state == "available"'
	for i in 1 2 3; do
		script 0 '{"refuse":true}'
		until_container 0 '.state == "down"'
		script 0 '{"refuse":false}'
		until_container 0 '.state == "available"'
	done
	[ "$(status '[.total_containers,.available_containers]')" = '[2,2]' ]
}

@test "a thousand containers and a thousand idle connections in 24 MiB" {
	[ -z "$SANITIZE" ] || skip "sanitizers need memory of their own"
	[ "$(ulimit -Hn)" -gt 4200 ] || skip "too few descriptors"
	ulimit -n 4200
	fakes -n 1000
	manager --max-connections 2000
	until_status '.available_containers == 1000' 300
	spawn idle $PYTHON -u -c "
import socket, time
held = [socket.create_connection(('127.0.0.1', ${M##*:})) for _ in range(1000)]
for s in held:
    s.sendall(b'GET /health HTTP/1.1\r\nHost: x\r\n\r\n')
for s in held:
    s.recv(4096)
print('idle', flush=True)
time.sleep(1000)"
	eventually 100 grep -q idle "$T/idle"
	[ "$(rss_kb "$MP")" -lt 24576 ]
}

@test "a name that does not resolve holds up nobody else" {
	fakes -n 1
	jq -c '."9" = "http://no-such-host.invalid:8432"' <"$T/cc.json" >"$T/new" && mv "$T/new" "$T/cc.json"
	manager
	until_container 0 '.state == "available"'
	until_container 9 '.state == "down" and (.last_error | contains("no such host"))' 300
	[ "$(word GET /session/9/ready)" = "503 unavailable" ]
	[ "$(word POST '/allocate?type=default&wait=0')" = "503 none_available" ]
	[ "$(post '/allocate?wait=0' | jq .container_id)" = 0 ]
}
