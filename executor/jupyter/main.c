/* executor-jupyter - HTTP in front of one Jupyter kernel; executor-jupyter(8) */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <uv.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/json.h"
#include "base/opt.h"
#include "base/proc.h"
#include "http/http_ask.h"
#include "http/http_server.h"
#include "allow.h"
#include "files.h"
#include "kernelspec.h"
#include "routes.h"
#include "runner.h"
#include "scratch.h"

#if defined(__SANITIZE_ADDRESS__)
#define TRACED_BY_ITSELF	/* the leak checker attaches to its own process */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TRACED_BY_ITSELF
#endif
#endif

#define DESCRIPTORS 4096
#define HEALTH_MS 10000		/* for the answer to a health check */
#define ANSWERS_MS 1000		/* after the kernel's end: until the last answers must have been taken */

static const char *bind_addr = "127.0.0.1", *kernel_name = "python3", *workspace = "/code", *work_dir, *scratch, *log_level = "info";
static const char *transport = "auto", *allow_from, *fork_when = "auto", *preload, *warm = "auto";
static int64_t port = 8432, notify_fd = -1, max_output_bytes = 128 << 20, max_files_bytes = 1 << 30;
static int64_t nice_by = 0, timeout_ms = 180000, start_ms = 60000;
static bool debug, healthcheck;

static const struct opt table[] = {
	{ 'b', "bind", "ADDR", "address, or unix:/path of a socket, to listen on", OPT_STRING, &bind_addr, 0, 0, NULL },
	{ 'p', "port", "PORT", "port to listen on, 0: any free one", OPT_INT, &port, 0, 65535, "PORT" },
	{ 0, "allow-from", "HOSTS", "serve these hosts only, this machine and its gateway", OPT_STRING, &allow_from, 0, 0,
	    "ALLOW_FROM" },
	{ 'k', "kernel", "NAME", "kernel to run", OPT_STRING, &kernel_name, 0, 0, "KERNEL_NAME" },
	{ 0, "timeout", "SECONDS", "longest time that code may run", OPT_SECONDS, &timeout_ms, 1, 31536000000,
	    "EXECUTION_TIMEOUT" },
	{ 0, "start-timeout", "SECONDS", "longest time that a kernel may take to be ready", OPT_SECONDS, &start_ms, 1,
	    86400000, NULL },
	{ 0, "max-output-bytes", "N", "most outputs that a request may ask to keep", OPT_INT, &max_output_bytes, 1,
	    (int64_t)1 << 40, "MAX_OUTPUT_BYTES" },
	{ 0, "max-files-bytes", "N", "largest file that a client may put into the working directory", OPT_INT, &max_files_bytes, 0,
	    (int64_t)1 << 50, "MAX_FILES_BYTES" },
	{ 0, "workspace", "DIR", "folder whose files each new kernel runs first", OPT_STRING, &workspace, 0, 0,
	    "WORKSPACE_FOLDER" },
	{ 0, "work-dir", "DIR", "where kernels' working directories are made", OPT_STRING, &work_dir, 0, 0, "WORK_DIR" },
	{ 0, "scratch", "DIRS", "directories, separated by colons, to be emptied before each new kernel", OPT_STRING, &scratch, 0, 0,
	    "SCRATCH_DIRS" },
	{ 0, "transport", "KIND", "ipc, tcp or auto: how the kernel is spoken to", OPT_STRING, &transport, 0, 0, NULL },
	{ 0, "fork", "WHEN", "auto or no: Python kernels are forked from one that has ipykernel loaded", OPT_STRING, &fork_when,
	    0, 0, "KERNEL_FORK" },
	{ 0, "preload", "MODULES", "modules, separated by commas, that Python kernels find loaded", OPT_STRING, &preload, 0, 0,
	    "KERNEL_PRELOAD" },
	{ 0, "warm-kernels", "N", "0, 1 or auto: kernels made in advance, to take over at once", OPT_STRING, &warm, 0, 0,
	    "WARM_KERNELS" },
	{ 0, "nice", "N", "how much less urgent kernels are than the executor, 0 to 19", OPT_INT, &nice_by, 0, 19, "KERNEL_NICE" },
	{ 0, "log-level", "LEVEL", "error, warning, info or debug", OPT_STRING, &log_level, 0, 0, "LOG_LEVEL" },
	{ 'd', "debug", NULL, "the same as --log-level debug", OPT_FLAG, &debug, 0, 0, "DEBUG" },
	{ 0, "notify-fd", "FD", "write a newline to FD when listening", OPT_INT, &notify_fd, 0, 65535, NULL },
	{ 0, "healthcheck", NULL, "ask the executor that listens there whether it is ready, and exit", OPT_FLAG, &healthcheck, 0, 0,
	    NULL },
	{ 0 }
};

