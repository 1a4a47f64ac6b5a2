#!/usr/bin/env bats
# executor-jupyter, files of the working directory: what goes in and out, what leads out, and what happens meanwhile.
# Most of it has a fake kernel: the test itself changes the directory as code in it would, at the moment that matters.
load lib
load executor

G=$((1 << 30))

setup() { sandbox_dir; }

teardown() { end; }

# begin [option…] - an executor with a fake kernel; $DIR is its working directory.
begin() {
	kernelspec fake ok
	executor -k fake "$@"
	until_ready
	DIR=$(echo "$T"/execmgr-*/work/kernel-*)
	AT=${URL#http://}
}

# file METHOD PATH [curl options…] - "status word" of the answer, the body in $T/body.
file() {
	local code
	code=$(curl -s --max-time 60 --path-as-is -X "$1" -o "$T/body" -w '%{http_code}' "${@:3}" "$URL/files/$2") || true
	echo "$code $(jq -r '.error? // empty' "$T/body" 2>/dev/null)"
}
put() { file PUT "$1" --data-binary "${2-}"; }
detail() { jq -r .detail "$T/body"; }
head_of() { curl -s --max-time 60 -D "$T/head" -o "$T/body" "${@:2}" "$URL/files/$1"; tr -d '\r' <"$T/head"; }

# raw STEP… - as a client, in the background: its output in $T/raw, its pid in $RAW.
raw() {
	"$PYTHON" "$TOP/test/fake/raw.py" "$AT" "$@" >"$T/raw" 2>"$T/raw.err" 3>&- &
	RAW=$!
	PIDS+=("$RAW")
}
has_said() { grep -q "$1" "$T/raw"; }
uploads() { find "$DIR" -name '.upload-*' -size +0 | wc -l; }
uploads_are() { [ "$(find "$DIR" -name '.upload-*' | wc -l)" = "$1" ]; }
has_uploads() { [ "$(uploads)" = "$1" ]; }
fds() { ls "/proc/$EXECUTOR/fd" | wc -l; }
fds_are() { [ "$(fds)" = "$1" ]; }
memory_kib() { awk '/VmHWM/ { print $2 }' "/proc/$EXECUTOR/status"; }

@test "a file goes in, comes out, is replaced and removed" {
	begin
	[ "$(put a/b/x.csv 'one,two')" = '201 ' ]
	[ "$(cat "$T/body")" = '{"path":"a/b/x.csv","size":7}' ]
	[ "$(cat "$DIR/a/b/x.csv")" = one,two ]
	[ "$(stat -c %a "$DIR/a/b/x.csv" "$DIR/a" | tr '\n' ' ')" = '644 755 ' ]
	[ "$(put a/b/x.csv three)" = '200 ' ]
	[ "$(cat "$T/body")" = '{"path":"a/b/x.csv","size":5}' ]
	[ "$(head_of a/b/x.csv | sed '/^Date/d')" = $'HTTP/1.1 200 OK\nContent-Type: application/octet-stream\nAccept-Ranges: bytes\nContent-Length: 5' ]
	[ "$(cat "$T/body")" = three ]
	[ "$(head_of a/b/x.csv -I | sed '/^Date/d')" = $'HTTP/1.1 200 OK\nContent-Type: application/octet-stream\nAccept-Ranges: bytes\nContent-Length: 5' ]
	[ "$(put empty)" = '201 ' ]
	[ "$(head_of empty | sed -n '1p;/Length/p')" = $'HTTP/1.1 200 OK\nContent-Length: 0' ]
	head -c 3000000 /dev/urandom >"$T/big"
	[ "$(file PUT big -T "$T/big")" = '201 ' ]
	[ "$(file PUT big2 -T - <"$T/big")" = '201 ' ]		# chunked
	cmp "$T/big" "$DIR/big"
	cmp "$T/big" "$DIR/big2"
	[ "$(file GET big)" = '200 ' ]
	cmp "$T/big" "$T/body"
	[ "$(file DELETE big)" = '204 ' ]
	[ ! -e "$DIR/big" ]
	[ "$(file DELETE big)" = '404 not_found' ]
	[ "$(file GET big)" = '404 not_found' ]
	[ "$(head_of big -I | sed -n 1p)" = 'HTTP/1.1 404 Not Found' ]
	eventually 50 uploads_are 0
}

@test "directories are listed, sorted, with kinds, sizes and names that are not UTF-8" {
	begin
	mkdir "$DIR/sub"
	printf 'twelve bytes' >"$DIR/x.csv"
	ln -s /etc "$DIR/link"
	mkfifo "$DIR/pipe"
	printf x >"$DIR/"$'bad\xff'
	printf y >"$DIR/"$'caf\xc3\xa9 %?#"'
	[ "$(file GET '')" = '200 ' ]
	[ "$(jq -c '[.path, .truncated]' "$T/body")" = '["",false]' ]
	[ "$(jq -c '.entries[] | [.name, .type, .size]' "$T/body" | tr '\n' ' ')" = \
	    '["bad�","file",1] ["café %?#\"","file",1] ["link","symlink",null] ["pipe","other",null] ["sub","directory",null] ["x.csv","file",12] ' ]
	[ "$(jq '.entries | map(.mtime | type == "number" and . > 1600000000) | all' "$T/body")" = true ]
	[ "$(jq -c '[.entries[] | .name_encoded // empty]' "$T/body")" = '["bad%FF"]' ]
	[ "$(file GET bad%FF)" = '200 ' ] && [ "$(cat "$T/body")" = x ]
	[ "$(file GET caf%C3%A9%20%25%3F%23%22)" = '200 ' ] && [ "$(cat "$T/body")" = y ]
	[ "$(file GET sub/)" = '200 ' ] && [ "$(jq -c . "$T/body")" = '{"path":"sub/","entries":[],"truncated":false}' ]
	[ "$(head_of sub/ | grep Type)" = 'Content-Type: application/json' ]
	[ "$(head_of sub/ -I | grep Length)" = 'Content-Length: 46' ]
	[ "$(file GET sub)" = '400 bad_request' ] && [[ $(detail) == *'slash at its end'* ]]
	[ "$(file GET x.csv/)" = '404 not_found' ]
	[ "$(file GET x.csv/y)" = '404 not_found' ]
	[ "$(file GET none/)" = '404 not_found' ]
}

@test "a directory of 30,000 files is listed in part, and removed" {
	begin
	mkdir "$DIR/many"
	"$PYTHON" -c 'import os, sys
os.chdir(sys.argv[1])
for i in range(30000): os.mknod("f%06d" % i)' "$DIR/many"
	[ "$(file GET many/)" = '200 ' ]
	[ "$(jq -c '[(.entries | length), .entries[0].name, .entries[-1].name, .truncated]' "$T/body")" = '[10000,"f000000","f009999",true]' ]
	[ "$(file DELETE many)" = '400 bad_request' ] && [[ $(detail) == *recursive=1* ]]
	[ "$(file DELETE 'many?recursive=1')" = '204 ' ]
	[ ! -e "$DIR/many" ]
}

@test "paths that are none are refused with a sentence" {
	begin
	mkdir "$DIR/d"
	local path
	for path in .. ../x a/../x a/./x ./x /etc/passwd a//x %2e%2e/x a%2f..%2fx %2Fetc x%00y 100% x%4 x%zz d/.. \
	    "$(printf 'n%.0s' {1..256})"; do
		for method in GET PUT DELETE; do
			[ "$(file $method "$path")" = '400 bad_request' ] || { echo "$method $path"; false; }
			[[ $(detail) == [A-Z]*path* ]]
		done
	done
	[ "$(put d/ x)" = '400 bad_request' ]
	[ "$(put d x)" = '400 bad_request' ]
	[ "$(put '' x)" = '400 bad_request' ]
	echo >"$DIR/file"
	[ "$(put file/x x)" = '400 bad_request' ] && [ "$(detail)" = 'A part of the path is a file' ]
	[ "$(file DELETE '')" = '400 bad_request' ]
	[ "$(file DELETE 'd?recursive=2')" = '400 bad_request' ]
	[ "$(file DELETE 'file/?recursive=1')" = '404 not_found' ]
	[ "$(file PUT part -H 'Content-Range: bytes 0-0/2' --data-binary x)" = '400 bad_request' ]
	[ "$(curl -s -o /dev/null -w '%{http_code}' "$URL/files")" = 404 ]
	[ "$(ls -A "$DIR")" = $'d\nfile' ]
}

@test "links that lead out are forbidden, those that stay inside are followed, and none is removed through" {
	begin
	mkdir "$T/beside" "$DIR/sub"
	echo secret >"$T/beside/secret"
	ln -s ../../../beside "$DIR/out"
	ln -s "$T/beside/secret" "$DIR/secret"
	ln -s /proc/self "$DIR/self"
	ln -s sub "$DIR/in"
	ln -s loop "$DIR/loop"
	local path
	for path in out/secret secret out/ self/environ self/fd/ loop; do
		[ "$(file GET "$path")" = '403 forbidden' ] || { echo "$path"; false; }
		[[ $(cat "$T/body") != *secret* ]]
	done
	[ "$(put out/new x)" = '403 forbidden' ]
	[ "$(put out/new/new x)" = '403 forbidden' ]
	[ "$(file DELETE out/secret)" = '403 forbidden' ]
	[ "$(put secret mine)" = '200 ' ]		# takes the link's place
	[ "$(cat "$T/beside/secret") $(cat "$DIR/secret")" = 'secret mine' ]
	[ "$(put in/x y)" = '201 ' ] && [ "$(cat "$DIR/sub/x")" = y ]
	[ "$(file GET in/x)" = '200 ' ]
	[ "$(file DELETE 'out?recursive=1')" = '204 ' ]
	mkdir "$DIR/tree"
	ln -s ../../../../beside "$DIR/tree/out"
	[ "$(file DELETE 'tree?recursive=1')" = '204 ' ]
	[ "$(cat "$T/beside/secret")" = secret ]
	[ "$(ls "$T/beside")" = secret ]
}

@test "pipes, sockets and files closed by their modes are refused at once" {
	begin
	mkfifo "$DIR/pipe"
	"$PYTHON" -c 'import os, socket, sys
os.chdir(sys.argv[1])
socket.socket(socket.AF_UNIX).bind("socket")' "$DIR"
	[ "$(file GET pipe --max-time 5)" = '400 bad_request' ]
	[ "$(file GET pipe/ --max-time 5)" = '404 not_found' ]
	[ "$(file GET socket --max-time 5)" = '400 bad_request' ]
	echo >"$DIR/closed"
	chmod 0 "$DIR/closed"
	[ "$(id -u)" = 0 ] || [ "$(file GET closed)" = '403 forbidden' ]
	[ "$(put pipe x)" = '200 ' ]
	[ -f "$DIR/pipe" ]
	[ "$(file DELETE socket)" = '204 ' ]
}

@test "one range is served, one outside is refused, several and wrong ones are the whole" {
	begin
	printf 0123456789 >"$DIR/f"
	: >"$DIR/empty"
	while IFS='|' read -r range status field body; do
		head_of f -H "Range: $range" >/dev/null
		[ "$(sed -n '1s/^[^ ]* \([0-9]*\).*/\1/p' "$T/head")|$(tr -d '\r' <"$T/head" | sed -n 's/^Content-Range: //p')|$(cat "$T/body")" = \
		    "$status|$field|$body" ] || { echo "$range"; cat "$T/head" "$T/body"; false; }
	done <<-'END'
		bytes=2-5|206|bytes 2-5/10|2345
		bytes=8-|206|bytes 8-9/10|89
		bytes=8-100|206|bytes 8-9/10|89
		bytes=-3|206|bytes 7-9/10|789
		bytes=-30|206|bytes 0-9/10|0123456789
		bytes=10-|416|bytes */10|{"detail":"The range is outside of the file","error":"bad_request"}
		bytes=-0|416|bytes */10|{"detail":"The range is outside of the file","error":"bad_request"}
		bytes=0-1,3-4|200||0123456789
		bytes=5-2|200||0123456789
		lines=1-2|200||0123456789
	END
	[ "$(head_of f -I -H 'Range: bytes=2-5' | sed -n '1p;/Length/p')" = $'HTTP/1.1 200 OK\nContent-Length: 10' ]
	[ "$(head_of f -H 'Range: bytes=2-5' -H 'If-Range: "x"' | sed -n 1p)" = 'HTTP/1.1 200 OK' ]
	[ "$(head_of empty -H 'Range: bytes=0-' | sed -n 's/^Content-Range: //p')" = 'bytes */0' ]
	truncate -s 5T "$DIR/f" || truncate -s 1T "$DIR/f"
	local size
	size=$(stat -c %s "$DIR/f")
	[ "$(head_of f -H 'Range: bytes=-2' | sed -n 's/^Content-Range: //p')" = "bytes $((size - 2))-$((size - 1))/$size" ]
	[ "$(head_of f -I | sed -n 's/^Content-Length: //p')" = "$size" ]
}

@test "other methods and other sites are refused" {
	begin
	[ "$(file POST x)" = '405 method_not_allowed' ]
	[ "$(head_of x -X PATCH | grep '^Allow')" = 'Allow: GET, HEAD, PUT, DELETE' ]
	[ "$(put x y)" = '201 ' ]
	[ "$(file GET x -H 'Sec-Fetch-Site: cross-site')" = '403 forbidden' ]
	[ "$(file PUT y -H 'Sec-Fetch-Site: cross-site' -d y)" = '403 forbidden' ]
}

@test "a file too large is refused, before it is sent where its length is told, and leaves nothing" {
	begin --max-files-bytes 100000
	[ "$(info limits.max_files_bytes)" = 100000 ]
	head -c 100000 /dev/zero >"$T/fits"
	head -c 100001 /dev/zero >"$T/large"
	[ "$(file PUT a/fits -T "$T/fits")" = '201 ' ]
	[ "$(file PUT a/fits2 -T - <"$T/fits")" = '201 ' ]
	raw 'send:PUT /files/x HTTP/1.1\r\nHost: x\r\nContent-Length: 100001\r\nExpect: 100-continue\r\n\r\n' 'until:too_large' recv
	wait "$RAW"
	grep -q '^HTTP/1.1 413' "$T/raw" && ! grep -q ' 100 ' "$T/raw"
	[ "$(file PUT b/large -T - <"$T/large")" = '413 too_large' ]
	[[ $(detail) == 'The file is larger than 100000 bytes' ]]
	eventually 50 uploads_are 0
	[ "$(ls -A "$DIR")" = a ]
}

@test "where there is no room for a file it is refused, and the executor lives" {
	(ulimit -S -f 1024 && kernelspec fake ok && spawn executor.log env TMPDIR="$T" executor-jupyter -p 0 -k fake --workspace "$T/none" && echo "$!" >"$T/pid")
	PIDS+=("$(cat "$T/pid")")
	EXECUTOR=$(cat "$T/pid")
	export JUPYTER_PATH=$T/jupyter
	eventually 100 grep -q 'listening on' "$T/executor.log"
	URL=$(sed -n 's/.*listening on //p' "$T/executor.log")
	until_ready
	DIR=$(echo "$T"/execmgr-*/work/kernel-*)
	head -c 3000000 /dev/zero >"$T/large"
	echo old >"$DIR/x"
	[ "$(file PUT x -T "$T/large")" = '413 too_large' ]
	[ "$(file GET x)" = '200 ' ] && [ "$(cat "$T/body")" = old ]
	eventually 50 uploads_are 0
}

@test "a client that leaves midway leaves nothing, and what was there stays" {
	begin
	echo old >"$DIR/x"
	local before
	before=$(fds)
	for length in 'Content-Length: 1000000' 'Transfer-Encoding: chunked'; do
		raw "send:PUT /files/x HTTP/1.1\r\nHost: x\r\n$length\r\n\r\n5\r\nhello" ready
		eventually 100 has_uploads 1
		[ "$(cat "$DIR/x")" = old ]
		kill -KILL "$RAW"
		eventually 100 uploads_are 0
		[ "$(cat "$DIR/x")" = old ]
		raw "send:PUT /files/new/y HTTP/1.1\r\nHost: x\r\n$length\r\n\r\n5\r\nhello" ready
		eventually 100 has_uploads 1
		kill -KILL "$RAW"
		eventually 100 uploads_are 0
	done
	[ "$(ls -A "$DIR")" = x ]
	truncate -s 100M "$DIR/x"
	raw 'send:GET /files/x HTTP/1.1\r\nHost: x\r\n\r\n' take:10000 ready
	eventually 100 has_said ready
	kill -KILL "$RAW"
	eventually 100 fds_are "$before"
}

@test "a file that becomes shorter on its way is cut, one that becomes longer is sent as long as it was said to be" {
	begin
	truncate -s 100M "$DIR/short"
	curl -s --limit-rate 20M -o "$T/got" "$URL/files/short" 3>&- &
	local pid=$! status=0
	eventually 100 test -s "$T/got"
	truncate -s 1M "$DIR/short"
	wait $pid || status=$?
	[ "$status" = 18 ]			# a partial file, and it is seen to be
	[ "$(stat -c %s "$T/got")" -lt $((100 << 20)) ]
	rm "$T/got"
	truncate -s 50M "$DIR/long"
	curl -s --limit-rate 50M -o "$T/got" "$URL/files/long" 3>&- &
	pid=$!
	eventually 100 test -s "$T/got"
	truncate -s 60M "$DIR/long"
	wait $pid
	[ "$(stat -c %s "$T/got")" = $((50 << 20)) ]
}

@test "a gigabyte goes through in either direction while memory stays flat, for a slow reader too" {
	begin
	[ -z "$SANITIZE" ] || G=$((128 << 20))
	truncate -s $G "$T/sparse" "$DIR/sparse"
	[ "$(put x y)" = '201 ' ] && [ "$(file GET x)" = '200 ' ]
	local before
	before=$(memory_kib)
	[ "$(curl -s "$URL/files/sparse" | wc -c)" = $G ]
	raw 'send:GET /files/sparse HTTP/1.1\r\nHost: x\r\n\r\n' take:100000 ready
	eventually 100 has_said ready
	[ "$(file PUT up -T "$T/sparse")" = '201 ' ]
	[ "$(stat -c %s "$DIR/up")" = $G ]
	[ -n "$SANITIZE" ] || [ "$(memory_kib)" -lt $((before + 2048)) ] || { echo "$before $(memory_kib)"; false; }
	kill -KILL "$RAW"
	[ "$(file PUT up2 -H 'Transfer-Encoding: chunked' -T "$T/sparse")" = '201 ' ]
	[ -n "$SANITIZE" ] || [ "$(memory_kib)" -lt $((before + 2048)) ] || { echo "$before $(memory_kib)"; false; }
}

@test "a restart ends what is on its way, and the next kernel's directory has nothing of it" {
	begin
	truncate -s 1G "$DIR/big"
	curl -s --limit-rate 20M -o "$T/got" "$URL/files/big" 3>&- &
	local pid=$! status=0 old=$DIR before
	eventually 100 test -s "$T/got"
	raw 'send:GET /files/big HTTP/1.1\r\nHost: x\r\n\r\n' take:100000 ready	# reads no more, and holds nothing
	eventually 100 has_said ready
	before=$(ls -l "/proc/$EXECUTOR/fd" | grep -c "$DIR/big")
	[ "$before" = 2 ]
	[ "$(post /restart | jq -r .status)" = restarting ]
	until_ready
	[ "$(info generation)" = 2 ]
	DIR=$(echo "$T"/execmgr-*/work/kernel-*)
	[ "$DIR" != "$old" ]
	! ls -l "/proc/$EXECUTOR/fd" | grep "$old"
	wait $pid || status=$?
	[ "$status" = 18 ]
	kill -KILL "$RAW"
	[ "$(ls -A "$DIR")" = '' ]
	[ "$(put x y)" = '201 ' ]
	before=$(fds)
	raw 'send:PUT /files/z HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel' 'ready'
	eventually 100 has_uploads 1
	kill -KILL "$(info pid)"	# the kernel dies by itself
	eventually 100 not_here "$DIR/x"
	until_ready
	kill -KILL "$RAW"
	eventually 100 fds_are "$before"
	DIR=$(echo "$T"/execmgr-*/work/kernel-*)
	[ "$(ls -A "$DIR")" = '' ]
}

not_here() { [ ! -e "$1" ]; }

@test "an upload is refused when its kernel is replaced" {
	begin
	raw 'send:PUT /files/x HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello' until:gone ready
	eventually 100 has_uploads 1
	post /restart >/dev/null
	eventually 100 has_said ready
	grep -q '^HTTP/1.1 503' "$T/raw"
	grep -q '"detail":"The kernel was replaced, and its files are gone","error":"unavailable"' "$T/raw"
	kill -KILL "$RAW"
	until_ready
	[ "$(ls -A "$T"/execmgr-*/work/kernel-*)" = '' ]
}

@test "without a kernel there are no files" {
	kernelspec fake sleep
	executor -k fake
	[ "$(file GET x)" = '503 unavailable' ]
	[ "$(put x y)" = '503 unavailable' ]
}

@test "sixty-four transfers at a time, one more is told so" {
	begin
	local i
	for i in {1..64}; do
		raw "send:PUT /files/f$i HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello" ready
	done
	eventually 200 has_uploads 64
	[ "$(file GET '')" = '429 busy' ]
	kill -KILL "$RAW"
	eventually 50 served
	[ "$(curl -s "$URL/ready" | jq .ready)" = true ]
	for i in "${PIDS[@]}"; do [ "$i" = "$EXECUTOR" ] || kill -KILL "$i" 2>/dev/null || true; done
	eventually 100 uploads_are 0
	[ "$(ls -A "$DIR")" = '' ]
}

served() { [ "$(file GET '')" = '200 ' ]; }

@test "stopping meanwhile is no crash" {
	begin
	truncate -s 1G "$DIR/big"
	raw 'send:GET /files/big HTTP/1.1\r\nHost: x\r\n\r\n' take:100000 ready
	eventually 100 has_said ready
	local reader=$RAW
	raw 'send:PUT /files/x HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello' ready
	eventually 100 has_uploads 1
	stop "$EXECUTOR"
	kill -KILL "$RAW" "$reader"
	[ "$(echo "$T"/execmgr-*)" = "$T/execmgr-*" ]
}

# The code swaps a directory and a link to what is outside of it, as fast as it can, and a file with a pipe.
SWAP='
import ctypes, os, time
libc = ctypes.CDLL(None)
outside = "OUTSIDE"
os.mkdir("d"); open("d/secret", "w").write("mine"); os.symlink(outside, "l")
open("f", "w").write("mine"); os.mkfifo("p")
open(outside + "/started", "w")
while not os.path.exists(outside + "/enough"):
    for _ in range(100):
        libc.renameat2(-100, b"d", -100, b"l", 2)
        libc.renameat2(-100, b"f", -100, b"p", 2)
'

@test "code that swaps links and pipes in while files are served and put gains nothing" {
	mkdir "$T/outside"
	echo secret >"$T/outside/secret"
	executor
	until_ready
	cell "${SWAP/OUTSIDE/$T/outside}" >"$T/cell" 3>&- &
	local pid=$!
	eventually 100 test -e "$T/outside/started"
	"$PYTHON" - "${URL#http://}" >"$T/seen" <<-'END'
		import collections, http.client, sys
		conn, seen = http.client.HTTPConnection(sys.argv[1], timeout=20), collections.Counter()
		def ask(method, path, body=None):
		    conn.request(method, "/files/" + path, body)
		    answer = conn.getresponse()
		    text = answer.read()
		    assert b"secret\n" not in text and b"started" not in text, (path, text)
		    seen[method + " " + path + " " + str(answer.status)] += 1
		i = 0
		while i < 500 or (i < 20000 and not (seen["GET d/secret 200"] and seen["GET d/secret 403"])):
		    ask("GET", "d/secret"); ask("GET", "d/"); ask("GET", "f")
		    if i < 500:
		        ask("PUT", "d/new/file", b"x"); ask("DELETE", "d/new?recursive=1"); ask("DELETE", "l/started")
		    i += 1
		for key, n in sorted(seen.items()): print(n, key)
	END
	touch "$T/outside/enough"
	wait $pid
	cat "$T/seen"
	[ "$(jq -r .status "$T/cell")" = ok ]
	[ "$(ls "$T/outside" | tr '\n' ' ')" = 'enough secret started ' ]
	grep -q 'GET d/secret 200' "$T/seen" && grep -q 'GET d/secret 403' "$T/seen"
	! grep -v ' \(20[014]\|40[034]\|503\)$' "$T/seen"
}

@test "through the manager it is all the same" {
	begin
	echo "{\"0\":{\"url\":\"$URL\",\"type\":\"fake\"}}" >"$T/cc.json"
	spawn serve.log execmgr-serve -c "$T/cc.json" -p 0
	eventually 100 grep -q 'listening on http' "$T/serve.log"
	URL=$(sed -n 's/.*listening on \(http.*\)/\1/p' "$T/serve.log" | head -1)/session/0
	eventually 100 ready
	head -c 3000000 /dev/urandom >"$T/big"
	[ "$(file PUT a/big -T "$T/big")" = '201 ' ]
	[ "$(file PUT a/big -T - <"$T/big")" = '200 ' ]
	[ "$(file GET a/big)" = '200 ' ]
	cmp "$T/big" "$T/body"
	[ "$(head_of a/big -I | sed -n '1p;/Length/p')" = $'HTTP/1.1 200 OK\nContent-Length: 3000000' ]
	[ "$(head_of a/big -r 2-5 | sed -n 's/^Content-Range: //p')" = 'bytes 2-5/3000000' ]
	[ "$(file GET a/)" = '200 ' ] && [ "$(jq -c '.entries | map([.name, .size])' "$T/body")" = '[["big",3000000]]' ]
	ln -s /etc "$DIR/out"
	[ "$(file GET out/passwd)" = '403 forbidden' ]
	[ "$(file GET a/../x)" = '400 bad_request' ]
	[ "$(file GET 'caf%C3%A9')" = '404 not_found' ]
	[ "$(file DELETE 'a?recursive=1')" = '204 ' ]
	[ "$(ls -A "$DIR")" = out ]
}
