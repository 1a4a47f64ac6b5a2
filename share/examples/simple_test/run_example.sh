#!/usr/bin/env bash
# run_example.sh [PORT] - build the images, start a manager on PORT (5000) and four Python executors, show the interface at work,
# clean up.  Needs Docker with Compose, curl and nothing else.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../.." && pwd)
port=${1:-5000}
url=http://localhost:$port
dir=$(mktemp -d)

step() { printf '\n== %s\n' "$*"; }

cleanup() {
	step "Clean up"
	[ ! -e "$dir/docker-compose.yml" ] || docker compose -f "$dir/docker-compose.yml" down
	rm -rf "$dir"
}
trap cleanup EXIT

# call METHOD PATH [BODY] - the request as one would type it, then its answer.
call() {
	printf '$ curl -X %s %s%s%s\n' "$1" "$url" "$2" "${3:+ -d '$3'}"
	curl -fsS --noproxy '*' -X "$1" ${3:+-H "Content-Type: application/json" -d "$3"} "$url$2"
	echo
}

step "Build the images"
"$top/scripts/build-images" manager python

step "Generate a deployment: a manager and four Python executors"
# The command itself where it was built, else the one in the manager's image.
if [ -x "$top/build/bin/gen-compose" ]; then
	gen() { "$top/build/bin/gen-compose" "$@"; }
else
	gen() { docker run --rm --user "$(id -u):$(id -g)" -v "$dir:/out" -w /out manager-prebuilt gen-compose "$@"; }
fi
(cd "$dir" && gen --num-containers 4 --types python:4 --manager-port "$port")
ls "$dir"

step "Start it, and wait until the pool can serve"
docker compose -f "$dir/docker-compose.yml" up -d --wait

step "What the manager knows"
call GET /health
call GET /status

step "Code in two sessions"
call POST /session/0/execute '{"code": "print(41)"}'
call POST /session/1/execute '{"code": "print(42)"}'

step "Allocate an executor; its variables last between calls"
allocation=$(curl -fsS --noproxy '*' -X POST "$url/allocate?container_type=python")
echo "$allocation"
id=$(sed -E 's/.*"container_id":([0-9]+).*/\1/' <<<"$allocation")
call POST "/session/$id/execute" '{"code": "x = 6 * 7"}'
call POST "/session/$id/execute" '{"code": "print(x)"}'
call GET /status

step "An error in the code is part of the answer"
call POST "/session/$id/execute" '{"code": "1 / 0"}'

step "Give it back: the next one to get it finds a new kernel"
call POST "/deallocate/$id"
call GET /status
