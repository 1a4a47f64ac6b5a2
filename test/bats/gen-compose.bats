load lib
setup() { sandbox_dir; cd "$T" || return; }
teardown() { cd / && reap; }

# yaml FILE EXPRESSION - what a YAML reader makes of it; d is the document.
yaml() { "$PYTHON" -c 'import sys, yaml
d = yaml.safe_load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$1" "$2"; }
has_yaml() { "$PYTHON" -c 'import yaml' 2>/dev/null || skip "python3-yaml is not installed"; }

@test "ten python executors where nothing is said; both files beside each other" {
	run -0 --separate-stderr gen-compose
	[ -z "$output" ] && [ -z "$stderr" ]
	[ "$(ls)" = $'container_config.json\ndocker-compose.yml' ]
	[ "$(jq -c 'length, .["9"]' container_config.json)" = $'10\n{"url":"http://executor-009:8432","type":"python"}' ]
	[ "$(stat -c %a docker-compose.yml)" = "$(printf '%o' $((0666 & ~$(umask))))" ]
}

@test "types and counts, ports in their order" {
	has_yaml
	gen-compose -n 100 -t python:60,kaggle:30,nodejs:10 -o prod.yml -p 61000
	[ "$(jq -r '[.[].type] | group_by(.) | map("\(.[0])=\(length)") | join(" ")' container_config.json)" = "kaggle=30 nodejs=10 python=60" ]
	[ "$(yaml prod.yml 'len(d["services"]), d["services"]["executor-099"]["image"], d["services"]["executor-099"]["ports"]')" = \
		"(101, 'nodejs', ['127.0.0.1:61099:8432'])" ]
	gen-compose -n 100 -t python,kaggle:30
	[ "$(jq -r '[.[].type] | map(select(. == "python")) | length' container_config.json)" = 70 ]
	gen-compose -t a:2,b:1
	[ "$(jq length container_config.json)" = 3 ]
}

@test "secure defaults, limits, and the configuration mounted read-only" {
	has_yaml
	gen-compose -n 1
	for s in manager executor-000; do
		[ "$(yaml docker-compose.yml "[d['services']['$s'][k] for k in ('cap_drop', 'security_opt', 'read_only', 'container_name')]")" = \
			"[['ALL'], ['no-new-privileges:true'], True, '$s']" ]
		[ "$(yaml docker-compose.yml "all(p.startswith('127.0.0.1:') for p in d['services']['$s']['ports'])")" = True ]
	done
	[ "$(yaml docker-compose.yml 'd["services"]["executor-000"]["deploy"]["resources"]["limits"]')" = \
		"{'cpus': '0.25', 'memory': '256M', 'pids': 256}" ]
	[ "$(yaml docker-compose.yml 'd["services"]["manager"]["deploy"]["resources"]["limits"]')" = "{'pids': 256}" ]
	[ "$(yaml docker-compose.yml 'd["services"]["manager"]["volumes"][0]["source"], d["services"]["manager"]["volumes"][0]["read_only"]')" = \
		"('./container_config.json', True)" ]
	[ "$(yaml docker-compose.yml 'd["services"]["manager"]["volumes"][0]["target"] == d["services"]["manager"]["environment"]["CONTAINER_CONFIG_PATH"]')" = True ]
}

@test "types that YAML would take for something else stay what they are" {
	has_yaml
	gen-compose -t no:1,1e3:1,0o7:1,null:1,1.0:1,0x1F:1,True:1,12:1
	[ "$(yaml docker-compose.yml '[s["image"] for n, s in d["services"].items() if n != "manager"]')" = \
		"['no', '1e3', '0o7', 'null', '1.0', '0x1F', 'True', '12']" ]
}

@test "the configuration elsewhere is named absolutely, beside the output relatively; \$ is not Compose's" {
	has_yaml
	mkdir a 'b $x: #'
	gen-compose -n 1 -o a/x.yml -c ./a/conf.json
	[ "$(yaml a/x.yml 'd["services"]["manager"]["volumes"][0]["source"]')" = ./conf.json ]
	gen-compose -n 1 -o a/x.yml -c 'b $x: #/conf.json'
	[ "$(yaml a/x.yml 'd["services"]["manager"]["volumes"][0]["source"]')" = "$(realpath .)"'/b $$x: #/conf.json' ]
	[ -s 'b $x: #/conf.json' ]
}

@test "the same options give the same bytes; - is standard output" {
	gen-compose -t python:3,r:2 -o one.yml
	gen-compose -t python:3,r:2 -o two.yml
	cmp one.yml two.yml
	gen-compose -t python:3,r:2 -o - | cmp - one.yml
	[ "$(ls)" = $'container_config.json\none.yml\ntwo.yml' ]
}

@test "what execmgr-serve reads is what was written" {
	gen-compose -t python:3,r:2
	sed 's,http://executor-00\(.\):8432,http://127.0.0.1:1\1,' container_config.json >local.json
	spawn serve execmgr-serve -b "unix:$T/s" -c local.json
	eventually 100 test -S s
	[ "$(exec-status -u "unix:$T/s" -f '.total_by_type | "\(.python) \(.r)"')" = "3 2" ]
}

@test "refusals are 64, one line and the usage, and nothing is written" {
	while read -r args; do
		run -64 --separate-stderr gen-compose $args
		[ -z "$output" ] && [[ ${stderr_lines[0]} = "gen-compose: "* ]] && [[ ${stderr_lines[1]} = "usage: gen-compose "* ]]
		[ -z "$(ls)" ]
	done <<-'END'
		-n 5 -t python:4
		-n 3 -t python:4
		-n 0
		-n -1
		-n 10001
		-n 1e3
		-n 30 -t python,kaggle:30
		-n 30 -t python,kaggle
		-t a:b:c
		-t a:0
		-t a:1,a:2
		-t a:10001
		-t ,
		-t a/b
		-p 0
		-p 65536
		-p 65530
		-p 4991
		-p 5000 -n 1
		-o x/
		-c -
		-c docker-compose.yml
		-o a.yml -c ./a.yml
		operand
		--nope
	END
	run -64 gen-compose -t ''
	run -64 gen-compose -o ''
	[ -z "$(ls)" ]
	gen-compose -p 4990 -n 10
	gen-compose -p 65526 -n 10
}

@test "a refusal names the option and what is wrong" {
	run -64 --separate-stderr gen-compose -n 5 -t python:4
	[ "${stderr_lines[0]}" = "gen-compose: --types python:4: that is 4 executors, but --num-containers says 5" ]
	run -64 --separate-stderr gen-compose -t x:1,a:b:c
	[ "${stderr_lines[0]}" = "gen-compose: --types a:b:c: only one colon may separate type and count" ]
}

@test "an output that cannot be written is 73, one that is full 74; what was there stays" {
	echo old >container_config.json
	mkdir docker-compose.yml
	run -73 --separate-stderr gen-compose
	[ "$stderr" = "gen-compose: docker-compose.yml: Is a directory" ]
	[ "$(cat container_config.json)" = old ]
	run -73 --separate-stderr gen-compose -o none/x.yml
	[ "$stderr" = "gen-compose: none/x.yml: No such file or directory" ]
	run -74 --separate-stderr gen-compose -c conf.json -o /dev/full
	[ "$stderr" = "gen-compose: /dev/full: No space left on device" ]
	[ ! -e conf.json ]
	run -74 gen-compose -c container_config.json -o /dev/full
	[ "$(cat container_config.json)" = old ]
	run -74 --separate-stderr bash -c 'gen-compose -o - >/dev/full'
	[ "$stderr" = "gen-compose: standard output: No space left on device" ]
	run -74 bash -c 'gen-compose -o - >&-'
	[ "$(ls)" = $'container_config.json\ndocker-compose.yml' ]
}

@test "a device is written to, not replaced; a link is followed" {
	gen-compose -c conf.json -o /dev/null
	[ -c /dev/null ]
	ln -s real.yml link.yml
	: >real.yml
	gen-compose -o link.yml
	[ -L link.yml ] && [ -s real.yml ]
}

@test "the manager's user can read the configuration whatever the umask, but the compose file may hold secrets" {
	umask 077
	gen-compose
	[ "$(stat -c '%a %n' *)" = $'644 container_config.json\n600 docker-compose.yml' ]
}

@test "1,000 executors" {
	gen-compose -n 1000 -t python
	[ "$(jq length container_config.json)" = 1000 ]
	grep -q '"127.0.0.1:60999:8432"' docker-compose.yml
}
