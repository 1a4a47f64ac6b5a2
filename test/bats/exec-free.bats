load lib
load pool
setup() { sandbox_dir; }
teardown() { reap; }

@test "exec-free gives containers back, reset, and prints nothing" {
	pool python:2
	exec-alloc -n 2 >/dev/null
	run -0 exec-free 0 1
	[ -z "$output" ]
	allocated ""
	all_are available
	[ "$(asked 0 restart)" = 1 ] && [ "$(asked 1 restart)" = 1 ]
}

@test "exec-free - takes ids and allocations, a line each, as they come" {
	pool python:3
	{ exec-alloc; exec-alloc -o id; echo; exec-alloc; } >"$T/list"
	run -0 exec-free - <"$T/list"
	[ -z "$output" ]
	allocated ""
	exec-alloc >/dev/null
	mkfifo "$T/pipe"
	spawn free bash -c 'exec-free - <"$1"' _ "$T/pipe"
	exec 9>"$T/pipe"
	exec-status -f '.allocated_container_ids[]' >&9
	eventually 100 allocated ""
	exec 9>&-
}

@test "all are tried; the status is that of the first failure" {
	pool python:2
	exec-alloc -n 2 >/dev/null
	run -77 --separate-stderr exec-free 7 0 8 1
	[ "$stderr" = $'exec-free: container 7 is not allocated\nexec-free: container 8 is not allocated' ]
	allocated ""
	exec-alloc -n 2 >/dev/null
	run -65 --separate-stderr exec-free - <<<$'0\nx\n7\n1'
	[ "$stderr" = $'exec-free: standard input: line 2 is neither an id nor an allocation\nexec-free: container 7 is not allocated' ]
	allocated ""
}

@test "a line that is no id is refused with its number: 65" {
	stub
	for line in -1 007 1e3 99999999999 2147483648 '"1"' '{}' '{"container_id":"1"}' '{"container_id":1' '[1]' $'\xff' '1 2'; do
		run -65 --separate-stderr exec-free - <<<$'\n'"$line"
		[ "$stderr" = "exec-free: standard input: line 2 is neither an id nor an allocation" ]
	done
	run -65 bash -c 'printf "1\0002\n" | exec-free -'
	[ ! -e "$T/stub/log" ]
}

@test "no line at all is nothing to do; an endless one is refused" {
	stub
	run -0 exec-free - </dev/null
	run -65 --separate-stderr bash -c 'exec-free - </dev/zero'
	[ "$stderr" = "exec-free: standard input: line 1: too long" ]
	run -74 --separate-stderr bash -c 'exec-free - <&-'
}

@test "operands that are no ids are bad usage, and nothing is freed" {
	stub
	for id in 007 1e3 99999999999 x '' ' 1'; do
		run -64 --separate-stderr exec-free 1 "$id"
		[ "${stderr_lines[0]}" = "exec-free: $id: not a container id" ]
	done
	run -64 exec-free
	run -64 exec-free -1
	[ ! -e "$T/stub/log" ]
}

@test "a manager that is not there, or is none" {
	run -69 --separate-stderr exec-free -u "unix:$T/none.sock" 1
	[ "${#stderr_lines[@]}" = 1 ]
	stub
	say POST_deallocate_1 '<html>'
	run -76 --separate-stderr exec-free 1
	[ "${#stderr_lines[@]}" = 1 ]
}
