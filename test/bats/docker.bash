# docker.bash - what the tests on a Docker engine share: the images, one deployment for each file, what its containers do.
# They need an engine that answers (scripts/run-tests looks), and run one file after the other: container names are fixed.

# images TYPE… - built from this tree; what has not changed comes from the builder's cache.
images() {
	"$TOP/scripts/build-images" "$@" >"$T/images.log" 2>&1 || { tail -n 40 "$T/images.log" >&2; return 1; }
}

# deploy gen-compose's arguments… - generate in $T/pool and start, until all is healthy; $M is the manager's url.
# Host ports are free ones, so that a deployment that somebody uses is not in the way.
deploy() {
	generate "$@"
	compose up -d --wait --quiet-pull >"$T/up.log" 2>&1 || { cat "$T/up.log" >&2; compose ps -a >&2; compose logs --tail 20 >&2; return 1; }
}
generate() {
	mkdir -p "$T/pool"
	PORTS=$(free_ports)
	export M=http://127.0.0.1:$PORTS EXECMGR_URL=http://127.0.0.1:$PORTS
	gen-compose -o "$T/pool/docker-compose.yml" --manager-port "$PORTS" -p $((PORTS + 1)) "$@"
}
# Sixteen ports in a row that nobody holds, below those that the system gives out by itself.
free_ports() {
	local first=${FIRST_PORT:-21000}
	while ss -Hltn | awk '{ n = split($4, a, ":"); print a[n] }' | awk -v f="$first" '$1 >= f && $1 < f + 16 { bad = 1 } END { exit !bad }'; do
		first=$((first + 16))
	done
	echo "$first"
}

compose() { docker compose -f "$T/pool/docker-compose.yml" --project-directory "$T/pool" "$@"; }
undeploy() { [ ! -e "$T/pool/docker-compose.yml" ] || compose down -v -t 10 >"$T/down.log" 2>&1; }

# The manager's word: status FILTER, container ID FILTER; and waiting for it.
status() { curl -sf --max-time 10 "$M/status" | jq -c "$1"; }
container() { curl -sf --max-time 10 "$M/containers" | jq -c ".[] | select(.id == $1) | $2"; }
is_status() { [ "$(status "$1")" = true ]; }
is_container() { [ "$(container "$1" "$2")" = true ]; }
all_available() { is_status '.available_containers == .total_containers'; }

# cell ID CODE [MEMBERS] - the answer to code in a session.
cell() {
	jq -cn --arg code "$2" "{code: \$code${3:+, $3}}" | curl -s --max-time 120 --data-binary @- "$M/session/$1/execute"
}
# printed ID CODE - what it wrote to stdout; fails with the answer where it raised.
printed() {
	local answer
	answer=$(cell "$1" "$2")
	[ "$(jq -r '[.outputs[]? | select(.type == "error")] | length' <<<"$answer")" = 0 ] || { echo "$answer"; return 1; }
	jq -j '[.outputs[] | select(.name == "stdout").text] | add // ""' <<<"$answer"
}
allocate() { curl -sf -X POST "$M/allocate?container_type=$1" | jq .container_id; }
deallocate() { curl -sf -X POST "$M/deallocate/$1" >/dev/null; }
