/* execmgr-serve - the manager: hands containers out and routes requests to them; execmgr-serve(8) */
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>
#include <uv.h>

#include "base/diag.h"
#include "base/opt.h"
#include "http/http_ask.h"
#include "manager/manager.h"

#define HEALTH_MS 10000		/* for the answer to a health check */

struct options {
	struct opt_list	    bind;
	int64_t		    port, notify_fd, connections;
	const char	   *log_level;
	bool		    debug, healthcheck;
	struct manager_conf conf;
};

static const char synopsis[] =
    "[-d] [-b ADDR]... [-c FILE] [-l LEVEL] [-p PORT] [--allowed-host HOST]... [--healthcheck] [--max-connections N] "
    "[--notify-fd FD] "
    "[--probe-interval S] [--probe-timeout S] [--restart-timeout S] [--session-timeout S] [--stop-timeout S]";

static void
parse(struct options *o, int argc, char **argv)
{
	struct manager_conf *c = &o->conf;
	const struct opt table[] = {
		{ 'b', "bind", "ADDR", "address to listen on, or unix:/path; repeatable (127.0.0.1)", OPT_LIST, &o->bind, 0, 0,
		    NULL },
		{ 'p', "port", "PORT", "port to listen on, 0: any free one (5000)", OPT_INT, &o->port, 0, 65535, "PORT" },
		{ 'c', "config", "FILE", "which containers there are (container_config.json)", OPT_STRING, &c->config_path, 0, 0,
		    "CONTAINER_CONFIG_PATH" },
		{ 'l', "log-level", "LEVEL", "error, warning, info or debug (info)", OPT_STRING, &o->log_level, 0, 0,
		    "LOG_LEVEL" },
		{ 'd', "debug", NULL, "the same as -l debug", OPT_FLAG, &o->debug, 0, 0, "DEBUG" },
		{ 0, "allowed-host", "HOST", "serve requests to this Host only; repeatable (any)", OPT_LIST, &c->allowed_hosts,
		    0, 0, NULL },
		{ 0, "healthcheck", NULL, "ask the manager that listens there whether it serves, and exit", OPT_FLAG, &o->healthcheck,
		    0, 0, NULL },
		{ 0, "max-connections", "N", "connections at once (1000, or 4 for each container)", OPT_INT, &o->connections, 1,
		    1000000, NULL },
		{ 0, "notify-fd", "FD", "write a newline to FD when ready", OPT_INT, &o->notify_fd, 0, 65535, NULL },
		{ 0, "probe-interval", "S", "seconds between two looks at a container (5)", OPT_SECONDS, &c->probe_ms, 100,
		    3600000, NULL },
		{ 0, "probe-timeout", "S", "seconds for a container to say that it is well (15)", OPT_SECONDS, &c->probe_limit_ms,
		    100, 3600000, NULL },
		{ 0, "restart-timeout", "S", "seconds until a restart has failed (75)", OPT_SECONDS, &c->restart_ms, 100,
		    3600000, NULL },
		{ 0, "session-timeout", "S", "seconds for a session request, 0: no limit (0)", OPT_SECONDS, &c->session_ms, 0,
		    604800000, NULL },
		{ 0, "stop-timeout", "S", "seconds for what runs when told to stop (8)", OPT_SECONDS, &c->stop_ms, 0, 3600000,
		    NULL },
		{ 0 }
	};
	const struct opt_usage usage = { "execmgr-serve", "hand executors out and route requests to them", synopsis, table, false };
	enum diag_level level = DIAG_INFO;
	int i = opt_parse(&usage, argc, argv);

	if (i < argc)
		opt_refuse(&usage, "%s: no operands are taken", argv[i]);
	if (o->log_level != NULL && diag_parse_level(o->log_level, &level) < 0)
		opt_refuse(&usage, "%s %s: must be error, warning, info or debug",
		    o->log_level == getenv("LOG_LEVEL") ? "LOG_LEVEL" : "--log-level", o->log_level);
	if (o->debug)
		level = DIAG_DEBUG;
	diag_set_level(level);
	c->connections = (unsigned)o->connections;
}

/* Each connection of a client has another one to an executor: take all the descriptors there are. */
static void
raise_descriptor_limit(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) < 0 || rl.rlim_cur == rl.rlim_max)
		return;
	rl.rlim_cur = rl.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &rl) < 0)
		diag(DIAG_WARN, "descriptor limit: %s", strerror(errno));
}

