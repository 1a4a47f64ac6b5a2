/* local - a pool on this machine; see local.h. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/json.h"
#include "local/child.h"
#include "local/guard.h"
#include "local/local.h"
#include "local/port.h"
#include "local/rundir.h"
#include "http/http_client.h"

#define POLL_MS		20	/* between two looks at something that is about to be there */
#define ASK_MS		5000	/* an answer to /ready or /status takes no longer */
#define ANSWER_MAX	65536
#define EARLY_ENDS	3	/* an executor that ends so often before it was ever ready will not do better */
#define PORT_TRIES	5
#define COMMAND_STOP_MS	5000	/* from the signal to SIGKILL */
#define MANAGER_STOP_MS	10000	/* it lets requests finish for 8 s */
#define MANAGER_END_MS	2000	/* after the command's own end nobody waits for an answer */
#define EXECUTOR_STOP_MS 3000

enum phase { STARTING, RUNNING, STOP_COMMAND, STOP_MANAGER, STOP_EXECUTORS, DONE };

struct executor {
	struct local		*local;
	struct member		 m;
	struct launch_slot	 slot;
	struct endpoint		 at;
	bool			 adopted;	/* its socket has its second name */
	bool			 ready;		/* has said so, once */
	bool			 begun;		/* first start is done: the limit runs */
	int64_t			 first_ms;	/* that was then */
	int64_t			 ask_ms;	/* next question */
	struct http_fetch	*fetch;
	char			 reason[128];	/* why it says that it is not ready */
};

struct local {
	struct local_conf	*conf;
	uv_loop_t		 loop;
	uv_timer_t		 timer;
	uv_pipe_t		 front;
	uv_signal_t		 sig[7];
	char			 front_byte[16];
	struct http_client	*client;
	struct executor		*ex;
	int			 n;
	int			 at_once;	/* so many are started at a time: they compete for the processors */
	struct member		 manager;
	int			 notify;	/* our end of its readiness pipe, -1: none */
	bool			 serving;
	uint16_t		 port;
	int			 port_tries;
	int64_t			 manager_first_ms, status_ms;
	struct http_fetch	*status_fetch;
	pid_t			 command, group;
	int			 stop_signal;	/* what the command is asked to end with; 0: it has ended by itself */
	enum phase		 phase;
	int64_t			 deadline_ms;	/* of a stopping phase */
	int			 exit;		/* what the keeper will return */
};

static void	tick(struct local *l);

static void
enter(struct local *l, enum phase phase, int64_t limit_ms)
{
	l->phase = phase;
	l->deadline_ms = clock_mono_ms() + limit_ms;
}

/* ---- ending ---- */

static void
signal_member(const struct member *m, int sig)
{
	if (m->pid > 0)
		kill(m->pid, sig);
}

static void
signal_executors(struct local *l, int sig)
{
	for (int i = 0; i < l->n; i++)
		signal_member(&l->ex[i].m, sig);
}

static bool
executors_gone(const struct local *l)
{
	for (int i = 0; i < l->n; i++)
		if (l->ex[i].m.pid > 0)
			return false;
	return true;
}

/* Begin to stop, in order: the command, the manager, the executors.  `sig` 0: the command has ended by itself. */
static void
stop(struct local *l, int ex, int sig)
{
	if (l->phase >= STOP_COMMAND)
		return;
	l->exit = ex;
	l->stop_signal = sig;
	if (l->command > 0) {
		kill(l->command, sig);
		kill(l->command, SIGCONT);
	}
	enter(l, STOP_COMMAND, COMMAND_STOP_MS);
}

/* Go through the stopping phases as far as possible now. */
static void
step_stop(struct local *l, int64_t now)
{
	if (l->phase == STOP_COMMAND && (l->command == 0 || now >= l->deadline_ms)) {
		if (l->command > 0)
			kill(l->command, SIGKILL);
		signal_member(&l->manager, SIGTERM);
		enter(l, STOP_MANAGER, l->stop_signal ? MANAGER_STOP_MS : MANAGER_END_MS);
	}
	if (l->phase == STOP_MANAGER && (l->manager.pid == 0 || now >= l->deadline_ms)) {
		signal_member(&l->manager, SIGKILL);
		signal_executors(l, SIGTERM);
		enter(l, STOP_EXECUTORS, EXECUTOR_STOP_MS);
	}
	if (l->phase == STOP_EXECUTORS && (executors_gone(l) || now >= l->deadline_ms))
		l->phase = DONE;
}

