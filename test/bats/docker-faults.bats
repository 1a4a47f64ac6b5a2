#!/usr/bin/env bats
# What goes wrong around containers: memory, kills, pauses, the manager's own restart, an image that never works.
load lib
load docker

setup_file() {
	sandbox_dir
	images manager python
	printf 'FROM python\nENV KERNEL_NAME=broken\nRUN ["true"]\nCOPY kernel.json /usr/local/share/jupyter/kernels/broken/\n' >"$T/Dockerfile"
	echo '{"argv": ["sleep", "1000000"], "display_name": "never", "language": "none"}' >"$T/kernel.json"
	docker build -q -t execmgr-test-broken "$T" >/dev/null 2>&1
	# Not all becomes healthy here, so nothing is waited for but what the tests need.
	generate -t python:3,broken:1 --image broken=execmgr-test-broken --env DEBUG=true
	compose up -d --quiet-pull 2>/dev/null
	export T PORTS
}
teardown_file() { undeploy; docker rmi -f execmgr-test-broken >/dev/null 2>&1; rm -rf "$T"; }
setup() { eventually 900 is_status '.available_by_type.python == 3'; }

healthy() { [ "$(docker inspect -f '{{.State.Health.Status}}' "$1")" = healthy ]; }

# start_cell ID CODE - run it in the background; its answer is in $T/answer.
start_cell() {
	rm -f "$T/answer"
	cell "$1" "$2" >"$T/answer" 3>&- &
	CALL=$!
	eventually 100 is_container "$1" '.running == 1'
}

@test "an image that never becomes ready does not keep the others from serving" {
	[ "$(printed 0 'print(1)')" = 1 ]
	[ "$(status '.available_by_type.broken // 0')" = 0 ]
	run curl -s -X POST "$M/allocate?type=broken&wait=0"
	[ "$(jq -r .error <<<"$output")" = none_available ]
	eventually 300 healthy manager
	[ "$(docker inspect -f '{{.State.Health.Status}}' executor-003)" != healthy ]
}

@test "memory that runs out ends the kernel, is named, and the container is usable again" {
	run -0 cell 0 'x = bytearray(1 << 30); x[::4096] = b"x" * len(x[::4096])'
	[ "$(jq -r .status <<<"$output")" = kernel_died ]
	[[ $(jq -r '.outputs[-1] | .name + ": " + .value' <<<"$output") == "KernelDied: "*[Oo]"ut of memory"* ]]
	eventually 300 is_container 0 '.state == "available"'
	[ "$(printed 0 'print(6 * 7)')" = 42 ]
}

@test "a kernel killed from outside is an error at once, and the container is back by itself" {
	start_cell 1 'import time; print("begun", flush=True); time.sleep(1000)'
	docker exec executor-001 sh -c "kill -KILL $(curl -sf "$M/session/1/info" | jq .pid)"
	wait "$CALL"
	[ "$(jq -r .status "$T/answer")" = kernel_died ]
	[[ $(jq -r '.outputs[-1].value' "$T/answer") == *SIGKILL* ]]
	eventually 300 eval '[ "$(printed 1 "print(2)" 2>/dev/null)" = 2 ]'
}

@test "an executor that is killed while its cell runs is an error at once, down, and back after docker start" {
	start_cell 2 'import time; time.sleep(1000)'
	docker kill executor-002 >/dev/null
	wait "$CALL"
	[ "$(jq -r .error "$T/answer")" = outcome_unknown ]
	eventually 300 is_container 2 '.state == "down"'
	[ -n "$(container 2 .last_error)" ]
	[ "$(curl -s "$M/session/2/ready" | jq -r .error)" = unavailable ]
	docker start executor-002 >/dev/null
	eventually 600 is_container 2 '.state == "available"'
	[ "$(printed 2 'print(3)')" = 3 ]
}

@test "an executor that crashes is started again by the engine" {
	local id
	id=$(allocate python)
	# PID 1 is immune to signals it does not handle; from the host it is not.
	kill -SEGV "$(docker inspect -f '{{.State.Pid}}' "executor-00$id")"
	eventually 600 is_container "$id" '.state == "available" or .state == "allocated"'
	eventually 600 eval '[ "$(printed "$id" "print(4)" 2>/dev/null)" = 4 ]'
	deallocate "$id" || true
}

@test "a paused executor does not hang its caller for ever, and serves again once it goes on" {
	docker pause executor-001 >/dev/null
	run curl -s --max-time 120 -d '{"code":"1"}' "$M/session/1/execute"
	docker unpause executor-001 >/dev/null
	[[ $(jq -r .error <<<"$output") = gateway_timeout || $(jq -r .error <<<"$output") = unavailable ]]
	eventually 900 is_container 1 '.state == "available"'
	[ "$(printed 1 'print(5)')" = 5 ]
}

@test "an allocation passes over containers that do not answer, and waits for no dead one" {
	local a b
	docker pause executor-000 >/dev/null
	eventually 50 eval '[ "$(container 1 ".state_age_seconds > 1.5")" = true ]'
	a=$(allocate python)
	b=$(allocate python)
	[ "$a $b" = "1 2" ] || [ "$a $b" = "2 1" ]
	run curl -s --max-time 60 -X POST "$M/allocate?type=python&wait=1"
	[ "$(jq -r .error <<<"$output")" = none_available ]
	docker unpause executor-000 >/dev/null
	deallocate "$a"
	deallocate "$b"
}

@test "a network that is taken away and given back" {
	local net
	net=$(docker inspect -f '{{range $k, $v := .NetworkSettings.Networks}}{{$k}}{{end}}' executor-002)
	docker network disconnect "$net" executor-002
	eventually 900 is_container 2 '.state == "down"'
	docker network connect --alias executor-002 "$net" executor-002
	eventually 900 is_container 2 '.state == "available"'
	[ "$(printed 2 'print(6)')" = 6 ]
}

@test "one service taken down during a restart is down, and comes back with the service" {
	local id
	id=$(allocate python)
	compose rm -sf "executor-00$id" >/dev/null 2>&1
	curl -s --max-time 60 -X POST "$M/deallocate/$id" >/dev/null
	eventually 900 is_container "$id" '.state == "down"'
	compose up -d "executor-00$id" >/dev/null 2>&1
	eventually 900 is_container "$id" '.state == "available"'
}

@test "after docker restart of the manager sessions go on, and no kernel in use is handed out" {
	local id other
	id=$(allocate python)
	printed "$id" 'kept = 41'
	docker restart -t 10 manager >/dev/null
	eventually 300 curl -sf -o /dev/null "$M/health"
	[ "$(printed "$id" 'print(kept + 1)')" = 42 ]
	eventually 600 is_status '.available_by_type.python == 3'
	for _ in 1 2 3; do
		other=$(allocate python)
		[ "$(cell "$other" 'kept' | jq -r '.outputs[0].name')" = NameError ]
	done
	curl -sf -X POST "$M/restart" >/dev/null
}

@test "logs are one line an event, and DEBUG reaches manager and executors" {
	for c in manager executor-000; do
		docker logs $c >"$T/log" 2>&1
		[ -s "$T/log" ]
		! grep -vE '^(execmgr-serve|executor-jupyter): |^\{.*\}$' "$T/log"
		[ "$(docker inspect -f '{{join .Config.Env "\n"}}' $c | grep -c '^DEBUG=true$')" = 1 ]
	done
}
