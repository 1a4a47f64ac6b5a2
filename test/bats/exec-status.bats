load lib
load pool
setup() { sandbox_dir; }
teardown() { reap; }

@test "in a pipe: one JSON object on one line, /status with the containers" {
	pool python:2,r
	exec-alloc -t r >/dev/null
	run -0 --separate-stderr exec-status
	[ "${#lines[@]}" = 1 ] && [ -z "$stderr" ]
	[ "$(jq -c '[.available_containers, .allocated_container_ids, (.containers | length), .containers[2].state]' <<<"$output")" = \
		'[2,[2],3,"allocated"]' ]
}

@test "on a terminal: tables without control sequences where colour is off" {
	pool python:2,r
	exec-alloc -t r >/dev/null
	run -0 terminal "exec-status --color never"
	[ "${lines[0]}" = "$EXECMGR_URL: 3 containers, 2 available, 1 allocated" ]
	[[ $output = *$'\nTYPE    TOTAL  AVAILABLE  WAITING\npython      2          2        0\nr           1          0        0\n'* ]]
	[[ $output = *$'\nID  TYPE    STATE'* ]]
	[[ $output != *$'\033'* ]]
}

@test "colour: on a terminal, unless NO_COLOR or TERM=dumb; --color wins" {
	pool python
	[[ $(terminal exec-status) = *$'\033[32mavailable'* ]]
	[[ $(terminal 'NO_COLOR=1 exec-status') != *$'\033'* ]]
	[[ $(terminal 'NO_COLOR= exec-status') = *$'\033'* ]]
	[[ $(terminal 'TERM=dumb exec-status') != *$'\033'* ]]
	[[ $(terminal 'NO_COLOR=1 exec-status --color always') = *$'\033'* ]]
	[[ $(exec-status) != *$'\033'* ]]
	[[ $(exec-status --color always 0) = *$'\033'* ]]
	[[ $(terminal 'exec-status --json 0 --color never' | jq -c .id) = 0 ]]
	[ "$(terminal 'exec-status --json 0 --color never' | wc -l)" -gt 5 ]
}

@test "ids select; an unknown one is 68, the others are printed" {
	pool python:3
	run -0 exec-status 2 0
	[ "$(jq .id <<<"$output")" = $'2\n0' ]
	run -68 --separate-stderr exec-status 1 9
	[ "$stderr" = "exec-status: container 9 does not exist" ]
	[ "$(jq .id <<<"$output")" = 1 ]
	for id in x 007 1e3 99999999999; do run -64 exec-status "$id"; done
}

@test "-o prints members, -f a jq program's results, strings raw" {
	pool python,r
	run -0 exec-status -o id,type,nothing
	[ "$output" = $'0\tpython\t-\n1\tr\t-' ]
	run -0 exec-status -f '.containers[].type, .total_containers'
	[ "$output" = $'python\nr\n2' ]
	run -0 exec-status -f .type 1
	[ "$output" = r ]
	run -65 --separate-stderr exec-status -f .total_containers.x
	[[ $stderr = "exec-status: --filter: "* ]]
	run -64 --separate-stderr exec-status -f '.['
	[[ ${stderr_lines[0]} = "exec-status: --filter: syntax error"* ]]
	run -64 exec-status -f . -o id
	run -64 exec-status -o ,
	run -64 exec-status --color red
}

@test "an executor that is gone is down, and says why" {
	pool python:2
	fake 1 '{"refuse":true}'
	eventually 300 bash -c '[ "$(exec-status -o state 1)" = down ]'
	[ "$(exec-status -o last_error 1)" != - ]
}

@test "what a terminal would obey is shown, not obeyed" {
	stub
	say GET_status '{"total_containers":1,"total_by_type":{"p\u001b[2Jy":1}}'
	say GET_containers "$(printf '[{"id":0,"type":"p\\u001b[2Jy","state":"\\u009b31m","url":"\302\2332J\177"}]')"
	run -0 terminal 'exec-status --color never'
	[[ $output = *'p\x1b[2Jy'* ]]
	[[ $output != *$'\033'* ]] && [[ $output != *$'\302\233'* ]]
	run -0 terminal 'exec-status --json --color never'
	[[ $output != *$'\033'* ]] && [[ $output != *$'\302\233'* ]] && [[ $output != *$'\177'* ]]
	run -0 terminal "exec-status -f '.containers[].type' --color never"
	[ "$output" = 'p^[[2Jy' ]
}

@test "a manager without /containers still has a status" {
	stub
	say GET_status '{"available_containers":1}'
	run -0 --separate-stderr exec-status
	[ "$output" = '{"available_containers":1}' ]
	run -68 exec-status 1
}

@test "answers that are no manager's: 76; standard output full or closed: 74" {
	stub
	say GET_status '{}'
	say GET_containers '{}'
	run -76 --separate-stderr exec-status
	[ "${#stderr_lines[@]}" = 1 ] && [ -z "$output" ]
	say GET_containers '[]'
	run -74 to_full_disk exec-status
	run -74 without_stdout exec-status
	run -141 to_closed_pipe exec-status
	say GET_status '[]'
	run -76 exec-status
	say GET_status 'nonsense'
	run -76 exec-status
}

@test "members that do not fit the tables are left out or shown as they are" {
	stub
	say GET_status '{"total_containers":"x","total_by_type":[1],"waiting_by_type":7}'
	say GET_containers '[{"id":"x","type":7,"state":null,"state_age_seconds":"old"},{},{"id":1,"state_age_seconds":86400}]'
	run -0 terminal 'exec-status --color never'
	[[ $output = *'24h'* ]]
}

@test "sizes: 10,000 containers" {
	stub
	say GET_status '{"total_containers":10000}'
	"$PYTHON" -c 'import json; print(json.dumps([{"id": i, "type": "python", "state": "available"} for i in range(10000)]))' \
		>"$T/stub/GET_containers"
	run -0 bash -c 'exec-status -o id,state | tail -n 1'
	[ "$output" = $'9999\tavailable' ]
	run -0 exec-status -f '.containers | length'
	[ "$output" = 10000 ]
}