/* The pool did not come up. */
static void
give_up(struct local *l, int ex)
{
	stop(l, ex, SIGTERM);
}

/* ---- the command, or the line that says where the pool is ---- */

static void
format_url(const struct local *l, struct buf *out)
{
	buf_printf(out, "http://127.0.0.1:%u", l->port);
}

static void
print_line(struct local *l)
{
	struct buf url = BUF_INIT, line = BUF_INIT;

	format_url(l, &url);
	json_put_open(&line, '{');
	json_put_key(&line, "url");
	json_put_str(&line, buf_str(&url));
	json_put_key(&line, "containers");
	json_put_int(&line, l->n);
	json_put_close(&line, '}');
	if (buf_error(&line) < 0)
		diag_die(EX_OSERR, "out of memory");
	puts(buf_str(&line));
	if (diag_close_stdout(EX_OK) != EX_OK)
		give_up(l, EX_IOERR);
	buf_release(&url);
	buf_release(&line);
}

static void
start_command(struct local *l)
{
	struct child_spec spec = {
		.path = l->conf->command, .argv = l->conf->command_argv, .out = -1, .err = -1, .pass = -1,
		.foreground = true, .group = l->group,
	};
	struct buf url = BUF_INIT;
	struct argv env = ARGV_INIT;
	const char *step;
	int r;

	format_url(l, &url);
	for (char **e = environ; *e; e++)
		argv_add(&env, *e);
	argv_setenv(&env, "EXECMGR_URL", buf_str(&url));
	r = buf_error(&url) < 0 ? -ENOMEM : argv_error(&env);
	spec.envp = argv_list(&env);
	if (r == 0)
		r = child_start(&spec, &l->command, &step);
	if (r < 0) {
		diag(DIAG_ERROR, "%s: %s", l->conf->command_argv[0], strerror(-r));
		stop(l, r == -ENOENT ? EX_NOTFOUND : EX_NOEXEC, 0);
	}
	argv_release(&env);
	buf_release(&url);
}

static void
pool_is_ready(struct local *l)
{
	l->phase = RUNNING;
	diag(DIAG_INFO, "%d containers are ready behind port %u", l->n, l->port);
	if (l->conf->command)
		start_command(l);
	else
		print_line(l);
}

/* ---- the manager ---- */

static int
write_config(const struct local *l)
{
	struct buf b = BUF_INIT;
	char path[PATH_MAX], text[160];
	int r, i = 0;

	json_put_open(&b, '{');
	for (size_t t = 0; t < l->conf->types.n; t++) {
		for (int k = 0; k < l->conf->types.item[t].count; k++, i++) {
			snprintf(text, sizeof text, "%d", i);
			json_put_key(&b, text);
			json_put_open(&b, '{');
			json_put_key(&b, "url");
			snprintf(text, sizeof text, "unix:%s", l->ex[i].at.path);
			json_put_str(&b, text);
			json_put_key(&b, "type");
			json_put_str(&b, l->conf->types.item[t].name);
			json_put_close(&b, '}');
		}
	}
	json_put_close(&b, '}');
	buf_putc(&b, '\n');
	snprintf(path, sizeof path, "%s/container_config.json", l->conf->launch.rundir);
	r = buf_error(&b);
	if (r == 0)
		r = rundir_write(path, buf_str(&b), b.len, 0600);
	buf_release(&b);
	return r;
}

static void
close_notify(struct local *l)
{
	if (l->notify >= 0)
		close(l->notify);
	l->notify = -1;
}

