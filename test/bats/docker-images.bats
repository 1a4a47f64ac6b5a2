#!/usr/bin/env bats
# The images: built from this tree on a real engine, small in what they hold and what they may do.
load lib
load docker

setup_file() {
	sandbox_dir
	images manager python kaggle nodejs r
	rm -rf "$T"
}
setup() { sandbox_dir; }
teardown() { docker rm -f execmgr-image-test >/dev/null 2>&1 || true; reap; }

ALL="manager-prebuilt python kaggle nodejs r"
EXECUTORS="python kaggle nodejs r"

of() { docker image inspect -f "{{$2}}" "$1"; }		# IMAGE FIELD
in_image() { docker run --rm --network none "$@"; }

@test "every image has its tags, labels, port and health check, and a user that is not root" {
	for pair in executor-prebuilt:python executor-prebuilt-kaggle-gpu:kaggle; do
		[ "$(of "${pair%:*}" .Id)" = "$(of "${pair#*:}" .Id)" ]
	done
	for i in $ALL; do
		[ "$(of $i .Config.User)" = execmgr ]
		[[ $(of $i .Config.Healthcheck.Test) = *--healthcheck* ]]
		[ -n "$(of $i 'index .Config.Labels "org.opencontainers.image.title"')" ]
		[ -n "$(of $i 'index .Config.Labels "org.opencontainers.image.description"')" ]
		[ "$(in_image $i id -u)" = 10001 ]
	done
	for i in $EXECUTORS; do [ "$(of $i .Config.ExposedPorts)" = "map[8432/tcp:{}]" ]; done
	[ "$(of manager-prebuilt .Config.ExposedPorts)" = "map[5000/tcp:{}]" ]
}

@test "no image holds a compiler or package lists" {
	for i in $ALL; do
		run -0 in_image $i sh -c 'for c in gcc cc g++ c++ clang make ld npm; do command -v $c; done; ls /var/lib/apt/lists; ls /src; true' 
		[ -z "$(grep -v '^ls: ' <<<"$output")" ]
	done
}

@test "the executor is the first process, and leaves within 5 seconds of SIGTERM" {
	for i in $EXECUTORS; do
		docker run -d --name execmgr-image-test $i >/dev/null
		[ "$(docker exec execmgr-image-test cat /proc/1/comm)" = executor-jupyt ] || [ "$(docker exec execmgr-image-test cat /proc/1/comm)" = executor-jupyte ]
		eventually 600 docker exec execmgr-image-test executor-jupyter --healthcheck 2>/dev/null
		local before=$SECONDS
		docker stop -t 20 execmgr-image-test >/dev/null
		[ $((SECONDS - before)) -le 6 ]
		[ "$(docker inspect -f '{{.State.ExitCode}}' execmgr-image-test)" = 0 ]
		docker rm execmgr-image-test >/dev/null
	done
}

@test "an image of one's own is one FROM line and one COPY away" {
	mkdir "$T/own"
	cp "$TOP/share/examples/custom_code/greetings.py" "$T/own/"
	printf 'FROM python\nCOPY greetings.py /code/\n' >"$T/own/Dockerfile"
	docker build -q -t execmgr-test-own "$T/own" >/dev/null 2>&1
	docker run -d --name execmgr-image-test execmgr-test-own >/dev/null
	eventually 600 docker exec execmgr-image-test executor-jupyter --healthcheck 2>/dev/null
	run -0 docker exec execmgr-image-test python3 -c '
import json, urllib.request
body = json.dumps({"code": "print(greet(\"you\"))"}).encode()
print(json.load(urllib.request.urlopen("http://127.0.0.1:8432/execute", body))["outputs"][0]["text"], end="")'
	[ "$output" = "Hello, you!" ]
	docker rm -f execmgr-image-test >/dev/null
	docker rmi execmgr-test-own >/dev/null
}

@test "the README's lines for Docker, word for word but for the ports" {
	local port
	port=$(free_ports)
	block sh 4 | sed "s,^scripts/build-images .*,$TOP/scripts/build-images manager python,
		s,gen-compose -n 4,gen-compose --manager-port $port -p $((port + 1)) -n 4," >"$T/lines.sh"
	[ "$(grep -cE '^(docker compose (up|down)|exec-run|gen-compose)' "$T/lines.sh")" = 4 ]
	cd "$T"
	EXECMGR_URL=http://127.0.0.1:$port run -0 --separate-stderr bash -e "$T/lines.sh"
	[ "${lines[-1]}" = 42 ]
	[ -z "$(docker ps -aq --filter name=^manager$ --filter name=^executor-)" ]
}

@test "the simple example tells its story and leaves nothing running" {
	local port
	port=$(free_ports)
	run -0 "$TOP/share/examples/simple_test/run_example.sh" "$port"
	[[ $output == *'"text":"41\n"'*'"text":"42\n"'*'"name":"ZeroDivisionError"'*'"status":"deallocated"'* ]]
	[ -z "$(docker ps -aq --filter name=^manager$ --filter name=^executor-)" ]
}