static const struct opt_usage usage = {
	.name = "executor-jupyter",
	.purpose = "HTTP in front of one Jupyter kernel",
	.synopsis = "[-d] [-b ADDR] [-p PORT] [-k NAME] [--allow-from HOSTS] [--timeout SECONDS] [--start-timeout SECONDS] "
	    "[--max-output-bytes N] [--max-files-bytes N] [--workspace DIR] [--work-dir DIR] [--scratch DIRS] [--transport KIND] "
	    "[--fork WHEN] [--preload MODULES] [--warm-kernels N] [--nice N] [--log-level LEVEL] [--notify-fd FD] [--healthcheck]",
	.table = table,
};

struct executor {
	uv_loop_t		*loop;
	struct kernelspec	 spec;
	struct http_server	*server;
	struct runner		*runner;
	struct routes		 routes;
	uv_signal_t		 on_child, on_term, on_int, on_hup;
	uv_timer_t		 last_answers;
	struct buf		 runtime_dir, own_work;	/* made here, removed here */
	bool			 stopping;
	int64_t			 answers_until_ms;
};

/* ---- stopping ---- */

static void
leave(struct executor *e)
{
	http_server_free(&e->server);
	uv_close((uv_handle_t *)&e->on_child, NULL);
	uv_close((uv_handle_t *)&e->on_term, NULL);
	uv_close((uv_handle_t *)&e->on_int, NULL);
	uv_close((uv_handle_t *)&e->on_hup, NULL);
	uv_close((uv_handle_t *)&e->last_answers, NULL);
}

static void
on_last_answers(uv_timer_t *timer)
{
	struct executor *e = timer->data;

	if (http_server_connections(e->server) == 0 || clock_mono_ms() >= e->answers_until_ms)
		leave(e);
}

static void
on_files_gone(void *arg)
{
	struct executor *e = arg;

	files_end_all(&e->routes);
}

/* The kernel is gone: answers on their way get a moment. */
static void
on_stopped(void *arg)
{
	struct executor *e = arg;

	e->answers_until_ms = clock_mono_ms() + ANSWERS_MS;
	uv_timer_start(&e->last_answers, on_last_answers, 0, 10);
}

static void
on_signal(uv_signal_t *handle, int sig)
{
	struct executor *e = handle->data;

	if (e->stopping)
		return;
	diag(DIAG_INFO, "SIG%s: stopping", sigabbrev_np(sig));
	e->stopping = true;
	http_server_drain(e->server);
	runner_stop(e->runner);
}

static void
on_child(uv_signal_t *handle, int sig)
{
	struct executor *e = handle->data;

	(void)sig;
	if (e->runner)
		runner_reap(e->runner);
}

static void
watch_signal(struct executor *e, uv_signal_t *handle, uv_signal_cb cb, int sig)
{
	uv_signal_init(e->loop, handle);
	handle->data = e;
	uv_signal_start(handle, cb, sig);
}

/* ---- another one's health ---- */

/* For a container's HEALTHCHECK, which has no other client at hand: 0, or 1 with the reason why not. */
static int
check_health(const struct endpoint *at)
{
	struct json answer, ready, reason;
	struct json_error err;
	struct buf body = BUF_INIT, text = BUF_INIT;
	int status = 0, r = http_ask(at, "/ready", HEALTH_MS, &status, &body);

	if (r < 0)
		r = diag_fail(EX_NO, "no answer: %s", uv_strerror(r));
	else if (status != 200 || json_scan(buf_str(&body), body.len, 0, &answer, &err) < 0 || !json_get(answer, "ready", &ready))
		r = diag_fail(EX_NO, "/ready: not the answer of an executor");
	else if (ready.kind != JSON_TRUE) {
		if (json_get(answer, "reason", &reason))
			json_text(reason, &text);
		r = diag_fail(EX_NO, "not ready%s%s", text.len > 0 ? ": " : "", buf_str(&text));
	}
	buf_release(&body);
	buf_release(&text);
	return r;
}

/* ---- starting ---- */

/* Can the kernel's program be found at all?  Better to say so now than with each start. */
static bool
is_program(const char *name)
{
	const char *path = getenv("PATH"), *end;
	struct buf b = BUF_INIT;
	bool found = false;

	if (strchr(name, '/'))
		return access(name, X_OK) == 0;
	for (path = path ? path : "/usr/local/bin:/usr/bin:/bin"; path && !found; path = *end ? end + 1 : NULL) {
		end = path + strcspn(path, ":");
		buf_reset(&b);
		buf_printf(&b, "%.*s/%s", (int)(end - path), path, name);
		found = access(buf_str(&b), X_OK) == 0;
	}
	buf_release(&b);
	return found;
}