static void
start_manager(struct local *l, int64_t now)
{
	struct child_spec spec = { .path = l->conf->serve, .pass = -1, .envp = environ };
	struct argv a = ARGV_INIT;
	const char *step = "pipe";
	int fds[2] = { -1, -1 }, r;

	argv_add(&a, "execmgr-serve");
	argv_add(&a, "-b");
	argv_add(&a, "127.0.0.1");
	argv_add(&a, "-p");
	argv_addf(&a, "%u", l->port);
	argv_add(&a, "-c");
	argv_addf(&a, "%s/container_config.json", l->conf->launch.rundir);
	argv_addf(&a, "--notify-fd=%d", CHILD_PASS_FD);
	spec.argv = argv_list(&a);
	r = argv_error(&a);
	close_notify(l);
	l->serving = false;
	if (r == 0 && pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		r = -errno;
	if (r == 0) {
		l->notify = fds[0];
		spec.pass = fds[1];
		r = member_start(&l->manager, &l->loop, &spec, now, &step);
		close(fds[1]);
	}
	argv_release(&a);
	if (r == 0)
		return;
	diag(DIAG_ERROR, "%s: %s: %s", l->conf->serve, step, strerror(-r));
	if (l->phase == STARTING)
		give_up(l, EX_OSERR);
	else
		member_ended(&l->manager, 0, now);
}

static void
on_status(void *arg, int err, const struct http_head *head, const char *body, size_t len)
{
	struct local *l = arg;
	struct json doc, v;
	struct json_error je;
	int64_t count;

	l->status_fetch = NULL;
	if (err == 0 && head->status == 200 && json_scan(body, len, 0, &doc, &je) == 0 &&
	    json_get(doc, "available_containers", &v) && json_int(v, 0, INT32_MAX, &count) == 0 && count == l->n &&
	    l->phase == STARTING)
		pool_is_ready(l);
	tick(l);
}

static void
tend_manager(struct local *l, int64_t now)
{
	struct endpoint to = { .port = l->port, .host = "127.0.0.1" };
	char c;

	if (l->manager.pid == 0 && now >= l->manager.due_ms) {
		if (l->manager_first_ms == 0)
			l->manager_first_ms = now;
		start_manager(l, now);
	}
	if (l->phase >= STOP_COMMAND)
		return;
	if (l->notify >= 0 && read(l->notify, &c, 1) == 1) {
		l->serving = true;
		close_notify(l);
	}
	if (l->phase != STARTING)
		return;
	if (l->serving && !l->status_fetch && now >= l->status_ms) {
		l->status_ms = now + POLL_MS;
		l->status_fetch = http_fetch(l->client, &to, "GET", "/status", NULL, 0, ANSWER_MAX, ASK_MS, on_status, l);
	}
	if (now - l->manager_first_ms > l->conf->start_ms) {
		member_say_tail(&l->manager);
		diag(DIAG_ERROR, "the manager does not find all containers ready within %lld s",
		    (long long)l->conf->start_ms / 1000);
		give_up(l, EX_UNAVAILABLE);
	}
}

static void
manager_ended(struct local *l, int status, int64_t now)
{
	close_notify(l);
	member_ended(&l->manager, status, now);
	if (l->phase >= STOP_COMMAND)
		return;
	if (l->phase == STARTING) {
		int ex = child_exit_status(status);

		if (l->conf->port == 0 && ++l->port_tries < PORT_TRIES && port_try(0, &l->port) == 0)
			return;
		member_say_tail(&l->manager);
		diag(DIAG_ERROR, "the manager ended with status %d", ex);
		give_up(l, ex >= EX_USAGE && ex <= EX_CONFIG ? ex : EX_UNAVAILABLE);
		return;
	}
	member_say_tail(&l->manager);
	diag(DIAG_WARN, "the manager ended with status %d; it is started again in %lld ms", child_exit_status(status),
	    (long long)(l->manager.due_ms - now));
}

/* ---- the executors ---- */

static void
refuse_executor(struct local *l, struct executor *e, int ex, const char *what)
{
	member_say_tail(&e->m);
	diag(DIAG_ERROR, "%s: %s%s%s", e->slot.name, what, e->reason[0] ? ": " : "", e->reason);
	bounds_say_hit(l->conf->launch.groups, e->slot.id);
	give_up(l, ex);
}

static void
note_reason(struct executor *e, struct json doc)
{
	struct buf text = BUF_INIT;
	struct json v;

	if (json_get(doc, "reason", &v) && json_text(v, &text) == 0)
		snprintf(e->reason, sizeof e->reason, "%s", buf_str(&text));
	buf_release(&text);
}

static void
on_ready(void *arg, int err, const struct http_head *head, const char *body, size_t len)
{
	struct executor *e = arg;
	struct local *l = e->local;
	struct json doc, v;
	struct json_error je;

	e->fetch = NULL;
	if (err < 0)
		snprintf(e->reason, sizeof e->reason, "%s", strerror(-err));
	else if (head->status != 200)
		snprintf(e->reason, sizeof e->reason, "GET /ready is answered with %d", head->status);
	else if (json_scan(body, len, 0, &doc, &je) < 0 || !json_get(doc, "ready", &v))
		snprintf(e->reason, sizeof e->reason, "GET /ready is answered with something else");
	else if (v.kind == JSON_TRUE) {
		e->ready = true;
		e->reason[0] = '\0';
		diag(DIAG_INFO, "%s: ready after %lld ms", e->slot.name, (long long)(clock_mono_ms() - e->m.started_ms));
	} else
		note_reason(e, doc);
	tick(l);
}

static void
start_executor(struct local *l, struct executor *e, int64_t now)
{
	const char *step;
	int r;

	if (!e->begun) {
		e->begun = true;
		e->first_ms = now;
	}
	e->adopted = false;
	r = launch_start(&l->conf->launch, &e->slot, &e->m, &l->loop, now, &step);
	if (r == 0)
		return;
	member_ended(&e->m, 0, now);
	diag(DIAG_ERROR, "%s: cannot be started: %s: %s", e->slot.name, step, strerror(-r));
	if (l->phase == STARTING)
		give_up(l, strcmp(step, "exec") == 0 ? EX_CONFIG : EX_OSERR);
}

static void
adopt(struct local *l, struct executor *e)
{
	int r = rundir_adopt_socket(e->slot.dir);

	e->adopted = r == 0;
	if (r == 0 || r == -EAGAIN)
		return;
	/* Code inside has put something else into its place: nothing of it is trusted. */
	diag(DIAG_ERROR, "%s: its socket: %s", e->slot.name, strerror(-r));
	kill(e->m.pid, SIGKILL);
	if (l->phase == STARTING)
		give_up(l, EX_PROTOCOL);
}

/* True if it is on its way, and counts among those that start at a time. */
static bool
is_starting(const struct executor *e)
{
	return e->m.pid > 0 && !e->ready;
}

static void
tend_executor(struct local *l, struct executor *e, int64_t now, int *starting)
{
	if (e->m.pid == 0 && now >= e->m.due_ms && (e->ready || *starting < l->at_once)) {
		start_executor(l, e, now);
		*starting += !e->ready;
	}
	if (e->m.pid > 0 && !e->adopted)
		adopt(l, e);
	if (l->phase != STARTING || e->ready || !e->begun)
		return;
	if (e->adopted && !e->fetch && now >= e->ask_ms) {
		e->ask_ms = now + POLL_MS;
		e->fetch = http_fetch(l->client, &e->at, "GET", "/ready", NULL, 0, ANSWER_MAX, ASK_MS, on_ready, e);
	}
	if (now - e->first_ms > l->conf->start_ms)
		refuse_executor(l, e, EX_UNAVAILABLE, e->adopted ? "does not get ready" : "does not open its socket");
}

static void
executor_ended(struct local *l, struct executor *e, int status, int64_t now)
{
	int ex = child_exit_status(status);
	char what[64];

	member_ended(&e->m, status, now);
	if (l->phase >= STOP_COMMAND)
		return;
	if (!e->ready) {
		bool final = (ex >= EX_USAGE && ex <= EX_CONFIG && ex != EX_TEMPFAIL) || ex == 126 || ex == 127;

		if (!final && e->m.starts < EARLY_ENDS)
			return;
		snprintf(what, sizeof what, "ended with status %d before it was ready", ex);
		e->reason[0] = '\0';
		refuse_executor(l, e, final && ex < 126 ? ex : EX_UNAVAILABLE, what);
		return;
	}
	diag(DIAG_WARN, "%s: ended with status %d; it is started again in %lld ms", e->slot.name, ex,
	    (long long)(e->m.due_ms - now));
}

/* ---- the loop ---- */

static bool
all_ready(const struct local *l)
{
	for (int i = 0; i < l->n; i++)
		if (!l->ex[i].ready)
			return false;
	return true;
}

/* The next look: at once where something is awaited, else when the next start is due. */
static void
on_timer(uv_timer_t *t)
{
	tick(t->data);
}

static void
arm(struct local *l, int64_t now)
{
	int64_t next = INT64_MAX;
	bool poll = l->phase == STARTING || (l->manager.pid > 0 && !l->serving);

	for (int i = 0; i < l->n; i++) {
		const struct executor *e = &l->ex[i];

		if (e->m.pid == 0 && e->m.due_ms < next)
			next = e->m.due_ms;
		poll |= e->m.pid > 0 && !e->adopted;
	}
	if (l->manager.pid == 0 && l->manager.due_ms < next)
		next = l->manager.due_ms;
	if (l->phase >= STOP_COMMAND)
		next = l->deadline_ms;
	else if (poll && now + POLL_MS < next)
		next = now + POLL_MS;
	if (next == INT64_MAX)
		uv_timer_stop(&l->timer);
	else
		uv_timer_start(&l->timer, on_timer, next > now ? (uint64_t)(next - now) : 1, 0);
}

/* Look at everything, and do what is due. */
static void
tick(struct local *l)
{
	int64_t now = clock_mono_ms();
	int starting = 0;

	for (int i = 0; i < l->n; i++)
		starting += is_starting(&l->ex[i]);
	for (int i = 0; l->phase <= RUNNING && i < l->n; i++)
		tend_executor(l, &l->ex[i], now, &starting);
	if (l->phase <= RUNNING && all_ready(l))
		tend_manager(l, now);
	if (l->phase >= STOP_COMMAND)
		step_stop(l, now);
	if (l->phase == DONE)
		uv_stop(&l->loop);
	else
		arm(l, now);
}

static void
command_ended(struct local *l, int status)
{
	l->command = 0;
	if (l->phase == RUNNING)
		stop(l, child_exit_status(status), 0);
}

static void
on_child(uv_signal_t *s, int sig)
{
	struct local *l = s->data;
	int64_t now = clock_mono_ms();
	int status;
	pid_t p;

	(void)sig;
	while ((p = waitpid(-1, &status, WNOHANG)) > 0) {
		if (p == l->command)
			command_ended(l, status);
		else if (p == l->manager.pid)
			manager_ended(l, status, now);
		for (int i = 0; i < l->n; i++)
			if (p == l->ex[i].m.pid)
				executor_ended(l, &l->ex[i], status, now);
	}
	tick(l);
}

/* A second signal does not wait for anything. */
static void
on_stop_signal(uv_signal_t *s, int sig)
{
	struct local *l = s->data;

	if (sig == GUARD_TTY_INT || sig == GUARD_TTY_QUIT) {
		if (l->command > 0 && l->phase == RUNNING)
			return;
		sig = sig == GUARD_TTY_INT ? SIGINT : SIGQUIT;
	}
	if (l->phase >= STOP_COMMAND)
		l->phase = DONE;
	else
		stop(l, sig == SIGTERM && l->phase == RUNNING && !l->conf->command ? EX_OK : 128 + sig, sig);
	tick(l);
}

static void
on_front_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *ret)
{
	struct local *l = h->data;

	(void)suggested;
	*ret = uv_buf_init(l->front_byte, sizeof l->front_byte);
}

