#!/usr/bin/env bats
# Who may call an executor (--allow-from), and its health check.  Strangers are addresses in a network namespace of the test's own,
# with a host table of its own.
load lib
load executor

setup() { sandbox_dir; }
teardown() { end; }

# inside SCRIPT - run it where 10.9.0.1 to 10.9.0.4 are this machine's; "manager" is 10.9.0.2.
inside() {
	local root=
	[ "$(id -u)" = 0 ] || root=-r
	unshare -n -m $root true 2>/dev/null || skip "no namespaces can be made here"
	echo "10.9.0.2 manager" >"$T/hosts"
	cat >"$T/script" <<-END
		set -eu
		mount --bind "$T/hosts" /etc/hosts
		ip link set lo up
		for i in 1 2 3 4; do ip addr add 10.9.0.\$i/24 dev lo; done
		from() { curl -s --max-time 20 -o "$T/answer" -w '%{http_code}\n' --interface "\$@" http://10.9.0.1:8432/health; }
		executor() {
			TMPDIR=$T executor-jupyter -b 0.0.0.0 -p 8432 -k fake --workspace "$T/none" "\$@" >"$T/executor.log" 2>&1 3>&- &
			trap "kill \$!; wait \$! || true" EXIT
			for _ in \$(seq 100); do grep -q 'listening on' "$T/executor.log" && return; sleep 0.1; done
			cat "$T/executor.log"; exit 1
		}
		$1
	END
	kernelspec fake ok
	: >"$T/executor.log"
	unshare -n -m $root bash "$T/script"
}

@test "without a list whoever reaches the address is served" {
	run -0 inside 'executor; from 10.9.0.3'
	[ "$output" = 200 ]
}

@test "a stranger gets 403 and a word, the listed name and address and this machine are served" {
	run -0 inside 'executor --allow-from "manager, 10.9.0.3"
		from 10.9.0.2; from 10.9.0.3; from 10.9.0.4
		curl -s -o /dev/null -w "%{http_code}\n" http://127.0.0.1:8432/health'
	[ "$output" = $'200\n200\n403\n200' ]
	run -0 inside 'executor --allow-from manager; from 10.9.0.4 -X POST -d "{\"code\":\"1\"}"'
	[ "$output" = 403 ]
	[ "$(jq -c . "$T/answer")" = '{"detail":"This executor serves its manager only","error":"forbidden"}' ]
}

@test "a manager that has come back with another address is served at once" {
	run -0 inside 'executor --allow-from manager; from 10.9.0.2
		echo "10.9.0.4 manager" >/etc/hosts
		from 10.9.0.4; from 10.9.0.2'
	[ "$output" = $'200\n200\n403' ]
}

@test "a name that does not exist lets nobody in, and lets its owner in once it does" {
	run -0 inside 'executor --allow-from late.invalid; from 10.9.0.4
		echo "10.9.0.4 late.invalid" >/etc/hosts; from 10.9.0.4'
	[ "$output" = $'403\n200' ]
}

@test "a list that cannot be is refused" {
	run -64 --separate-stderr executor-jupyter -p 0 --allow-from a/b
	[[ ${stderr_lines[0]} = "executor-jupyter: --allow-from a/b: "* ]]
	run -64 --separate-stderr executor-jupyter -p 0 --allow-from "$(seq -s, 1 65)"
	[[ ${stderr_lines[0]} = *": more than 64 hosts" ]]
	run -64 executor-jupyter -p 0 --allow-from unix:/x
}

@test "the health check says whether the executor is ready, and why not" {
	kernelspec fake ok
	executor -k fake
	until_ready
	run -0 --separate-stderr executor-jupyter --healthcheck -p "${URL##*:}"
	[ -z "$output$stderr" ]
	run -0 executor-jupyter --healthcheck -b 0.0.0.0 -p "${URL##*:}"
	stop "$EXECUTOR" || true
	run -1 --separate-stderr executor-jupyter --healthcheck -p "${URL##*:}"
	[ "$stderr" = "executor-jupyter: no answer: connection refused" ]
	kernelspec mute mute
	executor -k mute
	run -1 --separate-stderr executor-jupyter --healthcheck -p "${URL##*:}"
	[ "$stderr" = "executor-jupyter: not ready: kernel_starting" ]
}