static void
find_kernel(struct executor *e)
{
	struct buf why = BUF_INIT;

	if (kernelspec_find(kernel_name, &e->spec, &why) < 0)
		diag_die(EX_CONFIG, "kernel %s: %s", kernel_name, buf_str(&why));
	if (!is_program(e->spec.argv[0]))
		diag_die(EX_CONFIG, "kernel %s: its program %s cannot be run: %s", kernel_name, e->spec.argv[0],
		    strerror(errno ? errno : ENOENT));
	buf_release(&why);
}

static void
make_dirs(struct executor *e)
{
	const char *tmp = getenv("RUNTIME_DIRECTORY");		/* systemd.exec(5); execmgr-up gives it too */
	int r;

	if (!tmp || !*tmp)
		tmp = getenv("TMPDIR");
	/* Socket paths lie below and have at most 107 bytes: a long TMPDIR will not do. */
	if (!tmp || tmp[0] != '/' || strlen(tmp) > 50)
		tmp = "/tmp";
	if ((r = scratch_make(tmp, "execmgr-", &e->runtime_dir)) < 0)
		diag_die(EX_CANTCREAT, "%s: no private directory can be made: %s", tmp, strerror(-r));
	if (work_dir && *work_dir && access(work_dir, W_OK | X_OK) < 0) {
		r = errno;
		scratch_remove(buf_str(&e->runtime_dir));
		diag_die(EX_CANTCREAT, "--work-dir %s: %s", work_dir, strerror(r));
	}
	if (work_dir && *work_dir && !(work_dir = realpath(work_dir, NULL)))	/* a link put in its place is not followed */
		diag_die(EX_OSERR, "out of memory");
	if (!work_dir || !*work_dir) {
		buf_printf(&e->own_work, "%s/work", buf_str(&e->runtime_dir));
		work_dir = buf_str(&e->own_work);
		if (mkdir(work_dir, 0700) < 0)
			diag_die(EX_CANTCREAT, "%s: %s", work_dir, strerror(errno));
	}
}

static void
listen_or_die(struct executor *e, struct endpoint at)
{
	struct http_server_conf conf = HTTP_SERVER_CONF_INIT;
	const char *why;
	struct buf url = BUF_INIT;

	conf.on_request = routes_on_request;
	conf.arg = &e->routes;
	if (allow_from && *allow_from && allow_new(e->loop, allow_from, routes_on_allowed, &e->routes, &e->routes.allow, &why) < 0)
		diag_die(EX_USAGE, "--allow-from %s: %s", allow_from, why);
	e->server = http_server_new(e->loop, &conf);
	if (!e->server)
		diag_die(EX_OSERR, "out of memory");
	if (http_server_listen(e->server, &at, &why) < 0) {
		scratch_remove(buf_str(&e->runtime_dir));
		diag_die(EX_OSERR, "%s", why);
	}
	if (!at.is_unix)
		at.port = http_server_port(e->server);
	uri_format_endpoint(&at, &url);
	diag(DIAG_INFO, "listening on %s", buf_str(&url));
	buf_release(&url);
}

static void
notify(void)
{
	if (notify_fd < 0)
		return;
	if (write((int)notify_fd, "\n", 1) < 0)
		diag(DIAG_WARN, "--notify-fd %d: %s", (int)notify_fd, strerror(errno));
	close((int)notify_fd);
}

/* Code in the kernel runs as the same user: it must not read this process's memory, environment or descriptors. */
static void
guard_self(void)
{
#ifndef TRACED_BY_ITSELF
	prctl(PR_SET_DUMPABLE, 0);
#endif
	mallopt(M_ARENA_MAX, 1);		/* four threads, of which one works: one arena is enough */
	mallopt(M_MMAP_THRESHOLD, 256 << 10);	/* a large body or output goes back to the system at once */
	mallopt(M_TRIM_THRESHOLD, 256 << 10);
}

/* A thousand connections need a thousand descriptors; the kernel gets the limit that there was. */
static void
raise_descriptors(struct rlimit *ret_was)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, ret_was) < 0)
		*ret_was = (struct rlimit){ 1024, 1024 };
	rl = *ret_was;
	if (rl.rlim_cur < DESCRIPTORS)
		rl.rlim_cur = rl.rlim_max < DESCRIPTORS ? rl.rlim_max : DESCRIPTORS;
	setrlimit(RLIMIT_NOFILE, &rl);
}

static void
do_nothing(uv_work_t *work)
{
	(void)work;
}

static void
on_nothing_done(uv_work_t *work, int status)
{
	(void)work;
	(void)status;
}

/*
 * libuv makes its threads when they are first needed and aborts if it cannot: make the one that is needed now, before a cell
 * uses up the processes there may be.  The kernel must not inherit this setting: it may be a libuv program too.
 */
