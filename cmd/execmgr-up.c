/* execmgr-up - a pool of executors on this machine, without Docker; execmgr-up(8) */
#include <errno.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/opt.h"
#include "base/quantity.h"
#include "local/find.h"
#include "local/groups.h"
#include "local/guard.h"
#include "local/local.h"
#include "local/rundir.h"

#define START_DEFAULT_MS 120000		/* the executor's own limit for a kernel is 60 s */
#define PIDS_MAX	 (1 << 22)	/* no Linux has more, proc(5): pid_max */

static struct {
	const char	*types, *sandbox, *mem, *cpus;
	struct opt_list	 executor, kernel, ro, env;
	int64_t		 port, start_ms, pids;
	bool		 net, probe, verbose;
} o = { .types = "python:1", .sandbox = "bwrap", .port = 5000, .start_ms = START_DEFAULT_MS };

static const struct opt table[] = {
	{ 't', "types", "TYPES", "container types and how many of each: python:2,r:1 (default python:1)",
	    OPT_STRING, &o.types, 0, 0, NULL },
	{ 'p', "port", "PORT", "the manager's port on 127.0.0.1 (default 5000; 0: a free one)",
	    OPT_INT, &o.port, 0, 65535, NULL },
	{ 0, "kernel", "TYPE=KERNELSPEC", "the Jupyter kernel behind a type (default python3)",
	    OPT_LIST, &o.kernel, 0, 0, NULL },
	{ 0, "executor", "CMD", "another executor; given again: an argument of it", OPT_LIST, &o.executor, 0, 0, NULL },
	{ 0, "sandbox", "KIND", "bwrap (default), or none: no isolation at all", OPT_STRING, &o.sandbox, 0, 0, NULL },
	{ 0, "net", NULL, "let the sandbox use this machine's network", OPT_FLAG, &o.net, 0, 0, NULL },
	{ 0, "ro", "DIR", "show DIR in the sandbox, read-only", OPT_LIST, &o.ro, 0, 0, NULL },
	{ 'e', "env", "NAME=VALUE", "set a variable for the executors", OPT_LIST, &o.env, 0, 0, NULL },
	{ 0, "mem", "SIZE", "memory of each executor, with all that runs in it: 512M, 1.5g", OPT_STRING, &o.mem, 0, 0, NULL },
	{ 0, "cpus", "N", "processors' time of each: 0.5, 2", OPT_STRING, &o.cpus, 0, 0, NULL },
	{ 0, "pids", "N", "processes and threads of each", OPT_INT, &o.pids, 1, PIDS_MAX, NULL },
	{ 0, "start-timeout", "SECONDS", "give up when an executor is not ready in time (default 120)",
	    OPT_SECONDS, &o.start_ms, 1000, 86400000, NULL },
	{ 0, "probe", NULL, "only look whether the sandbox works here", OPT_FLAG, &o.probe, 0, 0, NULL },
	{ 'v', "verbose", NULL, "pass on what executors and manager write", OPT_FLAG, &o.verbose, 0, 0, NULL },
	{ 0 }
};

static const struct opt_usage usage = {
	.name = "execmgr-up",
	.purpose = "Start a pool of executors and a manager on this machine; stop them all at the end.",
	.synopsis = "[-v] [-t TYPES] [-p PORT] [-e NAME=VALUE] [--kernel TYPE=KERNELSPEC] [--executor CMD] "
	    "[--sandbox KIND] [--net] [--ro DIR] [--mem SIZE] [--cpus N] [--pids N] [--start-timeout SECONDS] [-- CMD ...]\n"
	    "--probe [--net] [--ro DIR] [--mem SIZE] [--cpus N] [--pids N]",
	.table = table,
	.in_order = true,
};

static void
check_types(struct local_conf *conf)
{
	struct types_error e;
	int r = types_parse(o.types, &conf->types, &e);

	if (r == -ENOMEM)
		diag_die(EX_OSERR, "out of memory");
	if (r < 0)
		opt_refuse(&usage, "--types %.*s: %s", (int)e.len, o.types + e.offset, e.what);
}