/* The front writes nothing; when it is gone nobody waits for a tidy end. */
static void
on_front(uv_stream_t *stream, ssize_t n, const uv_buf_t *b)
{
	struct local *l = stream->data;

	(void)b;
	if (n >= 0)
		return;
	uv_read_stop(stream);
	l->exit = 128 + SIGKILL;
	l->phase = DONE;
	tick(l);
}

static int
open_loop(struct local *l, int front_pipe)
{
	static const int signals[] = { SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT, GUARD_TTY_INT, GUARD_TTY_QUIT };
	struct http_client_conf hc = HTTP_CLIENT_CONF_INIT;
	int r;

	if ((r = uv_loop_init(&l->loop)) < 0)
		return r;
	uv_timer_init(&l->loop, &l->timer);
	uv_pipe_init(&l->loop, &l->front, 0);
	l->timer.data = l->front.data = l;
	for (size_t i = 0; r == 0 && i < sizeof signals / sizeof *signals; i++) {
		uv_signal_init(&l->loop, &l->sig[i]);
		l->sig[i].data = l;
		r = uv_signal_start(&l->sig[i], i == 0 ? on_child : on_stop_signal, signals[i]);
	}
	if (r < 0 || (r = uv_pipe_open(&l->front, front_pipe)) < 0 ||
	    (r = uv_read_start((uv_stream_t *)&l->front, on_front_alloc, on_front)) < 0)
		return r;
	l->client = http_client_new(&l->loop, &hc);
	return l->client ? 0 : -ENOMEM;
}

