# serve-alloc - execmgr-serve: who gets which container, who waits, what comes back

load lib
load serve

setup() { sandbox_dir; }
teardown() { leave; }

@test "allocate: an object with id, url, type and generation; first come, first served, returned to the end" {
	fakes -n 3
	manager_in_order
	run -0 post /allocate
	[ "$output" = "{\"container_id\":0,\"url\":\"$(url_of 0)\",\"type\":\"python\",\"generation\":1}" ]
	[ "$(post '/allocate?type=python' | jq .container_id)" = 1 ]
	[ "$(post /deallocate/1)" = '{"status":"deallocated","container_id":1}' ]
	[ "$(post /deallocate/0)" = '{"status":"deallocated","container_id":0}' ]
	[ "$(post '/allocate?container_type=python' | jq .container_id)" = 2 ]
	[ "$(post /allocate | jq -c '[.container_id,.generation]')" = '[1,2]' ]
	[ "$(status '[.available_containers,.allocated_containers,.total_containers,.allocated_container_ids]')" = '[1,2,3,[1,2]]' ]
	[ "$(fake 1 .restart)" = 1 ]
	[ "$(fake 2 .restart)" = 0 ]
}

@test "allocate: types have queues of their own, both parameter names, no type is any" {
	fakes -t python:1,r:1
	manager
	settle
	[ "$(post '/allocate?container_type=r&type=r' | jq .container_id)" = 1 ]
	[ "$(word POST '/allocate?type=r&wait=0')" = "503 none_available" ]
	[ "$(jq -r .detail <"$T/word" | head -1)" = "No r containers available" ]
	[ "$(word POST '/allocate?container_type=r&type=python')" = "400 bad_request" ]
	[ "$(post '/allocate?wait=0' | jq .container_id)" = 0 ]
	[ "$(status .available_by_type)" = '{"python":0,"r":0}' ]
	[ "$(status .total_by_type)" = '{"python":1,"r":1}' ]
	run -0 curl -si -X POST "$M/allocate?wait=0"
	[[ $output == *"Retry-After: "* && $output == *"No containers available"* ]]
}

@test "allocate: an unknown type, a strange one, one of 300 characters: 400 with the types there are" {
	fakes -t python:1,r:1
	manager
	for t in nope a%2Fb 'a%0Ab' "$(printf 'x%.0s' {1..300})" '' %22; do
		[ "$(word POST "/allocate?type=$t")" = "400 unknown_type" ]
		[ "$(head -1 "$T/word" | jq -c .types)" = '["python","r"]' ]
	done
	[[ "$(post '/allocate?type=a%0Ab' | jq -r .detail)" == $'Unknown container type: a\nb' ]]
	[ "$(word POST '/allocate?type=%zz')" = "400 bad_request" ]
	[ "$(word POST '/allocate?type=%00')" = "400 bad_request" ]
	[ "$(word POST '/allocate?type=r&type=r')" = "400 bad_request" ]
}

@test "allocate: parameters that are wrong, misspelt, of a later version or in the body are named, never passed over" {
	fakes -n 1
	manager
	settle
	for q in wait=-1 wait=x wait=1e3 wait= wait=99999999 count=2 count=x lease=60 hold=1 tpye=r 'owner=%ff%zz'; do
		[ "$(word POST "/allocate?$q")" = "400 bad_request" ]
		head -1 "$T/word" | jq -r .detail | grep -q "${q%%=*}"
	done
	[ "$(word POST "/allocate?owner=$(printf 'x%.0s' {1..129})")" = "400 bad_request" ]
	[ "$(word POST /allocate -d '{"type":"r"}')" = "400 bad_request" ]
	[ "$(word POST /allocate --data-binary @<(head -c 70000 /dev/zero))" = "413 too_large" ]
	[ "$(status .allocated_containers)" = 0 ]
	[ "$(code -X POST "$M/allocate?owner=me%20%3C3&count=1" -d '{}')" = 200 ]
	[ "$(container 0 .owner)" = '"me <3"' ]
}

