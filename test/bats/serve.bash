# serve.bash - what the files that test execmgr-serve share: fake executors, a manager before them, their states.

# fakes ARGS… - scriptable executors and $T/cc.json that names them; $CTL is their control url, $FX their pid.
fakes() {
	spawn fx "$FAKE/executor" "$@" -c "$T/cc.json"
	FX=$!
	eventually 100 grep -q '^ready' "$T/fx"
	CTL=$(sed -n 's/^control //p' "$T/fx")
}
# leave - the teardown: the manager ends by itself and no sanitizer has had anything to say; then all the others.
leave() {
	local bad=0
	if [ -n "${MP-}" ] && kill -TERM "$MP" 2>/dev/null; then
		kill -TERM "$MP" 2>/dev/null || true		# the second time: what still runs is not waited for
		eventually 150 gone "$MP" || bad=1
	fi
	grep -s -A20 -E 'Sanitizer|runtime error|Assertion' "$T"/*.log && bad=1
	reap && [ "$bad" = 0 ]
}
url_of() { sed -n "s/^$1 //p" "$T/fx"; }			# ID: the fake's own url
script() { curl -sf "$CTL/fake/$1" -d "$2" >/dev/null; }	# ID|all JSON
fake() { curl -sf "$CTL/fake/$1" | jq -c "$2"; }		# ID FILTER: its counts

# manager ARGS… - execmgr-serve on a free port; $M is its url, $MP its pid.  settle: until its containers have all started.
manager() {
	spawn serve.log execmgr-serve -c "$T/cc.json" -p 0 "$@"
	MP=$!
	eventually 100 grep -q 'listening on http' "$T/serve.log"
	M=$(sed -n 's/.*listening on \(http.*\)/\1/p' "$T/serve.log" | head -1)
}
settle() { until_status '.starting_containers == 0 and .down_containers == 0'; }

# manager_in_order ARGS… - the same, its containers available by ascending id.
manager_in_order() {
	local id
	script all '{"ready":false}'
	manager "$@"
	for id in $(jq -r 'keys[]' <"$T/cc.json" | sort -n); do
		script "$id" '{"ready":true}'
		until_container "$id" '.state == "available"'
	done
	script all '{"ready":true}'
}

status() { curl -sf --max-time 10 "$M/status" | jq -c "$1"; }
is_status() { [ "$(status "$1")" = true ]; }
until_status() { eventually "${2:-100}" is_status "$1"; }
container() { curl -sf --max-time 10 "$M/containers" | jq -c ".[] | select(.id == $1) | $2"; }
is_container() { [ "$(container "$1" "$2")" = true ]; }
until_container() { eventually "${3:-100}" is_container "$1" "$2"; }

post() { curl -s --max-time 60 -X POST "$M$1" "${@:2}"; }
code() { curl -s --max-time 60 -o /dev/null -w '%{http_code}' "$@"; }
# word METHOD PATH [curl options]: "status word" of an error.
word() {
	curl -s --max-time 60 -X "$1" -w '\n%{http_code}' "$M$2" "${@:3}" >"$T/word" || true
	echo "$(tail -1 "$T/word") $(head -1 "$T/word" | jq -r .error)"
}
rss_kb() { sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$1/status"; }
fds() { ls "/proc/$1/fd" | wc -l; }
