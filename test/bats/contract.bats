#!/usr/bin/env bats
# The executor contract (executor/README.md), against any URL: EXECUTOR_URL=http://host:8432 bats test/bats/contract.bats
# Code is Python; EXECUTOR_LANGUAGE=javascript takes the snippets for that.  Without EXECUTOR_URL an executor-jupyter is started.
load lib
load executor

setup_file() {
	sandbox_dir
	case ${EXECUTOR_LANGUAGE:-python} in
	python)		export PRINT='print("%s")' SET='kept = 41' SHOW='print(kept + 1)' RAISE='1/0' RESULT='6 * 7'
			export LOGGED='log = globals().get("log", []); log.append("%s+"); import time; time.sleep(0.3); log.append("%s-")'
			export SHOW_LOG='print(" ".join(log))' ;;
	javascript)	export PRINT='console.log("%s")' SET='globalThis.kept = 41' SHOW='console.log(kept + 1)'
			export RAISE='throw new Error("x")' RESULT='6 * 7'
			export LOGGED='globalThis.log ??= []; log.push("%s+"); await new Promise(r => setTimeout(r, 300)); log.push("%s-")'
			export SHOW_LOG='console.log(log.join(" "))' ;;
	esac
	if [ -n "${EXECUTOR_URL:-}" ]; then
		URL=$EXECUTOR_URL
	else
		executor
	fi
	export URL
	until_ready
}

teardown_file() { end; }

print() { printf "$PRINT" "$1"; }		# shellcheck disable=SC2059
logged() { printf "$LOGGED" "$1" "$1"; }

status_of() { curl -s -o /dev/null --max-time 60 -w '%{http_code}' "$@"; }

@test "health is ok, as JSON" {
	run curl -s --max-time 5 -w '\n%{http_code} %{content_type}' "$URL/health"
	[ "$(jq -r .status <<<"${lines[0]}")" = ok ]
	[[ ${lines[1]} == "200 application/json"* ]]
}

@test "a ready kernel says so, without a reason" {
	run curl -s --max-time 5 "$URL/ready"
	[ "$(jq -c '[.ready, .reason]' <<<"$output")" = '[true,null]' ]
}

@test "printed text comes as a stream" {
	run cell "$(print hello)"
	[ "$(jq -r '.outputs[0].type' <<<"$output")" = stream ]
	[ "$(jq -r '[.outputs[].text] | add' <<<"$output")" = hello ]
}

@test "state is kept between calls" {
	cell "$SET"
	[ "$(cell "$SHOW" | jq -r '[.outputs[].text] | add')" = 42 ]
}

@test "the value of the last expression is a result with a MIME bundle" {
	run cell "$RESULT"
	[ "$(jq -r '.outputs[-1] | .type, .data["text/plain"]' <<<"$output")" = $'result\n42' ]
}

@test "an exception is an error item in an answer of 200" {
	run cell "$RAISE"
	[ "$(jq -r '.outputs[-1] | .type, (.name | type), (.value | type), (.traceback | type)' <<<"$output")" = \
	    $'error\nstring\nstring\narray' ]
}

@test "text of any language passes unchanged" {
	local s='äöü → 日本語 😀 שלום'
	[ "$(cell "$(print "$s")" | jq -r '[.outputs[].text] | add')" = "$s" ]
}

@test "empty code is run and gives nothing" {
	[ "$(cell '' | jq -c .outputs)" = '[]' ]
}

@test "members it does not know are ignored" {
	[ "$(cell "$(print x)" '"no_such_member": {"a": [1]}' | jq -r '.outputs[0].type')" = stream ]
}

@test "a body that is no JSON object with code is refused with 400, a sentence and a word" {
	for body in '' 'null' '[]' '{' '{}' '{"code":1}' '{"code":"1"' 'x'; do
		run curl -s --max-time 5 -w '\n%{http_code}' --data-binary "$body" "$URL/execute"
		[ "${lines[1]}" = 400 ]
		[ "$(jq -r '.error, (.detail | length > 5)' <<<"${lines[0]}")" = $'bad_request\ntrue' ]
	done
}

@test "an unknown path is 404, a wrong method 405 with Allow" {
	[ "$(status_of "$URL/no/such/path")" = 404 ]
	[ "$(status_of -X DELETE "$URL/health")" = 405 ]
	run curl -s --max-time 5 -i "$URL/execute"
	[[ $output == *" 405 "* ]]
	grep -qi '^Allow: POST' <<<"$output"
}

@test "cells sent together run one after the other, each to its end" {
	local pids=() c
	for c in a b c; do cell "$(logged $c)" >"$BATS_TEST_TMPDIR/$c" & pids+=($!); done
	wait "${pids[@]}"
	run cell "$SHOW_LOG"
	[ "$(jq -r '[.outputs[].text] | add' <<<"$output" | tr ' ' '\n' | grep . | paste -d ' ' - - | sort | paste -sd,)" = 'a+ a-,b+ b-,c+ c-' ]
}

@test "an answer is one JSON object, or whole lines of JSON of which the last is done, as its type says" {
	curl -s --max-time 60 -H 'Accept: application/x-ndjson, application/json;q=0.9' -o "$BATS_TEST_TMPDIR/out" -w '%{content_type}' \
	    --data-binary "$(jq -cn --arg code "$(print x)" '{code: $code}')" "$URL/execute" >"$BATS_TEST_TMPDIR/type"
	case $(cat "$BATS_TEST_TMPDIR/type") in
	application/x-ndjson*)	[ "$(jq -rj 'select(.type == "stream").text' "$BATS_TEST_TMPDIR/out")" = x ]
				[ "$(tail -1 "$BATS_TEST_TMPDIR/out" | jq -r .type)" = done ] ;;
	application/json*)	[ "$(jq -r '[.outputs[].text] | add' "$BATS_TEST_TMPDIR/out")" = x ] ;;
	*)			false ;;
	esac
}

@test "restart answers at once, is not ready until the new kernel serves, and has forgotten everything" {
	cell "$SET"
	run post /restart
	[[ $(jq -r .status <<<"$output") == restarting || $(jq -r .status <<<"$output") == already_restarting ]]
	until_ready
	[ "$(cell "$SHOW" | jq -r '.outputs[-1].type')" = error ]
}

@test "code sent during a restart waits for the new kernel" {
	post /restart
	[ "$(cell "$(print new)" | jq -r '[.outputs[].text] | add')" = new ]
}

@test "restart-status is absent, or tells whether a restart is under way" {
	until_ready
	case $(status_of "$URL/restart-status") in
	404)	;;
	200)	[ "$(curl -s "$URL/restart-status" | jq .restarting)" = false ] ;;
	*)	false ;;
	esac
}