/* One address.  0, or the exit status, said. */
static int
listen_on(struct http_server *server, const char *addr, uint16_t port)
{
	struct endpoint at;
	struct buf url = BUF_INIT;
	const char *why;

	if (uri_make_endpoint(addr, port, &at, &why) < 0)
		return diag_fail(EX_USAGE, "--bind %s: %s", addr, why);
	if (http_server_listen(server, &at, &why) < 0)
		return diag_fail(EX_OSERR, "%s", why);
	if (!at.is_unix)
		at.port = port != 0 ? port : http_server_port(server);
	uri_format_endpoint(&at, &url);
	diag(DIAG_INFO, "listening on %s", buf_str(&url));
	buf_release(&url);
	return 0;
}

static int
listen_all(struct http_server *server, const struct options *o)
{
	int ex = 0;

	if (o->bind.n == 0)
		return listen_on(server, "127.0.0.1", (uint16_t)o->port);
	for (size_t i = 0; ex == 0 && i < o->bind.n; i++)
		ex = listen_on(server, o->bind.item[i], (uint16_t)o->port);
	return ex;
}

/* For a container's HEALTHCHECK, which has no other client at hand: 0, or 1 with the reason why not. */
static int
check_health(const struct options *o)
{
	struct endpoint at;
	struct buf body = BUF_INIT;
	const char *addr = o->bind.n > 0 ? o->bind.item[0] : "127.0.0.1", *why;
	int status = 0, r;

	if (uri_make_endpoint(addr, (uint16_t)o->port, &at, &why) < 0)
		return diag_fail(EX_USAGE, "--bind %s: %s", addr, why);
	r = http_ask(&at, "/health", HEALTH_MS, &status, &body);
	buf_release(&body);
	if (r < 0)
		return diag_fail(EX_NO, "no answer: %s", uv_strerror(r));
	return status == 200 ? 0 : diag_fail(EX_NO, "/health: status %d", status);
}

static int
say_ready(int fd)
{
	ssize_t n;

	if (fd < 0)
		return 0;
	do
		n = write(fd, "\n", 1);
	while (n < 0 && errno == EINTR);
	if (n != 1)
		return diag_fail(EX_OSERR, "--notify-fd %d: %s", fd, strerror(errno));
	if (fd > 2)
		close(fd);
	return 0;
}

static void
on_signal(uv_signal_t *s, int signum)
{
	if (signum == SIGHUP)
		manager_reload(s->data);
	else
		manager_stop(s->data);
}

static void
close_if_open(uv_handle_t *h, void *arg)
{
	(void)arg;
	if (!uv_is_closing(h))
		uv_close(h, NULL);
}

static int
serve(uv_loop_t *loop, struct manager *m, const struct options *o)
{
	static const int signals[] = { SIGHUP, SIGTERM, SIGINT };
	static uv_signal_t handle[3];
	int ex;

	for (size_t i = 0; i < 3; i++) {
		uv_signal_init(loop, &handle[i]);
		handle[i].data = m;
		uv_signal_start(&handle[i], on_signal, signals[i]);
	}
	if ((ex = listen_all(m->server, o)) != 0 || (ex = say_ready((int)o->notify_fd)) != 0)
		return ex;
	uv_run(loop, UV_RUN_DEFAULT);
	diag(DIAG_INFO, "stopped");
	return EX_OK;
}

int
main(int argc, char **argv)
{
	struct options o = {
		.port = 5000, .notify_fd = -1,
		.conf = { .config_path = "container_config.json", .restart_ms = 75000, .probe_ms = 5000,
		    .probe_limit_ms = 15000, .stop_ms = 8000 },
	};
	struct manager m;
	struct buf why = BUF_INIT;
	uv_loop_t loop;
	int r, ex;

	diag_init("execmgr-serve", DIAG_INFO);
	parse(&o, argc, argv);
	if (o.healthcheck)
		return check_health(&o);
	signal(SIGPIPE, SIG_IGN);
	raise_descriptor_limit();
	if ((r = uv_loop_init(&loop)) < 0)
		return diag_fail(EX_OSERR, "event loop: %s", uv_strerror(r));
	r = manager_init(&m, &loop, &o.conf, &why);
	if (r == 0)
		ex = serve(&loop, &m, &o);
	else if (r == -ENOMEM)
		ex = diag_fail(EX_OSERR, "%s", buf_str(&why));
	else
		ex = diag_fail(r == -EINVAL || r == -EFBIG ? EX_CONFIG : EX_NOINPUT, "%s: %s", o.conf.config_path, buf_str(&why));
	buf_release(&why);
	manager_release(&m);
	uv_walk(&loop, close_if_open, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
	free(o.bind.item);
	free(o.conf.allowed_hosts.item);
	return ex;
}