static void
start_thread(uv_loop_t *loop, uv_work_t *work)
{
	const char *size = getenv("UV_THREADPOOL_SIZE");
	char *kept = size ? strdup(size) : NULL;

	setenv("UV_THREADPOOL_SIZE", "1", 1);
	uv_queue_work(loop, work, do_nothing, on_nothing_done);
	if (kept)
		setenv("UV_THREADPOOL_SIZE", kept, 1);
	else
		unsetenv("UV_THREADPOOL_SIZE");
	free(kept);
}

int
main(int argc, char **argv)
{
	struct executor e = { .loop = uv_default_loop() };
	enum diag_level level;
	struct endpoint at;
	const char *why;
	struct rlimit nofile;
	uv_work_t work;
	int n;

	diag_init(usage.name, DIAG_INFO);
	n = opt_parse(&usage, argc, argv);
	if (n < argc)
		opt_refuse(&usage, "%s: takes no operand", argv[n]);
	if (diag_parse_level(log_level, &level) < 0)
		opt_refuse(&usage, "--log-level %s: must be error, warning, info or debug", log_level);
	if (strcmp(transport, "auto") != 0 && strcmp(transport, "ipc") != 0 && strcmp(transport, "tcp") != 0)
		opt_refuse(&usage, "--transport %s: must be ipc, tcp or auto", transport);
	if (strcmp(fork_when, "auto") != 0 && strcmp(fork_when, "no") != 0)
		opt_refuse(&usage, "--fork %s: must be auto or no", fork_when);
	if (strcmp(warm, "auto") != 0 && strcmp(warm, "0") != 0 && strcmp(warm, "1") != 0)
		opt_refuse(&usage, "--warm-kernels %s: must be 0, 1 or auto", warm);
	if (uri_make_endpoint(bind_addr, (uint16_t)port, &at, &why) < 0)
		opt_refuse(&usage, "--bind %s: %s", bind_addr, why);
	diag_set_level(debug ? DIAG_DEBUG : level);
	if (healthcheck)
		return check_health(&at);
	guard_self();
	if (notify_fd >= 0)
		fcntl((int)notify_fd, F_SETFD, FD_CLOEXEC);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);	/* a limit on files is an error of write(2) */
	raise_descriptors(&nofile);
	if ((n = proc_become_subreaper()) < 0)
		diag(DIAG_WARN, "orphans of the kernel are not seen: %s", strerror(-n));
	find_kernel(&e);
	make_dirs(&e);
	start_thread(e.loop, &work);
	e.routes = (struct routes){
		.loop = e.loop, .spec = &e.spec, .timeout_ms = timeout_ms, .start_ms = start_ms,
		.max_output_bytes = max_output_bytes, .max_files_bytes = max_files_bytes, .started_ms = clock_mono_ms(),
	};
	listen_or_die(&e, at);
	watch_signal(&e, &e.on_child, on_child, SIGCHLD);
	watch_signal(&e, &e.on_term, on_signal, SIGTERM);
	watch_signal(&e, &e.on_int, on_signal, SIGINT);
	watch_signal(&e, &e.on_hup, on_signal, SIGHUP);
	uv_timer_init(e.loop, &e.last_answers);
	e.last_answers.data = &e;
	e.runner = runner_new(&(struct runner_conf){
		.loop = e.loop, .spec = &e.spec, .runtime_dir = buf_str(&e.runtime_dir), .work_base = work_dir,
		.scratch = scratch, .nofile = nofile, .nice = (int)nice_by, .workspace = workspace && *workspace ? workspace : NULL, .start_ms = start_ms,
		.use_ipc = strcmp(transport, "ipc") == 0 || (strcmp(transport, "auto") == 0 && e.spec.is_ipykernel),
		.no_fork = strcmp(fork_when, "no") == 0, .preload = preload,
		.spare = strcmp(warm, "auto") == 0 ? SPARE_AUTO : strcmp(warm, "1") == 0 ? SPARE_YES : SPARE_NO,
		.on_files_gone = on_files_gone, .on_stopped = on_stopped, .arg = &e,
	});
	if (!e.runner)
		diag_die(EX_OSERR, "out of memory");
	e.routes.runner = e.runner;
	notify();
	uv_run(e.loop, UV_RUN_DEFAULT);
	runner_free(&e.runner);
	allow_free(&e.routes.allow);
	kernelspec_release(&e.spec);
	if ((n = scratch_remove(buf_str(&e.runtime_dir))) < 0)
		diag(DIAG_WARN, "%s: cannot be removed: %s", buf_str(&e.runtime_dir), strerror(-n));
	buf_release(&e.runtime_dir);
	buf_release(&e.own_work);
	uv_loop_close(e.loop);
	return 0;
}
