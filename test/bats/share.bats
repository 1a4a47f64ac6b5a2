#!/usr/bin/env bats
# What ships in share/ beside the manuals and examples works: nginx before two managers, the systemd unit.
load lib
load serve

setup() { sandbox_dir; }
teardown() { leave; }

# two_managers - each with two fakes, the second's ids from 1000 on; $M0 and $M1.
two_managers() {
	fakes -n 4
	cp "$T/cc.json" "$T/all.json"
	jq '{"0": .["0"], "1": .["1"]}' "$T/all.json" >"$T/cc.json"
	manager
	M0=$M
	settle
	jq '{"1000": .["2"], "1001": .["3"]}' "$T/all.json" >"$T/cc.json"
	spawn serve1.log execmgr-serve -c "$T/cc.json" -p 0
	eventually 100 grep -q 'listening on http' "$T/serve1.log"
	M1=$(sed -n 's/.*listening on \(http.*\)/\1/p' "$T/serve1.log")
	M=$M1 settle
}

# proxy - nginx as share/nginx/execmgr.conf has it, but for the ports and the certificate; $P is its url.
proxy() {
	command -v nginx >/dev/null || skip "nginx is not installed"
	local port
	port=$("$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$T/key" -out "$T/cert" -days 1 -subj /CN=localhost 2>/dev/null
	sed "s,127.0.0.1:5000,${M0#http://},; s,127.0.0.1:5001,${M1#http://},; s,listen 443 ssl,listen 127.0.0.1:$port ssl,
		s,/etc/ssl/certs/execmgr.pem,$T/cert,; s,/etc/ssl/private/execmgr.key,$T/key," "$TOP/share/nginx/execmgr.conf" >"$T/execmgr.conf"
	cat >"$T/nginx.conf" <<-END
		daemon off; master_process off; pid $T/nginx.pid; error_log $T/nginx.log;
		events { }
		http {
			access_log off;
			client_body_temp_path $T/b; proxy_temp_path $T/p; fastcgi_temp_path $T/f; uwsgi_temp_path $T/u; scgi_temp_path $T/s;
			include $T/execmgr.conf;
		}
	END
	nginx -q -t -e "$T/nginx.log" -c "$T/nginx.conf"
	spawn nginx.out nginx -e "$T/nginx.log" -c "$T/nginx.conf"
	P=https://localhost:$port
	eventually 100 curl -ksf -o /dev/null "$P/health"
}

@test "nginx speaks TLS for two managers, and a session finds its own" {
	two_managers
	proxy
	for _ in 1 2 3 4; do curl -ksf -X POST "$P/allocate?wait=0" | jq .container_id >>"$T/ids"; done
	[ "$(sort -n "$T/ids" | xargs)" = "0 1 1000 1001" ]
	[ "$(curl -ks -o /dev/null -w '%{http_code}' -X POST "$P/allocate?wait=0")" = 503 ]
	for id in 0 1 1000 1001; do
		[ "$(curl -ksf -d '{"code":"1"}' "$P/session/$id/execute" | jq -c '.outputs | type')" = '"array"' ]
		[ "$(curl -ksf -X POST "$P/deallocate/$id" | jq .container_id)" = "$id" ]
	done
	for m in "$M0" "$M1"; do [ "$(curl -sf "$m/status" | jq -c '[.allocated_containers, .total_containers]')" = '[0,2]' ]; done
}

@test "a body larger than nginx's own limits passes through it" {
	two_managers
	proxy
	head -c 20000000 /dev/zero | tr '\0' x >"$T/body"
	[ "$(curl -ks -o /dev/null -w '%{http_code}' --data-binary @"$T/body" "$P/session/1000/echo")" != 413 ]
}

@test "systemd takes the unit, without a word" {
	command -v systemd-analyze >/dev/null || skip "no systemd here"
	mkdir "$T/units"
	sed "s,/usr/local/bin/,$BIN/," "$TOP/share/systemd/execmgr-serve.service" >"$T/units/execmgr-serve.service"
	run -0 systemd-analyze verify --man=no "$T/units/execmgr-serve.service"
	[ -z "$output" ]
}
