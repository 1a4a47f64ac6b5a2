#!/usr/bin/env bats
# What the README says is true: its lines are run as they stand there, and so is scripts/quickstart; and a tree that was
# installed works where it lies.  Only the port is another one, should 5000 be taken.

load lib

setup() {
	sandbox_dir
	export XDG_RUNTIME_DIR=$T
	ISOLATION=$(execmgr-up --probe 2>/dev/null && echo bwrap || echo none)
}

teardown() {
	reap
}

port_5000_is_free() {
	curl -s -o /dev/null --max-time 2 http://127.0.0.1:5000/ || [ $? = 7 ]
}

# A pool as the README starts it; $PORT is where it is.
start_pool() {
	PORT=5000
	port_5000_is_free || PORT=0
	spawn pool.out execmgr-up -t python:2 -p "$PORT" --sandbox "$ISOLATION" "$@"
	eventually 600 grep -q '"url"' "$T/pool.out"
	PORT=$(sed -n 's/.*"url":"http:[^"]*:\([0-9]*\)".*/\1/p' "$T/pool.out")
	export EXECMGR_URL=http://127.0.0.1:$PORT
}

with_port() { sed "s/localhost:5000/localhost:$PORT/g"; }

@test "the curl lines of the README" {
	start_pool
	block bash 1 | with_port >"$T/lines.sh"
	[ "$(grep -c '^curl -X POST http://localhost:' "$T/lines.sh")" = 2 ]
	run -0 --separate-stderr bash "$T/lines.sh"
	run -0 jq -r '.outputs[0] | .type, .name, .text' <<<"$output"
	[ "$output" = $'stream\nstdout\n41\n\nstream\nstdout\n42' ]
}

@test "the Python lines of the README" {
	"$PYTHON" -c 'import requests' || skip "no python3-requests"
	start_pool
	block python 1 | with_port >"$T/lines.py"
	[ "$(grep -c 'requests.post("http://localhost:' "$T/lines.py")" = 2 ]
	run -0 "$PYTHON" "$T/lines.py"
	[[ ${lines[0]} == "{'outputs': [{'type': 'stream', 'name': 'stdout', 'text': '41\\n'}]"* ]]
	[[ ${lines[1]} == "{'outputs': [{'type': 'stream', 'name': 'stdout', 'text': '42\\n'}]"* ]]
}

@test "the lines with the commands" {
	start_pool
	cd "$TOP"
	block sh 3 | sed "s,--save plots,--save $T/plots," >"$T/lines.sh"
	grep -q '^exec-status' "$T/lines.sh"
	run -0 --separate-stderr bash -e "$T/lines.sh"
	[ "${lines[0]}" = 42 ]
	[[ $output == *$'\n42\n2\n'* ]]
	[ "$(head -c 8 "$T/plots/image-001.png" | od -An -tx1)" = " 89 50 4e 47 0d 0a 1a 0a" ]
}

@test "the example data job" {
	start_pool --env DATA_DIR="$TOP/share/examples" $([ "$ISOLATION" = none ] || echo --ro "$TOP/share/examples")
	run -0 exec-run "$TOP/share/examples/planets.py"
	[ "${lines[0]}" = "11 bodies" ]
	[ "${lines[5]}" = "rock    4                5020" ]
	[[ ${lines[6]} == "period² / distance³: 0.03968, the same for all within 0.8%" ]]
}

@test "the example executor keeps the contract as the manager needs it" {
	spawn pool.out execmgr-up -t tiny:1 -p 0 --sandbox "$ISOLATION" --executor "$TOP/share/examples/executor.py"
	eventually 300 grep -q '"url"' "$T/pool.out"
	export EXECMGR_URL=$(sed -n 's/.*"url":"\([^"]*\)".*/\1/p' "$T/pool.out")
	local id
	id=$(exec-alloc -f .container_id)
	exec-run -s "$id" -c 'x = 1'
	run -0 exec-run -s "$id" -c 'print(x + 1)'
	[ "$output" = 2 ]
	run -1 exec-run -s "$id" -c '1 / 0'
	exec-free "$id"
	run -1 exec-run -c 'print(x)'
	[[ $output == *NameError* ]]
}

@test "an installed tree works where it lies" {
	make -s -C "$TOP" install DESTDIR="$T/stage" PREFIX=/usr ${SANITIZE:+SANITIZE="$SANITIZE"} >/dev/null
	[ -f "$T/stage/usr/share/execmgr/examples/planets.csv" ]
	[ -f "$T/stage/usr/share/man/man8/execmgr-up.8" ]
	grep -q '^ExecStart=/usr/bin/execmgr-serve ' "$T/stage/usr/lib/systemd/system/execmgr-serve.service"
	run -0 --separate-stderr env PATH=/usr/bin:/bin "$T/stage/usr/bin/execmgr-up" -p 0 --sandbox "$ISOLATION" -- \
		"$T/stage/usr/bin/exec-run" -c 'print(6 * 7)'
	[ "$output" = 42 ]
	[ -z "$stderr" ]
}

@test "the quickstart does all it promises, and leaves nothing" {
	local before
	before=$(git -C "$TOP" status --porcelain 2>/dev/null || true)
	cd "$T"
	run -0 env -u SANITIZE -u MAKEFLAGS "$TOP/scripts/quickstart"		# it builds and uses build/, as its reader does
	[[ $output == *'"text":"41\n"'*'"text":"42\n"'* ]]
	[[ $output == *"print(x + 1)'"$'\n42\n'* ]]
	[[ $output == *"rock    4                5020"* ]]
	[[ $output == *"'Earth'"* ]]
	[[ $output == *"saved build/quickstart/image-001.png"* ]]
	[[ $output == *"Stopped; nothing is left running"* ]]
	[ -s "$TOP/build/quickstart/image-001.png" ]
	[ "$before" = "$(git -C "$TOP" status --porcelain 2>/dev/null || true)" ]
	! ls -d "$T"/execmgr-* 2>/dev/null
}