static void
close_handle(uv_handle_t *h, void *arg)
{
	(void)arg;
	if (!uv_is_closing(h))
		uv_close(h, NULL);
}

static void
close_loop(struct local *l)
{
	http_client_free(&l->client);
	for (int i = 0; i < l->n; i++)
		member_close(&l->ex[i].m);
	member_close(&l->manager);
	close_notify(l);
	uv_walk(&l->loop, close_handle, NULL);
	uv_run(&l->loop, UV_RUN_DEFAULT);
	uv_loop_close(&l->loop);
}

/* ---- setting up ---- */

static int
make_executors(struct local *l)
{
	struct local_conf *c = l->conf;
	int id = 0, r;

	l->ex = calloc((size_t)c->types.total, sizeof *l->ex);
	if (!l->ex)
		return -ENOMEM;
	for (size_t t = 0; t < c->types.n; t++)
		for (int k = 0; k < c->types.item[t].count; k++, id++) {
			struct executor *e = &l->ex[id];

			e->local = l;
			e->slot.id = id;
			e->slot.kernel = c->kernel[t];
			if ((r = launch_prepare(&c->launch, &e->slot)) < 0)
				return r;
			e->m.name = e->slot.name;
			e->at.is_unix = true;
			snprintf(e->at.path, sizeof e->at.path, "%s/sock", e->slot.dir);
		}
	l->n = id;
	return 0;
}

