# executor.bash - what the executor's bats files share.  `load lib` comes first.

# executor [option…] - start one on a free port; $URL and $EXECUTOR (its pid), its messages in $T/executor.log.
executor() {
	: >"$T/executor.log"
	TMPDIR=$T spawn executor.log executor-jupyter -p 0 --workspace "$T/none" "$@"
	EXECUTOR=$!
	eventually 100 grep -q 'listening on' "$T/executor.log" || { cat "$T/executor.log" >&2; return 1; }
	URL=$(sed -n 's/.*listening on //p' "$T/executor.log")
}

ready() { [ "$(curl -s --max-time 5 "$URL/ready" | jq .ready)" = true ]; }

until_ready() { eventually 300 ready; }

# cell CODE [MEMBERS] - run code ('"timeout":1' and the like may follow); the answer on stdout.
cell() {
	jq -cn --arg code "$1" "{code: \$code${2:+, $2}}" | curl -s --max-time 90 --data-binary @- "$URL/execute"
}

# The text of stdout in an answer on stdin.
text() { jq -j '[.outputs[] | select(.name == "stdout").text] | add // ""'; }

info() { curl -s --max-time 5 "$URL/info" | jq -r ".$1"; }

# post PATH - the answer's body.
post() { curl -s --max-time 60 -X POST "$URL$1"; }

# kernelspec NAME HOW [MORE] - a kernel of test/fake/kernel.py that only this test finds; MORE: further members of its JSON.
kernelspec() {
	mkdir -p "$T/jupyter/kernels/$1"
	cat >"$T/jupyter/kernels/$1/kernel.json" <<-END
		{"argv": ["$PYTHON", "$TOP/test/fake/kernel.py", "{connection_file}", "$2"], "language": "fake" $3}
	END
	export JUPYTER_PATH=$T/jupyter
}

spare_is() { [ "$(info spare)" = "$1" ]; }

until_spare() { eventually 300 spare_is ready; }

# Every process below PID, zombies left out.
descendants() {
	local p
	for p in $(ps -o pid= --ppid "$1"); do
		gone "$p" || { echo "$p"; descendants "$p"; }
	done
}

# Below the executor is what it says it keeps, and no more.
only_its_own() {
	[ "$(descendants "$EXECUTOR" | sort -n)" = "$(curl -s --max-time 5 "$URL/info" |
		jq -r '.pid, .fork_server_pid, .spare_pid | select(. > 0)' | sort -n)" ]
}

# Stop what was spawned, look for what a sanitizer had to say, and clean up.
end() {
	local p found=0
	for p in "${PIDS[@]}"; do kill -TERM "$p" 2>/dev/null || true; done
	for p in "${PIDS[@]}"; do eventually 100 gone "$p" || true; done
	! grep -hE -A20 'Sanitizer|runtime error' "$T"/*.log || found=1
	reap && [ "$found" = 0 ]
}

# Milliseconds since some moment.
now_ms() { echo $(($(date +%s%N) / 1000000)); }