/* Of several for one type the last counts. */
static void
check_kernels(struct local_conf *conf)
{
	const char **kernel = calloc(conf->types.n, sizeof *kernel);

	if (!kernel)
		diag_die(EX_OSERR, "out of memory");
	for (size_t i = 0; i < o.kernel.n; i++) {
		const char *text = o.kernel.item[i], *eq = strchr(text, '=');
		size_t t, len = eq ? (size_t)(eq - text) : 0;

		if (!eq || len == 0 || eq[1] == '\0' || strchr(eq, '/'))
			opt_refuse(&usage, "--kernel %s: must be TYPE=KERNELSPEC", text);
		for (t = 0; t < conf->types.n; t++)
			if (strlen(conf->types.item[t].name) == len && memcmp(conf->types.item[t].name, text, len) == 0)
				break;
		if (t == conf->types.n)
			opt_refuse(&usage, "--kernel %s: no such type in --types %s", text, o.types);
		kernel[t] = eq + 1;
	}
	conf->kernel = kernel;
}

/* The run directory must not be shown: the sockets of all the others are in it; and /proc and /dev are made anew. */
static void
check_ro(const struct launch *l)
{
	static const char *const never[] = { "/proc", "/sys", "/dev" };
	char real[PATH_MAX];

	for (size_t i = 0; i < l->nro; i++) {
		const char *dir = l->ro[i];

		if (dir[0] != '/' || strstr(dir, "/../") || strstr(dir, "/./") || strstr(dir, "//"))
			opt_refuse(&usage, "--ro %s: must be an absolute path without . and ..", dir);
		if (!realpath(dir, real))
			diag_die(EX_NOINPUT, "--ro %s: %s", dir, strerror(errno));
		for (size_t k = 0; k < sizeof never / sizeof *never; k++)
			if (sandbox_is_below(real, never[k]))
				opt_refuse(&usage, "--ro %s: is the machine's, not to be shown", dir);
		if (sandbox_is_below(l->rundir, real))
			opt_refuse(&usage, "--ro %s: holds the pool's own sockets", dir);
	}
}

static void
check_env(struct launch *l)
{
	static const char folder[] = "WORKSPACE_FOLDER=";

	for (size_t i = 0; i < o.env.n; i++) {
		const char *text = o.env.item[i], *dir;

		if (!sandbox_env_ok(text))
			opt_refuse(&usage, "--env %s: must be NAME=VALUE", text);
		dir = text + sizeof folder - 1;
		if (l->bwrap && strncmp(text, folder, sizeof folder - 1) == 0 && dir[0] == '/') {
			const char **p = realloc(o.ro.item, (o.ro.n + 1) * sizeof *p);

			if (!p)
				diag_die(EX_OSERR, "out of memory");
			o.ro.item = p;
			o.ro.item[o.ro.n++] = dir;
		}
	}
	l->env = o.env.item;
	l->nenv = o.env.n;
	l->ro = o.ro.item;
	l->nro = o.ro.n;
}

static int64_t
pids_there_are(void)
{
	struct buf text = BUF_INIT;
	int64_t n = PIDS_MAX;

	if (buf_read_file(&text, "/proc/sys/kernel/pid_max", 64) == 0) {
		buf_truncate(&text, strcspn(buf_str(&text), "\n"));
		if (opt_number(buf_str(&text), 1, PIDS_MAX, &n) < 0)
			n = PIDS_MAX;
	}
	buf_release(&text);
	return n;
}