static int
check_sandbox(struct local *l)
{
	struct buf why = BUF_INIT;
	int ex = EX_OK;

	if (l->conf->launch.bwrap && launch_probe(&l->conf->launch, &l->ex[0].slot, &why) < 0)
		ex = diag_fail(EX_OSERR, "bubblewrap does not work here (%s); --sandbox none runs the code without isolation",
		    buf_str(&why));
	else if (l->conf->launch.userns_open)
		diag(DIAG_WARN, "this bubblewrap cannot forbid user namespaces inside (0.8 can)");
	buf_release(&why);
	return ex;
}

/* Directories, sandbox, port: all that can fail before the first executor starts.  An exit status. */
static int
set_up(struct local *l)
{
	struct launch *launch = &l->conf->launch;
	const char *rundir = launch->rundir;
	int r = rundir_make(rundir), ex;

	if (r < 0)
		return diag_fail(EX_CANTCREAT, "%s: %s", rundir, strerror(-r));
	if ((r = launch_open(launch)) < 0)
		return diag_fail(EX_OSERR, "sandbox: %s", strerror(-r));
	if ((r = make_executors(l)) < 0 || (r = write_config(l)) < 0)
		return diag_fail(EX_CANTCREAT, "%s: %s", rundir, strerror(-r));
	if ((ex = bounds_add(launch->groups, l->n)) != EX_OK || (ex = check_sandbox(l)) != EX_OK)
		return ex;
	return bounds_choose(launch->groups, launch_has_own_uids(launch), &launch->rlimits);
}

static void
tear_down(struct local *l)
{
	const char *rundir = l->conf->launch.rundir;
	int r;

	if (guard_sweep(NULL, 0) < 0)
		diag(DIAG_WARN, "some processes do not end, though killed");
	r = rundir_remove(rundir);
	if (r < 0)
		diag(DIAG_WARN, "%s: cannot be removed: %s", rundir, strerror(-r));
	groups_remove(l->conf->launch.groups);	/* the front says if that fails */
	launch_close(&l->conf->launch);
	free(l->ex);
}

int
local_run(struct local_conf *conf, int front_pipe, pid_t group)
{
	struct local l = { .conf = conf, .notify = -1, .group = group, .manager = { .name = "manager" } };
	int r;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGTTOU, SIG_IGN);	/* our group is in the background: a word to the terminal must not stop us */
	signal(SIGTTIN, SIG_IGN);
	l.at_once = 4 * get_nprocs() > 8 ? 4 * get_nprocs() : 8;
	if ((r = open_loop(&l, front_pipe)) < 0)
		return diag_fail(EX_OSERR, "event loop: %s", strerror(-r));
	if ((r = port_try(conf->port, &l.port)) < 0)
		l.exit = diag_fail(EX_OSERR, "127.0.0.1 port %u: %s", conf->port, strerror(-r));
	else
		l.exit = set_up(&l);
	if (l.exit == EX_OK) {
		tick(&l);
		if (l.phase != DONE)
			uv_run(&l.loop, UV_RUN_DEFAULT);
	}
	close_loop(&l);
	tear_down(&l);
	return l.exit;
}

int
local_probe(struct local_conf *conf)
{
	struct local l = { .conf = conf, .notify = -1 };
	int ex = set_up(&l);

	tear_down(&l);
	return ex;
}