@test "ids that are none: 404; one that is not allocated or not there: 400 on deallocate, 404 on session" {
	fakes -n 1
	manager
	settle
	for id in -1 007 1e3 99999999999 x 0x0 +0 0/ %30; do
		[ "$(word POST "/deallocate/$id")" = "404 bad_id" ]
	done
	for id in -1 007 1e3 99999999999 x %30 ''; do
		[ "$(word GET "/session/$id/ready")" = "404 bad_id" ]
	done
	[ "$(word POST /deallocate/0)" = "400 not_allocated" ]
	[ "$(word POST /deallocate/7)" = "400 not_allocated" ]
	[ "$(head -1 "$T/word")" = '{"detail":"Container 7 is not allocated","error":"not_allocated"}' ]
	[ "$(word GET /session/7/ready)" = "404 not_found" ]
	[ "$(word GET /session/0)" = "404 not_found" ]
	[ "$(word GET /nothing)" = "404 not_found" ]
	[ "$(word POST /deallocate/)" = "404 not_found" ]
}

@test "those who wait are served in the order in which they asked" {
	fakes -n 1
	manager
	settle
	post /allocate
	local pids=()
	for i in 1 2 3; do
		(post /allocate >"$T/got"; echo "$i" >>"$T/order"; post /deallocate/0 >/dev/null) >/dev/null 3>&- &
		pids+=($!)
		until_status ".waiting_requests == $i"
	done
	[ "$(status .waiting_by_type)" = '{"python":0}' ]
	post /deallocate/0
	wait "${pids[@]}"
	eventually 100 is_status '.available_containers == 1'
	[ "$(tr '\n' ' ' <"$T/order")" = "1 2 3 " ]
}

@test "a wait ends at its deadline with 503, not before" {
	fakes -n 1
	manager
	settle
	post /allocate
	start=$(date +%s%N)
	[ "$(word POST '/allocate?wait=0.4')" = "503 none_available" ]
	ms=$((($(date +%s%N) - start) / 1000000))
	[ "$ms" -ge 400 ] && [ "$ms" -lt 3000 ]
	[ "$(status .waiting_requests)" = 0 ]
}

@test "a client that is killed while it waits is forgotten, and takes no container with it" {
	fakes -n 1
	manager
	settle
	post /allocate
	curl -s -X POST "$M/allocate?wait=60" >"$T/dead" 3>&- &
	local c=$!
	until_status '.waiting_requests == 1'
	kill -KILL "$c"
	# Given back at once, when the manager can hardly know: the dead one must not get it.
	post /deallocate/0
	until_status '.waiting_requests == 0 and .allocated_containers == 0 and .available_containers == 1'
	[ "$(post '/allocate?wait=5' | jq .container_id)" = 0 ]
}

@test "a client that is gone when its request is read takes no container with it" {
	fakes -n 2
	manager
	settle
	kill -STOP "$MP"
	for i in 1 2; do
		$PYTHON "$TOP/test/fake/raw.py" "${M#http://}" 'send:POST /allocate HTTP/1.1\r\nHost: x\r\n\r\n'
	done
	kill -CONT "$MP"
	until_status '.allocated_containers == 0 and .available_containers == 2' 60
}

@test "a client that has ended its side but lives gets its container, also after a wait" {
	fakes -n 1
	manager
	settle
	post /allocate
	$PYTHON - "${M#http://127.0.0.1:}" >"$T/half" 3>&- <<-'END' &
	import socket, sys
	s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
	s.sendall(b"POST /allocate?wait=30 HTTP/1.1\r\nHost: x\r\n\r\n")
	s.shutdown(socket.SHUT_WR)
	data = b""
	while b"container_id" not in data:
	    more = s.recv(4096)
	    if not more:
	        break
	    data += more
	print(data.decode())
	END
	until_status '.waiting_requests == 1'
	post /deallocate/0
	wait $!
	grep -q '"container_id":0' "$T/half"
	[ "$(status .allocated_containers)" = 1 ]
}