/* More than the machine has bounds nothing: rather a slip than a wish. */
static void
check_bounds(struct bounds *b)
{
	int64_t bytes = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE), pids = pids_there_are();
	const char *what;
	double cpus = 0;

	if (o.mem && (what = quantity_bytes(o.mem, &b->mem_bytes)) != NULL)
		opt_refuse(&usage, "--mem %s: %s", o.mem, what);
	if (b->mem_bytes > bytes)
		opt_refuse(&usage, "--mem %s: this machine has %lldM", o.mem, (long long)bytes >> 20);
	if (o.cpus && (what = quantity_cpus(o.cpus, &cpus)) != NULL)
		opt_refuse(&usage, "--cpus %s: %s", o.cpus, what);
	if (cpus > get_nprocs())
		opt_refuse(&usage, "--cpus %s: this machine has %d", o.cpus, get_nprocs());
	b->cpu_us = (int64_t)(cpus * GROUPS_PERIOD_US);
	if (o.pids > pids)
		opt_refuse(&usage, "--pids %lld: this machine has %lld", (long long)o.pids, (long long)pids);
	b->pids = o.pids;
}

static const char *
must_find(const char *name, int ex, int (*find)(const char *, char *))
{
	static char path[4][PATH_MAX];
	static size_t n;
	int r = find(name, path[n]);

	if (r == -EACCES && ex == EX_NOTFOUND)
		ex = EX_NOEXEC;
	if (r < 0)
		diag_die(ex, "%s: %s", name, r == -ENOENT ? "not found" : strerror(-r));
	return path[n++];
}

static void
check_launch(struct launch *l, const char *rundir)
{
	l->rundir = rundir;
	if (strcmp(o.sandbox, "none") != 0 && strcmp(o.sandbox, "bwrap") != 0)
		opt_refuse(&usage, "--sandbox %s: must be bwrap or none", o.sandbox);
	if (strcmp(o.sandbox, "bwrap") == 0) {
		l->bwrap = must_find("bwrap", EX_OSERR, find_program);
		l->net = o.net;
	} else if (o.net || o.ro.n > 0)
		opt_refuse(&usage, "--%s: there is no sandbox to open", o.net ? "net" : "ro");
	l->custom = o.executor.n > 0;
	if (l->custom) {
		l->program = must_find(o.executor.item[0], EX_CONFIG, find_program);
		l->args = o.executor.item + 1;
		l->nargs = o.executor.n - 1;
	} else if (!o.probe)
		l->program = must_find("executor-jupyter", EX_CONFIG, find_sibling);
	else
		l->program = "/usr/bin/true";
	check_env(l);
	check_ro(l);
}

static int
keeper(void *arg, int front_pipe, pid_t group)
{
	return local_run(arg, front_pipe, group);
}

static int
keeper_probe(void *arg, int front_pipe, pid_t group)
{
	(void)front_pipe;
	(void)group;
	return local_probe(arg);
}

int
main(int argc, char **argv)
{
	struct local_conf conf = { .types = TYPES_INIT };
	struct bounds bounds = { 0 };
	struct groups groups;
	char rundir[RUNDIR_MAX];
	int first, r, ex;

	diag_init("execmgr-up", DIAG_WARN);
	first = opt_parse(&usage, argc, argv);
	if (o.verbose)
		diag_set_level(DIAG_INFO);
	if (first < argc && !opt_saw_dashes())
		opt_refuse(&usage, "%s: a command to run goes behind --", argv[first]);
	if (first == argc && opt_saw_dashes())
		opt_refuse(&usage, "no command behind --");
	if ((r = rundir_choose(rundir)) < 0)
		diag_die(EX_CANTCREAT, "run directory: %s", strerror(-r));
	check_types(&conf);
	check_kernels(&conf);
	check_bounds(&bounds);
	check_launch(&conf.launch, rundir);
	conf.port = (uint16_t)o.port;
	conf.start_ms = o.start_ms;
	if (!o.probe)
		conf.serve = must_find("execmgr-serve", EX_CONFIG, find_sibling);
	if (first < argc) {
		conf.command = must_find(argv[first], EX_NOTFOUND, find_program);
		conf.command_argv = argv + first;
	}
	groups_open(&groups, strrchr(rundir, '/') + 1, &bounds);
	conf.launch.groups = &groups;
	ex = guard_run(rundir, &groups, o.probe ? keeper_probe : keeper, &conf);
	types_release(&conf.types);
	free((void *)conf.kernel);
	return ex;
}
