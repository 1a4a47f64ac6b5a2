load lib
setup() { sandbox_dir; cd "$T" || return; }
teardown() { cd / && reap; }

# yaml FILE EXPRESSION - what a YAML reader makes of it; d is the document.
yaml() { "$PYTHON" -c 'import sys, yaml
d = yaml.safe_load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$1" "$2"; }
# service NAME EXPRESSION - the same of one service, s, in docker-compose.yml.
service() { yaml docker-compose.yml "(lambda s: ($2))(d['services']['$1'])"; }
has_compose() { docker compose version >/dev/null 2>&1 || skip "docker compose is not installed"; }
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
		"{'cpus': '0.25', 'memory': '256M', 'pids': 128}" ]
	[ "$(yaml docker-compose.yml 'd["services"]["manager"]["deploy"]["resources"]["limits"]')" = "{'pids': 256}" ]
	[ "$(yaml docker-compose.yml 'd["services"]["manager"]["volumes"][0]["source"], d["services"]["manager"]["volumes"][0]["read_only"]')" = \
		"('./container_config.json', True)" ]
	[ "$(yaml docker-compose.yml 'd["services"]["manager"]["volumes"][0]["target"] == d["services"]["manager"]["environment"]["CONTAINER_CONFIG_PATH"]')" = True ]
}

