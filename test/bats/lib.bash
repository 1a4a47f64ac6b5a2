# lib.bash - what the bats files share: where the binaries are, processes that never outlive a test, waiting for a state.
# A test file says `load lib` and, in setup(), `sandbox_dir`; in teardown(), `reap`.

bats_require_minimum_version 1.5.0
TOP=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
BUILD=${BUILD:-$TOP/build}
case $BUILD in /*) ;; *) BUILD=$TOP/$BUILD ;; esac
BIN=$BUILD/bin
FAKE=$BUILD/test/fake
PATH=$BIN:$PATH
PYTHON=/usr/bin/python3			# Debian's: the one that has ipykernel
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY EXECMGR_URL EXECMGR_SESSION EXECMGR_TYPE

# A directory of this test's own, short enough for socket paths; $T.
sandbox_dir() {
	T=$(mktemp -d /tmp/em.XXXXXX)
	PIDS=()
}

# spawn LOG CMD… - start in the background, in its own session; $! is its pid, its output goes to $T/LOG.
spawn() {
	local log=$1
	shift
	setsid "$@" >"$T/$log" 2>&1 3>&- &
	PIDS+=($!)
}

# Every process that spawn started is asked to leave, then killed; fails if one had to be.
reap() {
	local p forced=0
	for p in "${PIDS[@]}"; do kill -TERM "$p" 2>/dev/null || true; done
	for p in "${PIDS[@]}"; do
		eventually 100 gone "$p" || { forced=1; kill -KILL -- "-$p" "$p" 2>/dev/null || true; }
		wait "$p" 2>/dev/null || true
	done
	PIDS=()
	rm -rf "$T"
	[ "$forced" = 0 ]
}

gone() {	# PID: no such process, or only its zombie
	[ ! -e "/proc/$1" ] || grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null
}

# eventually TENTHS CMD… - until CMD succeeds; fails after that many tenths of a second.
eventually() {
	local n=$1
	shift
	while ! "$@"; do
		n=$((n - 1))
		[ "$n" -gt 0 ] || return 1
		sleep 0.1
	done
}

# stop PID - SIGTERM, wait for its end, return its exit status; it is no longer reaped by reap.
stop() {
	local p kept=()
	for p in "${PIDS[@]}"; do [ "$p" = "$1" ] || kept+=("$p"); done
	PIDS=("${kept[@]}")
	kill -TERM "$1"
	wait "$1"
}

# http METHOD URL [curl options…] - the answer's body on stdout, status in the last line.
http() {
	local method=$1 url=$2
	shift 2
	curl -s --max-time 60 -X "$method" -w '\n%{http_code}\n' "$@" "$url"
}

# block LANGUAGE N: the N-th fenced block of that language in README.md.
block() {
	awk -v want='```'"$1" -v n="$2" '
		/^```$/ && on { exit }
		on { print }
		$0 == want && ++seen == n { on = 1 }' "$TOP/README.md"
}
