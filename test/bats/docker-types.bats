#!/usr/bin/env bats
# One deployment of many types: Python, data science, JavaScript, R, and an executor that somebody else wrote.
load lib
load docker

setup_file() {
	sandbox_dir
	images manager python kaggle nodejs r
	docker build -q -t custom "$TOP/share/examples/custom_executor" >/dev/null 2>&1
	deploy -t python:2,kaggle:1,nodejs:1,r:1,custom:1 --env MEM_LIMIT=1g,CPUS=2
	export T PORTS
}
teardown_file() { undeploy; rm -rf "$T"; }
setup() { eventually 600 all_available; }

@test "each type is allocated by its name, and by the original's parameter and the short one" {
	[ "$(status .total_by_type)" = '{"custom":1,"kaggle":1,"nodejs":1,"python":2,"r":1}' ] ||
		[ "$(status '.total_by_type | [.python, .kaggle, .nodejs, .r, .custom]')" = '[2,1,1,1,1]' ]
	for type in kaggle nodejs r custom; do
		run -0 curl -sf -X POST "$M/allocate?type=$type"
		[ "$(jq -r .type <<<"$output")" = $type ]
		deallocate "$(jq .container_id <<<"$output")"
	done
	run curl -s -X POST "$M/allocate?container_type=cobol"
	[ "$(jq -r .error <<<"$output")" = unknown_type ]
}

# keeps TYPE SET SHOW EXPECTED - state lasts between calls, and is gone after deallocation.
keeps() {
	local id
	id=$(allocate "$1")
	cell "$id" "$2" >/dev/null
	[ "$(cell "$id" "$3" | jq -r '[.outputs[] | .text // .data["text/plain"]] | add' | xargs)" = "$4" ]
	deallocate "$id"
	[ "$(cell "$id" "$3" | jq -r '.outputs[-1].type')" = error ]
}

@test "JavaScript keeps its state between calls and loses it at the end" {
	keeps nodejs 'let kept = 41' 'console.log(kept + 1)' 42
}

@test "R keeps its state between calls and loses it at the end" {
	keeps r 'kept <- 41' 'cat(kept + 1, "\n")' 42
}

@test "somebody else's executor keeps its state between calls and loses it at the end" {
	keeps custom 'globalThis.kept = 41' 'console.log(kept + 1)' 42
}

@test "the custom executor keeps the contract" {
	local at
	at=$(docker inspect -f '{{(index (index .NetworkSettings.Ports "8432/tcp") 0).HostPort}}' executor-005)
	EXECUTOR_LANGUAGE=javascript EXECUTOR_URL=http://127.0.0.1:$at run -0 bats --tap "$TOP/test/bats/contract.bats"
	[ "$(grep -c ^ok <<<"$output")" = "$(bats --count "$TOP/test/bats/contract.bats")" ]
}

@test "TypeScript runs in the image of JavaScript" {
	docker run -d --name execmgr-image-test -e KERNEL_NAME=tslab nodejs >/dev/null
	eventually 600 docker exec execmgr-image-test executor-jupyter --healthcheck 2>/dev/null
	run docker exec execmgr-image-test node -e '
fetch("http://127.0.0.1:8432/execute", {method: "POST", body: JSON.stringify({code: "const n: number = 6 * 7; console.log(n)"})})
	.then(r => r.json()).then(a => console.log(a.outputs.map(o => o.text ?? o.type).join("")))'
	docker rm -f execmgr-image-test >/dev/null
	[ "$(xargs <<<"$output")" = 42 ]
}

@test "an error of JavaScript and of R is an error item" {
	[ "$(cell 3 'throw new TypeError("no")' | jq -r '.outputs[-1].type')" = error ]
	[ "$(cell 4 'stop("no")' | jq -r '.outputs[-1].type')" = error ]
}

@test "pandas and matplotlib: a data job whose picture comes back" {
	local id
	id=$(allocate kaggle)
	run -0 cell "$id" 'import io, matplotlib.pyplot as plt, numpy as np, pandas as pd
from sklearn.linear_model import LinearRegression
import scipy, seaborn, statsmodels.api
rows = pd.read_csv(io.StringIO("x,y\n1,2\n2,4\n3,6\n"))
model = LinearRegression().fit(rows[["x"]], rows["y"])
print(round(float(model.coef_[0]), 6), np.asarray(rows["y"]).sum())
plt.plot(rows["x"], rows["y"])
plt.show()' '"timeout": 120'
	[ "$(jq -r '[.outputs[] | select(.name == "stdout").text] | add' <<<"$output")" = "2.0 12" ]
	[ "$(jq -r '[.outputs[].data["image/png"]? // empty] | first' <<<"$output" | base64 -di | head -c 8 | od -An -tx1)" = " 89 50 4e 47 0d 0a 1a 0a" ]
	deallocate "$id"
}