@test "types that YAML would take for something else stay what they are" {
	has_yaml
	gen-compose -t no:1,1e3:1,0o7:1,null:1,1.0:1,0x1f:1,true:1,12:1
	[ "$(yaml docker-compose.yml '[s["image"] for n, s in d["services"].items() if n != "manager"]')" = \
		"['no', '1e3', '0o7', 'null', '1.0', '0x1f', 'true', '12']" ]
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
		-p 70000
		-n 3 --manager-port 60002
		--manager-port 0
		--manager-port 65536
		--manager-image Python
		--image python
		--image python=
		--image python=A
		--image r=x
		--image python=a --image python=b
		-t Python:1
		-g 0,0
		-g 0,
		-g x
		-n 1 -g 0,1
		--bind localhost
		--bind 1.2.3
		--runtime a,b
		-e A
		-e 1A=x
		-e =x
		-e A-B=x
		-e PORT=1
		-e ALLOW_FROM=0.0.0.0
		-e CONTAINER_CONFIG_PATH=/x
		-s ../none -e SUBMISSION_DIR=/x
		-g 0 -e NVIDIA_VISIBLE_DEVICES=all
		-e LOG_LEVEL=trace
		-e DEBUG=maybe
		-e MEM_LIMIT=1x
		-e MEM_LIMIT=1M
		-e CPUS=0
		-e CPUS=1e3
		-e MEM_RESERVATION=1g
		-m / -m /
		-m /:/
		-m /:x
		-m /:/x/
		-m /:/tmp
		-m /:/work:ro
		-m /:/x:rw
		-m /:/submission -s ../none
		--preset none
		--preset ../presets/default
		-o x/
		-c -
		-c docker-compose.yml
		-o a.yml -c ./a.yml
		operand
		--nope
	END
	for o in -t -o -c -e -g -m -s --image --bind --runtime --preset --manager-image; do run -64 gen-compose "$o" ''; done
	run -64 gen-compose -e $'A=\x01'
	run -64 gen-compose -e $'A=\xff'
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

@test "what every executor has, and the manager" {
	has_yaml
	gen-compose -n 2
	[ "$(service executor-001 's["tmpfs"], s["networks"], s["environment"]')" = \
		"(['/tmp:exec,mode=1777,size=134217728', '/work:exec,mode=1777,size=134217728'], ['default'], {'ALLOW_FROM': 'manager', 'OMP_NUM_THREADS': '1'})" ]
	[ "$(service manager 's["tmpfs"], s["networks"], list(s["environment"])')" = \
		"(['/tmp:mode=1777'], ['default'], ['CONTAINER_CONFIG_PATH'])" ]
	for s in manager executor-001; do
		[ "$(service $s 's["healthcheck"]')" = \
			"{'interval': '5s', 'timeout': '15s', 'retries': 3, 'start_period': '60s'}" ]
		[ "$(service $s 's["logging"]')" = "{'driver': 'json-file', 'options': {'max-size': '10m', 'max-file': '3'}}" ]
		[ "$(service $s '"depends_on" in s or "runtime" in s or "user" in s')" = False ]
	done
	[ "$(yaml docker-compose.yml 'd["networks"]')" = "{'default': {'driver': 'bridge'}}" ]
}

@test "the larger the pool, the rarer its health checks" {
	has_yaml
	gen-compose -n 100
	[ "$(service executor-000 's["healthcheck"]["interval"]')" = 25s ]
	[ "$(service manager 's["healthcheck"]["interval"]')" = 5s ]
}

@test "images by type, the manager's image and port, addresses, runtime" {
	has_yaml
	gen-compose -t python:1,r:1 --image r=registry.example:5000/team/r@sha256:$(printf '%064d' 7) --manager-image m:2 \
		--manager-port 8080 --runtime runsc --bind 0.0.0.0
	[ "$(service executor-000 's["image"], s["runtime"], s["ports"]')" = "('python', 'runsc', ['0.0.0.0:60000:8432'])" ]
	[ "$(service executor-001 's["image"]')" = "registry.example:5000/team/r@sha256:$(printf '%064d' 7)" ]
	[ "$(service manager 's["image"], "runtime" in s, s["ports"]')" = "('m:2', False, ['0.0.0.0:8080:5000'])" ]
	gen-compose -n 1 --bind 0:0::1
	[ "$(service executor-000 's["ports"]')" = "['[::1]:60000:8432']" ]
	gen-compose -n 1 -p 5000 --manager-port 5001
	[ "$(service executor-000 's["ports"]')" = "['127.0.0.1:5000:8432']" ]
}

@test "variables go to executors as they are; DEBUG and LOG_LEVEL to the manager too" {
	has_yaml
	gen-compose -n 1 -e 'DEBUG=true,MAX_MEMORY=2G,API_KEY=secret' -e LOG_LEVEL=debug
	[ "$(service executor-000 's["environment"]')" = \
		"{'ALLOW_FROM': 'manager', 'OMP_NUM_THREADS': '1', 'DEBUG': 'true', 'MAX_MEMORY': '2G', 'API_KEY': 'secret', 'LOG_LEVEL': 'debug'}" ]
	[ "$(service manager 's["environment"]')" = \
		"{'CONTAINER_CONFIG_PATH': '/etc/execmgr/container_config.json', 'DEBUG': 'true', 'LOG_LEVEL': 'debug'}" ]
	gen-compose -n 1 -e 'A=1,2,B=x=y,C=,A=3'
	[ "$(service executor-000 's["environment"]')" = "{'ALLOW_FROM': 'manager', 'OMP_NUM_THREADS': '1', 'A': '3', 'B': 'x=y', 'C': ''}" ]
}

@test "names and values that mean something to YAML or Compose stay what they are" {
	has_yaml
	gen-compose -n 1 -e 'no=no,null=null,y=1e3,A=0o7,B=*x,C=&x,D= # x: {,E=,F="q" '"'s'"',G=\n,H=${HOME}$$,I=~,J=%x,K=!y,L=1:20'
	[ "$(service executor-000 's["environment"]')" = "{'ALLOW_FROM': 'manager', 'OMP_NUM_THREADS': '1', 'no': 'no', 'null': 'null', 'y': '1e3', 'A': '0o7', "\
"'B': '*x', 'C': '&x', 'D': ' # x: {', 'E': '', 'F': '\"q\" \\'s\\'', 'G': '\\\\n', 'H': '\$\${HOME}\$\$\$\$', 'I': '~', 'J': '%x', "\
"'K': '!y', 'L': '1:20'}" ]
	gen-compose -n 1 -e $'A=two\nlines\tand é ☃ \xf0\x9f\x98\x80'
	[ "$(service executor-000 'ascii(s["environment"]["A"])')" = "'two\\nlines\\tand \\xe9 \\u2603 \\U0001f600'" ]
}

@test "what Compose makes of a value is the value" {
	has_compose
	value=$'no \'q\' "d" $x ${y} $$ `z` \\ # * & : {\n\ttab'
	gen-compose -n 1 -e "null=$value"
	[ "$(docker compose config --format json | jq -r '.services["executor-000"].environment.null | gsub("[$][$]"; "$")')" = "$value" ]
}

@test "limits by variables, which are not handed on" {
	has_yaml
	gen-compose -n 1 -e MEM_LIMIT=1.5g,CPUS=2,MEM_RESERVATION=512M,X=y
	[ "$(service executor-000 's["deploy"]["resources"]')" = \
		"{'limits': {'cpus': '2', 'memory': '1.5g', 'pids': 768}, 'reservations': {'memory': '512M'}}" ]
	[ "$(service executor-000 's["environment"]')" = "{'ALLOW_FROM': 'manager', 'OMP_NUM_THREADS': '2', 'X': 'y'}" ]
	[ "$(service manager 's["deploy"]["resources"]')" = "{'limits': {'pids': 256}}" ]
}

@test "as many processes and threads as memory has room for" {
	has_yaml
	while read -r memory pids; do
		gen-compose -n 1 -e "MEM_LIMIT=$memory"
		[ "$(service executor-000 's["deploy"]["resources"]["limits"]["pids"]')" = "$pids" ]
	done <<-'END'
		6M 64
		128M 64
		130M 65
		1g 512
		1024g 4096
	END
}

@test "variables from files: comments, export, no magic in values; the command line wins over files, files over presets" {
	has_yaml
	printf '# c\n\n  export A="x" # y\r\nB=1,C=2\nEXECUTION_TIMEOUT=90\n' >a.env
	echo B=later >b.env
	gen-compose -n 1 --preset long-running --env-file a.env --env-file b.env -e CPUS=3
	[ "$(service executor-000 's["environment"]')" = \
		"{'ALLOW_FROM': 'manager', 'OMP_NUM_THREADS': '3', 'EXECUTION_TIMEOUT': '90', 'A': '\"x\" # y', 'B': 'later'}" ]
	[ "$(service executor-000 's["deploy"]["resources"]["limits"]')" = "{'cpus': '3', 'memory': '2G', 'pids': 1024}" ]
	echo A=stdin | gen-compose -n 1 -e EXECUTION_TIMEOUT=1 --env-file - --env-file a.env
	[ "$(service executor-000 's["environment"]["EXECUTION_TIMEOUT"]')" = 1 ]
	[ "$(service executor-000 's["environment"]["A"]')" = '"x" # y' ]
}

@test "a faulty file of variables is 65 with its line, a missing one 66" {
	local what
	while IFS='|' read -r text what; do
		printf "$text" >f.env
		run -65 --separate-stderr gen-compose --env-file f.env
		[ -z "$output" ]
		[ "$stderr" = "gen-compose: $what" ]
	done <<-'END'
		A=1\nB\n|f.env:2: B: must be NAME=VALUE
		\n1A=x|f.env:2: 1A: a name starts with a letter or '_' and has only letters, digits and '_'
		A=secret\x01|f.env:1: A: the value holds a control character
		A=secret\0x|f.env:1: A: the value holds a control character
		A=secret\xff|f.env:1: A: the value is not UTF-8
		A=1\nCPUS=none\n|f.env:2: CPUS=none: must be a number of processors such as 0.5 or 2
		MEM_RESERVATION=1g|f.env:1: MEM_RESERVATION=1g: is above MEM_LIMIT
		PORT=80|f.env:1: PORT=80: an executor listens on 8432 in its container; --start-port chooses the host's ports
	END
	run -66 --separate-stderr gen-compose --env-file none.env
	[ "$stderr" = "gen-compose: none.env: No such file or directory" ]
	run -66 --separate-stderr gen-compose --env-file "$T"
	[ "$stderr" = "gen-compose: $T: Is a directory" ]
	run -65 --separate-stderr gen-compose --env-file /dev/zero
	[ "$stderr" = "gen-compose: /dev/zero: larger than 1 MiB" ]
	[ "$(ls)" = f.env ]
}

@test "a refusal does not tell a value that may be secret" {
	run -64 --separate-stderr gen-compose -e $'API_KEY=hush\x01'
	[ "${stderr_lines[0]}" = "gen-compose: --env API_KEY: the value holds a control character" ]
}

@test "presets: as they are here, as they are installed, and which there are" {
	has_yaml
	local p
	gen-compose -n 1 -o none.yml
	while read -r p timeout memory cpus pids; do
		gen-compose -n 1 --preset "$p"
		[ "$(service executor-000 's["environment"]["EXECUTION_TIMEOUT"]')" = "$timeout" ]
		[ "$(service executor-000 's["deploy"]["resources"]["limits"]')" = "{'cpus': '$cpus', 'memory': '$memory', 'pids': $pids}" ]
	done <<-'END'
		default 180 256M 0.25 128
		quick-tests 60 256M 0.5 128
		long-running 7200 2G 1 1024
	END
	# What the preset of that name says is what nothing says, but for the variable itself.
	gen-compose -n 1 --preset default
	[ "$(grep -v EXECUTION_TIMEOUT docker-compose.yml)" = "$(cat none.yml)" ]
	run -64 --separate-stderr gen-compose --preset slow
	[ "${stderr_lines[0]}" = "gen-compose: --preset slow: there is none of that name, but default, long-running, quick-tests" ]
	mkdir -p usr/bin usr/share
	cp "$BIN/gen-compose" usr/bin
	run -66 --separate-stderr usr/bin/gen-compose --preset default
	[ "$stderr" = "gen-compose: --preset default: the presets of this program: No such file or directory" ]
	make -s -C "$TOP" install DESTDIR="$T/stage" PREFIX=/usr ${SANITIZE:+SANITIZE="$SANITIZE"} >/dev/null
	"$T/stage/usr/bin/gen-compose" -n 1 --preset quick-tests
	[ "$(service executor-000 's["environment"]["EXECUTION_TIMEOUT"]')" = 60 ]
}

@test "directories at /code and elsewhere, absolute, never made by Docker" {
	has_yaml
	mkdir -p 'a $b' a:b data/x
	ln -s data link
	gen-compose -n 2 -m 'a $b' -m link/x:/mnt/x -m a:b:/ab:ro
	[ "$(service executor-001 '[(v["type"], v["source"], v["target"], v.get("read_only"), v["bind"]) for v in s["volumes"]]')" = \
		"[('bind', '$T/a \$\$b', '/code', True, {'create_host_path': False}), ('bind', '$T/data/x', '/mnt/x', None, {'create_host_path': False}), "\
"('bind', '$T/a:b', '/ab', True, {'create_host_path': False})]" ]
	[ "$(service manager 'len(s["volumes"])')" = 1 ]
}

@test "a directory that is missing, none, or cannot be named is 65" {
	: >file
	mkdir $'bad\xff'
	run -65 --separate-stderr gen-compose -m none
	[ "$stderr" = "gen-compose: --mountable-volumes none: No such file or directory" ]
	run -65 --separate-stderr gen-compose -m file:/x
	[ "$stderr" = "gen-compose: --mountable-volumes file: Not a directory" ]
	run -65 --separate-stderr gen-compose -m $'bad\xff'
	[ "$stderr" = "gen-compose: $T/bad\\xff: not UTF-8, so no compose file can name it" ]
	run -65 --separate-stderr gen-compose -c $'bad\xff/c.json'
	run -65 --separate-stderr gen-compose -m none -s out
	run -65 --separate-stderr gen-compose -s $'out\xff'
	[ "$(ls)" = $'bad\xff\nfile' ]
}

@test "a directory for what each executor hands in" {
	has_yaml
	umask 077
	gen-compose -n 2 -s out -m .
	[ "$(stat -c '%a %n' out out/*)" = $'700 out\n777 out/container_000\n777 out/container_001' ]
	[ "$(service executor-001 's["environment"]')" = "{'ALLOW_FROM': 'manager', 'OMP_NUM_THREADS': '1', 'SUBMISSION_DIR': '/submission'}" ]
	[ "$(service executor-001 '[(v["source"], v["target"], v.get("read_only"), v["bind"]) for v in s["volumes"]]')" = \
		"[('$T', '/code', True, {'create_host_path': False}), ('$T/out/container_001', '/submission', None, {'create_host_path': False})]" ]
	echo kept >out/container_001/result
	chmod 700 out/container_000
	gen-compose -n 3 -s out
	[ "$(cat out/container_001/result)" = kept ]
	[ "$(stat -c '%a %n' out/*)" = $'777 out/container_000\n777 out/container_001\n777 out/container_002' ]
}

@test "directories for results are made with - too, by any path, under any umask" {
	mkdir real
	ln -s real link
	(umask 777; gen-compose -n 1 -s link/out/ -c conf.json -o -) | grep -q "source: \"$T/real/out/container_000\""
	[ "$(stat -c '%a %n' real/out real/out/*)" = $'700 real/out\n777 real/out/container_000' ]
	(cd real/out && gen-compose -n 2 -s . -o -) | grep -q "source: \"$T/real/out/container_001\""
}

@test "a run that fails removes the directories it made, and no others" {
	mkdir -p old/container_000 docker-compose.yml
	chmod 750 old/container_000
	run -73 gen-compose -n 3 -s new
	run -73 gen-compose -n 3 -s old
	run -74 bash -c 'gen-compose -n 3 -c c.json -s new -o - >/dev/full'
	[ ! -e new ]
	[ "$(ls old)" = container_000 ]
	[ "$(stat -c %a old/container_000)" = 750 ]
	mkdir -m 777 elsewhere
	ln -s "$T/elsewhere" old/container_001
	run -73 --separate-stderr gen-compose -n 3 -o x.yml -s old
	[ "$stderr" = "gen-compose: old/container_001: Not a directory" ]
	[ "$(ls old)" = $'container_000\ncontainer_001' ]
	rm old/container_001
	: >old/container_001
	run -73 gen-compose -n 3 -o x.yml -s old
	ln -s nowhere dangling
	run -73 --separate-stderr gen-compose -n 3 -o x.yml -s dangling
	[ "$stderr" = "gen-compose: dangling: No such file or directory" ]
	run -73 --separate-stderr gen-compose -n 3 -o x.yml -s no/where
	[ "$stderr" = "gen-compose: no/where: No such file or directory" ]
	run -73 --separate-stderr gen-compose -n 3 -o x.yml -s old/container_001
	[ "$stderr" = "gen-compose: old/container_001: Not a directory" ]
	[ ! -e x.yml ]
}

@test "another user's directory for results is left as it is" {
	[ "$(id -u)" = 0 ] || skip "needs root"
	mkdir -p out/container_000
	chmod 700 out/container_000
	chown 10001 out/container_000
	gen-compose -n 1 -s out
	[ "$(stat -c '%a %u' out/container_000)" = "700 10001" ]
}

@test "GPUs for the first executors, none for the others" {
	has_yaml
	local uuid=GPU-8f2ba1a5-0c3d-4e5f-8a9b-0123456789ab
	gen-compose -n 3 -g 3,$uuid -e X=y,MEM_RESERVATION=64M
	[ "$(service executor-000 's["deploy"]["resources"]')" = \
		"{'limits': {'cpus': '0.25', 'memory': '256M', 'pids': 128}, 'reservations': {'memory': '64M', 'devices': [{'driver': 'nvidia', 'device_ids': ['3'], 'capabilities': ['gpu']}]}}" ]
	[ "$(service executor-001 's["deploy"]["resources"]["reservations"]["devices"][0]["device_ids"]')" = "['$uuid']" ]
	[ "$(service executor-002 's["deploy"]["resources"]["reservations"]')" = "{'memory': '64M'}" ]
	[ "$(service executor-001 's["environment"]')" = "{'ALLOW_FROM': 'manager', 'OMP_NUM_THREADS': '1', 'X': 'y'}" ]
	[ "$(service executor-002 's["environment"]')" = "{'ALLOW_FROM': 'manager', 'OMP_NUM_THREADS': '1', 'X': 'y', 'NVIDIA_VISIBLE_DEVICES': 'void'}" ]
}

@test "without egress: a network that leads nowhere, no ports, the manager on both" {
	has_yaml
	gen-compose -n 10 --no-egress -p 65535
	[ "$(service executor-009 's["networks"], "ports" in s')" = "(['executors'], False)" ]
	[ "$(service manager 's["networks"], s["ports"]')" = "(['default', 'executors'], ['127.0.0.1:5000:5000'])" ]
	[ "$(yaml docker-compose.yml 'd["networks"]')" = \
		"{'default': {'driver': 'bridge'}, 'executors': {'driver': 'bridge', 'internal': True}}" ]
}

@test "Compose takes every variety" {
	has_compose
	mkdir code 'a $b: #'
	printf 'A=$x "y"\nB=\n' >f.env
	while read -r args; do
		eval gen-compose "$args"
		docker compose -f docker-compose.yml config -q
	done <<-'END'
		-n 1
		-n 30 -t python:10,kaggle:20 --image kaggle=registry.example:5000/k:1@sha256:$(printf '%064d' 7) --manager-image m:2
		-n 2 --bind 0.0.0.0 --manager-port 80 -p 81
		-n 2 --bind ::1 --runtime runsc
		-n 2 --no-egress
		-n 3 -g 0,1 -e MEM_LIMIT=1.5g,CPUS=0.5,MEM_RESERVATION=1GiB
		-n 2 -e MEM_LIMIT=2gb,CPUS=12
		-n 2 --preset long-running --env-file f.env -e 'null=,no=1,A=b'
		-n 2 -m code -m 'a $b: #':/x:ro -m code:/y
		-n 2 -m code -s out -g 1 --no-egress -e 'A=a$b,B=*'
		-c code/c.json
	END
}

@test "Compose sees what the file says, merged" {
	has_compose
	gen-compose -n 2 -g 0 -s out -m . -e A=b
	docker compose config --format json >c.json
	[ "$(jq -c '.services["executor-001"] | .environment, (.volumes | map(.target)), .deploy.resources, .tmpfs, .cap_drop, .read_only' c.json)" = \
'{"A":"b","ALLOW_FROM":"manager","NVIDIA_VISIBLE_DEVICES":"void","OMP_NUM_THREADS":"1","SUBMISSION_DIR":"/submission"}
["/code","/submission"]
{"limits":{"cpus":0.25,"memory":"268435456","pids":128}}
["/tmp:exec,mode=1777,size=134217728","/work:exec,mode=1777,size=134217728"]
["ALL"]
true' ]
	[ "$(jq -c '.services["executor-000"] | .environment.NVIDIA_VISIBLE_DEVICES, .deploy.resources.reservations.devices[0].device_ids' c.json)" = \
$'null\n["0"]' ]
}

@test "the original generator's command lines" {
	mkdir code
	while read -r args; do
		rm -f *.yml *.json
		gen-compose $args
		[ -s container_config.json ]
		[ "$(ls ./*.yml | wc -l)" = 1 ]
	done <<-END
		--num-containers 4 --types python:4 --output basic-demo.yml
		--num-containers 4 --types executor-prebuilt:4 --output docker-compose-basic.yml
		--num-containers 100 --types executor-prebuilt:60,kaggle:30,nodejs:10 --output docker-compose-production.yml --start-port 60000
		--num-containers 10 --types executor-prebuilt:10 --mountable-volumes $T/code --output docker-compose-with-code.yml
		--num-containers 20 --types python:10,kaggle:8,custom:2 --output mixed-deployment.yml
		--num-containers 8 --types python:8 --gpu-ids 0,1,2,3 --output mixed-gpu-deployment.yml
		--num-containers 5 --types python:5 --env DEBUG=true,MAX_MEMORY=2G,API_KEY=secret --output configured-deployment.yml
		--num-containers 8 --types executor-prebuilt-kaggle-gpu:8 --gpu-ids 0,1,2,3,4,5,6,7 --env EXECUTION_TIMEOUT=3600 -o docker-compose.yml
		--num-containers 200 --types python:120,kaggle:50,specialized:30 --output production-ha.yml --start-port 60000
		--num-containers 10
		--env DEBUG=true,LOG_LEVEL=debug --num-containers 5 --output debug-deployment.yml
	END
}

@test "1,000 executors" {
	gen-compose -n 1000 -t python
	[ "$(jq length container_config.json)" = 1000 ]
	grep -q '"127.0.0.1:60999:8432"' docker-compose.yml
}