@test "1,000 allocate at once from 8 containers: exactly 8 succeed, the others get 503" {
	fakes -n 8
	manager --max-connections 2000
	settle
	run -0 $PYTHON - "${M#http://127.0.0.1:}" <<-'END'
	import asyncio, json, sys, resource
	resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
	async def ask(port):
	    r, w = await asyncio.open_connection("127.0.0.1", port)
	    w.write(b"POST /allocate?wait=2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	    data = await r.read()
	    w.close()
	    head, body = data.split(b"\r\n\r\n", 1)
	    return int(head.split()[1]), json.loads(body)
	async def main(port):
	    answers = await asyncio.gather(*[ask(port) for _ in range(1000)])
	    good = sorted(b["container_id"] for s, b in answers if s == 200)
	    bad = [b["error"] for s, b in answers if s == 503]
	    assert good == list(range(8)), good
	    assert bad == ["none_available"] * 992, len(bad)
	asyncio.run(main(int(sys.argv[1])))
	END
	[ "$(status '[.allocated_containers,.waiting_requests]')" = '[8,0]' ]
	run -0 post /restart
	[ "$(jq -c '[.status,.total_restarted,.total_failed]' <<<"$output")" = '["restart_completed",8,0]' ]
	until_status '.available_containers == 8'
}

@test "a queue of one type holds up no other" {
	fakes -t python:1,r:1
	manager
	settle
	post '/allocate?type=python'
	curl -s -X POST "$M/allocate?type=python&wait=20" >"$T/w1" 3>&- &
	local first=$!
	until_status '.waiting_by_type.python == 1'
	[ "$(post '/allocate?type=r&wait=0' | jq .container_id)" = 1 ]
	curl -s -X POST "$M/allocate?wait=20" >"$T/w2" 3>&- &
	until_status '.waiting_requests == 2'
	post /deallocate/1
	wait $!
	[ "$(jq .container_id <"$T/w2")" = 1 ]
	post /deallocate/0
	wait "$first"
	[ "$(jq .container_id <"$T/w1")" = 0 ]
}

@test "before a hand-out an executor not heard of for a second is asked whether it is ready" {
	fakes -n 1
	manager --probe-interval 3600
	settle
	before=$(fake 0 .ready_call)
	until_container 0 '.state_age_seconds > 1.2'
	[ "$(post /allocate | jq .container_id)" = 0 ]
	[ "$(fake 0 .ready_call)" = $((before + 1)) ]
	post /deallocate/0
	before=$(fake 0 .ready_call)
	[ "$(post /allocate | jq .container_id)" = 0 ]
	[ "$(fake 0 .ready_call)" = "$before" ]
}

@test "an executor that is not ready when it is to be handed out goes down, the next one is given, and it comes back" {
	fakes -n 2
	manager_in_order --probe-interval 3600
	until_container 0 '.state_age_seconds > 1.2'
	script 0 '{"ready":false,"reason":"kernel_dead"}'
	[ "$(post '/allocate?wait=0' | jq .container_id)" = 1 ]
	is_container 0 '(.state == "starting" or .state == "down") and (.last_error | contains("kernel_dead"))'
	[ "$(word POST '/allocate?wait=0')" = "503 none_available" ]
	script 0 '{"ready":true}'
	until_container 0 '.state == "available" and .last_error == null'
	[ "$(post '/allocate?wait=0' | jq .container_id)" = 0 ]
}

@test "deallocate answers when the executor is ready again, not before; meanwhile the container only lets itself be looked at" {
	fakes -n 1
	manager
	settle
	post /allocate
	script 0 '{"ready":false}'			# until it is told otherwise
	curl -s -X POST "$M/deallocate/0" >"$T/d" 3>&- &
	until_container 0 '.state == "restarting"'
	[ ! -s "$T/d" ]
	[ "$(word POST /session/0/execute -d '{}')" = "503 unavailable" ]
	[ "$(head -1 "$T/word")" = '{"detail":"Container 0 is not available","error":"unavailable"}' ]
	[ "$(curl -s "$M/session/0/ready" | jq .ready)" = false ]
	[ "$(word POST /deallocate/0)" = "400 not_allocated" ]
	[ "$(word POST '/allocate?wait=0')" = "503 none_available" ]
	[ ! -s "$T/d" ]
	script 0 '{"ready":true}'
	wait $!
	[ "$(cat "$T/d")" = '{"status":"deallocated","container_id":0}' ]
	is_container 0 '.state == "available"'
}

@test "a restart that hangs: down in time, never handed out as it is, back once a restart has succeeded" {
	fakes -n 1
	manager --restart-timeout 1
	settle
	post /allocate
	post /session/0/execute -d '{"code":"secret"}'
	script 0 '{"restart":{"hang":true}}'
	[ "$(post /deallocate/0)" = '{"status":"deallocated","container_id":0}' ]
	is_container 0 '.state != "available" and (.last_error | contains("POST /restart"))'
	[ "$(word POST '/allocate?wait=3')" = "503 none_available" ]
	[ "$(fake 0 .executions)" = 1 ]
	script 0 '{"restart":null}'
	[ "$(post '/allocate?wait=20' | jq .container_id)" = 0 ]
	[ "$(fake 0 .executions)" = 0 ]
}

@test "deallocate answers after 30 s though the executor is not ready; the container stays restarting until it is" {
	fakes -n 1
	manager
	settle
	post /allocate
	script 0 '{"restart_ms":33000}'
	start=$(date +%s)
	[ "$(post /deallocate/0)" = '{"status":"deallocated","container_id":0}' ]
	took=$(($(date +%s) - start))
	[ "$took" -ge 29 ] && [ "$took" -le 32 ]
	is_container 0 '.state == "restarting"'
	until_container 0 '.state == "available"'
}

@test "an executor may restart by exiting: refused connections count as restarting" {
	fakes -n 1
	manager --probe-interval 0.2
	settle
	post /allocate
	script 0 '{"restart_ms":60000}'
	curl -s -X POST "$M/deallocate/0" >"$T/d" 3>&- &
	until_container 0 '.state == "restarting"'
	script 0 '{"refuse":true}'
	until_container 0 '.state == "restarting" and .last_error != null and (.last_error | contains("refused"))'
	script 0 '{"restart_ms":0,"refuse":false}'
	wait $!
	[ "$(cat "$T/d")" = '{"status":"deallocated","container_id":0}' ]
	is_container 0 '.state == "available"'
}

@test "an executor without /restart-status is judged by /ready alone" {
	fakes -n 1
	script 0 '{"restart_status":{"status":404},"restart_ms":300}'
	manager
	settle
	for i in 1 2; do
		post /allocate
		post /deallocate/0
		is_container 0 '.state == "available"'
	done
	[ "$(fake 0 .restart_status)" = 1 ]
}

@test "on our own calls a redirect, HTML, half a JSON, an oversize or wrong answer is a failure: down, not lost" {
	fakes -n 5
	manager --restart-timeout 2
	settle
	for i in 0 1 2 3 4; do post /allocate >/dev/null; done
	script 0 '{"restart":{"status":302,"fields":"Location: /ready\r\n"}}'
	script 1 '{"restart":{"body":"<html>","type":"text/html"}}'
	script 2 '{"restart":{"body":"{\"status\":"}}'
	script 3 '{"restart":{"flood_bytes":10000000000}}'
	script 4 '{"restart":{"raw":"garbage\r\n\r\n"}}'
	run -0 post /restart
	[ "$(jq -c '[.total_restarted,.total_failed]' <<<"$output")" = '[0,5]' ]
	[ "$(jq -r '.failed_containers[] | select(.container_id == 0) | .error' <<<"$output")" = \
		"POST /restart: the answer is a redirect" ]
	[[ "$(jq -r '.failed_containers[] | select(.container_id == 4) | .error' <<<"$output")" == *"not HTTP"* ]]
	[ "$(status '[.available_containers,.allocated_containers,.total_containers]')" = '[0,0,5]' ]
	script all '{"restart":null}'
	until_status '.available_containers == 5' 200
	[ "$(rss_kb "$MP")" -lt 200000 ]
}

@test "restart: with none allocated it says so; one that fails is reported and the others are restarted" {
	fakes -n 3
	manager_in_order
	[ "$(post /restart | jq -r .status)" = no_containers_to_restart ]
	post /allocate
	post /allocate
	script 1 '{"restart":{"status":500}}'
	run -0 post /restart
	[ "$(jq -c '[.status,.restarted_containers,.total_restarted,.total_failed,.failed_containers[0].container_id]' <<<"$output")" = \
		'["restart_completed",[0],1,1,1]' ]
	is_container 1 '.state == "down" and .retry_at != null'
	[ "$(fake 2 .restart)" = 0 ]
	script 1 '{"restart":null}'
	until_status '.available_containers == 3'
}

@test "a container used without allocation is dirty: clean ones go first, it is restarted before its hand-out and not sooner" {
	fakes -n 2
	manager_in_order
	curl -sf "$M/session/0/ready" -o /dev/null		# a look makes nobody dirty
	[ "$(post /session/0/execute -d '{"code":"x=1"}' | jq -r .outputs[0].text)" = "executor 0" ]
	[ "$(post /allocate | jq .container_id)" = 1 ]
	[ "$(fake 0 .restart)" = 0 ]
	[ "$(post '/allocate?wait=0' | jq -c '[.container_id,.generation]')" = '[0,2]' ]
	[ "$(fake 0 '[.restart,.executions]')" = '[1,0]' ]
	[ "$(fake 1 .restart)" = 0 ]
}

@test "of what nobody knows is dirty: an executor that says it has executed something, or says nothing" {
	fakes -n 3
	curl -sf "$(url_of 1)/execute" -d '{}' >/dev/null
	script 2 '{"info":{"status":404}}'
	manager_in_order
	for i in 0 1 2; do post /allocate >/dev/null; done
	[ "$(fake 0 .restart) $(fake 1 .restart) $(fake 2 .restart)" = "0 1 1" ]
}

@test "a container with a request under way is not handed out" {
	fakes -n 1
	manager
	settle
	script 0 '{"execute":{"delay_ms":700}}'
	curl -s -X POST "$M/session/0/execute" -d '{}' >"$T/e" 3>&- &
	until_container 0 '.running == 1'
	[ "$(word POST '/allocate?wait=0')" = "503 none_available" ]
	[ "$(post '/allocate?wait=20' | jq .container_id)" = 0 ]
	wait $!
	[ -s "$T/e" ]
	[ "$(fake 0 .restart)" = 1 ]
	[ "$(container 0 .running)" = 0 ]
}

@test "a client that leaves while its dirty container is restarted: the restart goes on, the container comes back clean" {
	fakes -n 1
	manager
	settle
	post /session/0/execute -d '{}'
	script 0 '{"restart_ms":6000}'
	curl -s -X POST "$M/allocate" >"$T/a" 3>&- &
	local c=$!
	until_container 0 '.state == "allocated" and .last_error != null'
	[ "$(word POST /deallocate/0)" = "400 not_allocated" ]	# not yet anybody's
	[ "$(word POST /session/0/execute -d '{}')" = "503 unavailable" ]
	kill -KILL "$c"
	until_container 0 '.state == "restarting"'
	until_status '.available_containers == 1'
	[ "$(post '/allocate?wait=0' | jq .container_id)" = 0 ]
	[ "$(fake 0 .restart)" = 1 ]
}

@test "a client whose patience ends while its container is restarted: 503, and the container comes back clean" {
	fakes -n 1
	manager
	settle
	post /session/0/execute -d '{}'
	script 0 '{"restart_ms":12000}'
	[ "$(word POST '/allocate?wait=1')" = "503 none_available" ]
	is_container 0 '.state == "restarting"'
	[ "$(post '/allocate?wait=20' | jq .container_id)" = 0 ]
	[ "$(fake 0 .restart)" = 1 ]
}
