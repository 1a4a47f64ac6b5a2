/* kernel - one kernel incarnation; see kernel.h. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/diag.h"
#include "boot.h"
#include "cause.h"
#include "channels.h"
#include "kernel.h"
#include "marks.h"
#include "pipes.h"
#include "process.h"
#include "workspace.h"

#define REST_MS		250	/* tslab and jslab, after an error: what they are sent within 200 ms they answer without having run it */
#define PROBE_MS	1000	/* kernel_info is asked for again */
#define PROBE_FAST_MS	5	/* … where shell answered and iopub has not been heard yet */
#define NO_IDLE_MS	5000	/* after the reply, iopub quiet: idle will not come */
#define NO_REPLY_MS	1000	/* after idle: the reply will not come */
#define DRAIN_MS	250	/* after the process's end, for what it had sent */
#define LOST_MS		500	/* after the connection's end, for the process's */
#define INTERRUPT_MS	300	/* a kernel that does not say when it begins is interrupted after this */
#define ADOPT_TYPE	"execmgr_adopt"	/* of the message with which a spare takes over: forkserver.py */
#define TAKE_OVER_MS	2000	/* a spare that needs longer is not what it was: a new kernel is */
#define LATE_MS		500	/* a timer this late: this process was stopped, the kernel is not to blame */
#define LOG_MAX		4096	/* bytes of log kept */

enum phase { PROBING, PREPARING, LOADING, ADOPTING, READY, DYING, GONE };

struct request {
	char		 id[WIRE_ID_MAX];
	bool		 active, own;		/* own: not a cell of the user's */
	const char	*question;		/* its type; NULL: it runs code */
	bool		 begun, interrupt_due;
	bool		 has_reply, has_idle;
	struct buf	 reply;			/* content */
	struct buf	 input_header;		/* of the input_request to answer */
};

struct kernel {
	struct kernel_conf conf;
	enum phase	 phase;
	struct process	 process;
	struct wire	*wire;
	struct channels	*channels;
	struct pipes	*pipes;
	uv_timer_t	 deadline;	/* of the start */
	uv_timer_t	 pause;		/* the one thing that is waited for besides: on_pause says what */
	int64_t		 pause_due_ms;
	void		(*on_pause)(struct kernel *k);
	unsigned	 handles;	/* libuv still holds */
	struct kernel_info info;
	bool		 heard_shell, heard_iopub;
	struct workspace files;
	size_t		 next_file, left_out;
	struct request	 req;
	struct buf	 log;
	bool		 forked, exited;
	bool		 held, behind, stopped;	/* see kernel_hold(); stopped: because of one of them */
	bool		 rests;			/* see REST_MS */
	int64_t		 rested_ms;
	int		 wait_status;
	struct buf	 oom_path;
	int64_t		 oom_kills;	/* when it started */
};

static void proceed(struct kernel *k);

/* ---- timers ---- */

static void on_pause(uv_timer_t *timer);

static void
wait_for(struct kernel *k, int64_t ms, void (*then)(struct kernel *k))
{
	k->on_pause = then;
	k->pause_due_ms = (int64_t)uv_now(k->conf.loop) + ms;
	uv_timer_start(&k->pause, on_pause, (uint64_t)ms, 0);
}

static void
on_pause(uv_timer_t *timer)
{
	struct kernel *k = timer->data;

	if ((int64_t)uv_now(k->conf.loop) > k->pause_due_ms + LATE_MS) {
		wait_for(k, LATE_MS, k->on_pause);	/* first what has arrived meanwhile */
		return;
	}
	k->on_pause(k);
}

/* ---- the end ---- */

static void
gone(struct kernel *k, const char *why)
{
	if (k->phase == GONE)
		return;
	k->phase = GONE;
	uv_timer_stop(&k->pause);
	uv_timer_stop(&k->deadline);
	if (k->pipes)
		pipes_release(k->pipes);
	k->conf.on_gone(k->conf.arg, why);
}

static void
gone_by_cause(struct kernel *k)
{
	bool oom = WIFSIGNALED(k->wait_status) && WTERMSIG(k->wait_status) == SIGKILL && k->oom_kills >= 0 &&
	    cause_oom_read(buf_str(&k->oom_path)) > k->oom_kills;
	struct buf why = BUF_INIT;

	cause_format(k->wait_status, oom, &why);
	gone(k, buf_str(&why));
	buf_release(&why);
}

static void
gone_by_silence(struct kernel *k)
{
	gone(k, "The kernel closed its connections");
}

static void
on_lost(void *arg)
{
	struct kernel *k = arg;

	if (k->phase == GONE)
		return;
	if (k->exited) {		/* all that it had sent has been read */
		gone_by_cause(k);
		return;
	}
	k->phase = DYING;
	wait_for(k, LOST_MS, gone_by_silence);
}

void
kernel_exited(struct kernel *k, int wait_status)
{
	bool lost = k->phase == DYING;

	if (k->exited || k->phase == GONE)
		return;
	k->exited = true;
	kernel_hold(k, false);		/* what it had sent is read */
	k->wait_status = wait_status;
	k->phase = DYING;
	wait_for(k, DRAIN_MS, gone_by_cause);
	if (lost || !k->heard_iopub)
		gone_by_cause(k);
	else
		channels_pump(k->channels);
}

static void
on_deadline(uv_timer_t *timer)
{
	struct kernel *k = timer->data;
	struct buf why = BUF_INIT;

	buf_printf(&why, "The kernel was not ready within %lld s (%s)",
	    (long long)((k->phase == ADOPTING ? TAKE_OVER_MS : k->conf.start_ms) / 1000), kernel_phase(k));
	gone(k, buf_str(&why));
	buf_release(&why);
}

/* ---- its descriptors 1 and 2 ---- */

static void
keep_log(struct kernel *k, const char *bytes, size_t len)
{
	if (len > LOG_MAX) {
		bytes += len - LOG_MAX;
		len = LOG_MAX;
	}
	buf_add(&k->log, bytes, len);
	if (k->log.len > 2 * LOG_MAX)
		buf_consume(&k->log, k->log.len - LOG_MAX);
}

static void
on_bytes(void *arg, enum outputs_stream name, const char *bytes, size_t len)
{
	struct kernel *k = arg;

	if (k->req.active && !k->req.own && !k->req.question)
		k->conf.on_bytes(k->conf.arg, name, bytes, len);
	else
		keep_log(k, bytes, len);
}

/* What was printed before a child process wrote comes before. */
static void
on_readable(void *arg)
{
	struct kernel *k = arg;

	if (k->channels)
		channels_pump(k->channels);
}

/* ---- requests ---- */

static int
send_request(struct kernel *k, const char *question, struct buf *content, bool own)
{
	struct request *q = &k->req;

	q->own = own;
	q->question = question;
	buf_reset(&q->reply);
	buf_reset(&q->input_header);
	q->begun = q->interrupt_due = q->has_reply = q->has_idle = false;
	q->active = true;
	return channels_send(k->channels, CHANNEL_SHELL, question ? question : "execute_request", NULL, 0, content, q->id);
}

int
kernel_execute(struct kernel *k, struct buf *content)
{
	return k->phase == READY && !k->req.active ? send_request(k, NULL, content, false) : -EBUSY;
}

int
kernel_ask(struct kernel *k, const char *type, struct buf *content)
{
	return k->phase == READY && !k->req.active ? send_request(k, type, content, false) : -EBUSY;
}

void
kernel_forget(struct kernel *k)
{
	k->req.active = false;
	if (k->phase == READY)
		uv_timer_stop(&k->pause);
}

static void
send_interrupt(struct kernel *k)
{
	struct buf content = BUF_INIT;

	k->req.interrupt_due = false;
	if (k->conf.spec->interrupt_by_message) {
		buf_puts(&content, "{}");
		channels_send(k->channels, CHANNEL_CONTROL, "interrupt_request", NULL, 0, &content, NULL);
	} else if (!k->exited)
		kill(-k->process.pid, SIGINT);
}

static void
interrupt_now(struct kernel *k)
{
	if (k->req.active && k->req.interrupt_due)
		send_interrupt(k);
}

void
kernel_interrupt(struct kernel *k)
{
	if (!k->req.active || k->phase != READY)
		return;
	if (k->req.begun || k->req.has_reply || k->req.has_idle)
		send_interrupt(k);
	else if (!k->req.interrupt_due) {
		k->req.interrupt_due = true;
		wait_for(k, INTERRUPT_MS, interrupt_now);
	}
}

/* Its process stands still as long as somebody here cannot follow. */
static void
stop_or_go(struct kernel *k)
{
	bool stop = k->held || k->behind;

	if (stop == k->stopped || k->exited)
		return;
	k->stopped = stop;
	kill(k->process.pid, stop ? SIGSTOP : SIGCONT);
}

static void
on_behind(void *arg, bool behind)
{
	struct kernel *k = arg;

	k->behind = behind;
	stop_or_go(k);
}

void
kernel_hold(struct kernel *k, bool hold)
{
	if (k->held == hold || (hold && (k->phase != READY || k->exited || (k->req.has_reply && k->req.has_idle))))
		return;			/* or it is at its end, and what there is of it comes now */
	k->held = hold;
	stop_or_go(k);
	channels_hold(k->channels, hold);
	pipes_hold(k->pipes, hold);
}

void
kernel_input(struct kernel *k, const char *text, size_t len)
{
	struct buf content = BUF_INIT;

	json_put_open(&content, '{');
	json_put_key(&content, "value");
	json_put_string(&content, text ? text : "\x04", text ? len : 1);
	json_put_close(&content, '}');
	channels_send(k->channels, CHANNEL_STDIN, "input_reply", buf_str(&k->req.input_header), k->req.input_header.len,
	    &content, NULL);
}

/* Files of the workspace and our own preparations: what they raise is told, not fatal. */
static void
own_request_done(struct kernel *k, const struct json *reply)
{
	const char *what = k->phase == LOADING ? k->files.path[k->next_file - 1] : "preparations";
	struct buf name = BUF_INIT, value = BUF_INIT;
	struct json status, v;
	bool ok = reply && json_get(*reply, "status", &status) && json_equals(status, "ok");

	if (!reply)
		diag(DIAG_WARN, "kernel: %s: no reply", what);
	else if (!ok) {
		if (json_get(*reply, "ename", &v) && v.kind == JSON_STRING)
			json_text(v, &name);
		if (json_get(*reply, "evalue", &v) && v.kind == JSON_STRING)
			json_text(v, &value);
		if (value.len > 500)
			buf_truncate(&value, 500);
		diag(DIAG_WARN, "%s: %s: %s; left out", what, buf_str(&name), buf_str(&value));
	}
	buf_release(&name);
	buf_release(&value);
	k->left_out += !ok;
	proceed(k);
}

static void
request_done(struct kernel *k)
{
	struct json reply, status, *r = NULL;
	struct json_error err;
	struct buf text;

	if (!k->req.active)
		return;
	uv_timer_stop(&k->pause);
	pipes_release(k->pipes);
	text = k->req.reply;		/* kept until the call is over: it may start the next request */
	k->req.reply = (struct buf)BUF_INIT;
	if (k->req.has_reply && json_scan(buf_str(&text), text.len, 0, &reply, &err) == 0)
		r = &reply;
	k->req.active = false;
	if (k->rests && r && json_get(*r, "status", &status) && !json_equals(status, "ok"))
		k->rested_ms = (int64_t)uv_now(k->conf.loop) + REST_MS;
	if (!k->req.own)
		k->conf.on_done(k->conf.arg, r);
	else if (k->phase == PREPARING || k->phase == LOADING)
		own_request_done(k, r);
	buf_release(&text);
}

static void
on_quiet(struct kernel *k)
{
	if (k->held)
		wait_for(k, NO_IDLE_MS, on_quiet);	/* it may not speak */
	else
		request_done(k);
}

/* Both halves have come, or one of them and nothing since. */
static void
check_done(struct kernel *k)
{
	struct request *q = &k->req;

	if (q->has_reply && (q->has_idle || q->question))
		request_done(k);
	else if (k->phase == DYING)
		return;			/* its end is what is waited for */
	else if (q->has_reply)
		wait_for(k, NO_IDLE_MS, on_quiet);
	else if (q->has_idle)
		wait_for(k, NO_REPLY_MS, on_quiet);
}

/* ---- messages ---- */

static void
on_status(struct kernel *k, struct json content)
{
	struct json state;

	if (json_get(content, "execution_state", &state) && json_equals(state, "idle"))
		k->req.has_idle = true;
	check_done(k);
}

static void
on_mark(struct kernel *k, struct json content)
{
	struct json v;
	int64_t n;

	if (json_get(content, "n", &v) && json_int(v, 1, INT64_MAX, &n) == 0)
		pipes_mark(k->pipes, (uint64_t)n);
}

static void
on_iopub(struct kernel *k, const struct wire_msg *msg)
{
	k->heard_iopub = true;
	if (k->phase == PROBING)
		proceed(k);
	if (pipes_have_marks(k->pipes) && json_equals(msg->type, MARKS_TYPE)) {
		on_mark(k, msg->content);
		return;
	}
	if (!k->req.active || msg->parent_id.len == 0 || !json_equals(msg->parent_id, k->req.id))
		return;			/* of another client, of before, of nobody */
	if (json_equals(msg->type, "status")) {
		on_status(k, msg->content);
		return;
	}
	if (json_equals(msg->type, "execute_input")) {
		k->req.begun = true;
		interrupt_now(k);
	} else if (!k->req.own && !k->req.question) {
		pipes_read(k->pipes);	/* a child process wrote before this was printed */
		k->conf.on_output(k->conf.arg, msg->type, msg->content);
	}
	if (k->req.active)
		check_done(k);		/* not quiet: the wait for its other half begins anew */
}

static void
copy_text(struct json object, const char *key, char *out, size_t size)
{
	struct buf text = BUF_INIT;
	struct json v;

	if (json_get(object, key, &v) && v.kind == JSON_STRING && json_text(v, &text) == 0)
		snprintf(out, size, "%s", buf_str(&text));
	buf_release(&text);
}

static void
on_kernel_info(struct kernel *k, struct json content)
{
	struct json language;

	k->heard_shell = true;
	copy_text(content, "implementation", k->info.implementation, sizeof k->info.implementation);
	k->rests = strcmp(k->info.implementation, "tslab") == 0 || strcmp(k->info.implementation, "jslab") == 0;
	copy_text(content, "protocol_version", k->info.protocol, sizeof k->info.protocol);
	snprintf(k->info.language, sizeof k->info.language, "%s", k->conf.spec->language);
	if (json_get(content, "language_info", &language) && language.kind == JSON_OBJECT) {
		copy_text(language, "name", k->info.language, sizeof k->info.language);
		copy_text(language, "file_extension", k->info.extension, sizeof k->info.extension);
	}
	if (k->phase == PROBING || (k->phase == ADOPTING && !k->forked))
		proceed(k);
}

/* Is it a reply of the kind that is waited for: "x_reply" to "x_request"? */
static bool
is_reply(const struct request *q, struct json type)
{
	const char *asked = q->question ? q->question : "execute_request";
	char name[48];

	snprintf(name, sizeof name, "%.*s_reply", (int)(strlen(asked) - strlen("_request")), asked);
	return json_equals(type, name);
}

static void
on_adopted(struct kernel *k, struct json content)
{
	struct json status;
	char text[200] = "no status";

	if (json_get(content, "status", &status) && json_equals(status, "ok")) {
		proceed(k);
		return;
	}
	copy_text(content, "status", text, sizeof text);
	diag(DIAG_WARN, "spare kernel: cannot take over: %s", text);
	gone(k, "The spare kernel could not take over");
}

static void
on_shell(struct kernel *k, const struct wire_msg *msg)
{
	if (json_equals(msg->type, "kernel_info_reply")) {
		on_kernel_info(k, msg->content);
		return;
	}
	if (k->phase == ADOPTING && json_equals(msg->type, ADOPT_TYPE "_reply")) {
		on_adopted(k, msg->content);
		return;
	}
	if (!k->req.active || k->req.has_reply || !is_reply(&k->req, msg->type) || msg->parent_id.len == 0 || !json_equals(msg->parent_id, k->req.id))
		return;
	buf_add(&k->req.reply, msg->content.p, msg->content.len);
	k->req.has_reply = true;
	check_done(k);
}

static void
on_stdin(struct kernel *k, const struct wire_msg *msg)
{
	if (!json_equals(msg->type, "input_request") || !k->req.active || k->phase != READY ||
	    msg->parent_id.len == 0 || !json_equals(msg->parent_id, k->req.id))
		return;
	buf_reset(&k->req.input_header);
	buf_add(&k->req.input_header, msg->header.p, msg->header.len);
	k->conf.on_input(k->conf.arg, msg->content);
}

static void
on_message(void *arg, enum channel from, const struct wire_msg *msg)
{
	struct kernel *k = arg;

	if (k->phase == GONE)
		return;
	switch (from) {
	case CHANNEL_IOPUB:	on_iopub(k, msg); break;
	case CHANNEL_SHELL:	on_shell(k, msg); break;
	case CHANNEL_STDIN:	on_stdin(k, msg); break;
	default:		break;	/* replies to interrupts */
	}
}

/* ---- the start ---- */

static void
probe(struct kernel *k)
{
	struct buf content = BUF_INIT;

	buf_puts(&content, "{}");
	channels_send(k->channels, CHANNEL_SHELL, "kernel_info_request", NULL, 0, &content, NULL);
	wait_for(k, k->heard_shell ? PROBE_FAST_MS : PROBE_MS, probe);
}

/* Run a request of our own: silently, without a trace in history or count. */
static void
run_own(struct kernel *k, const struct buf *source)
{
	struct buf code = BUF_INIT, content = BUF_INIT;

	json_put_string(&code, buf_str(source), source->len);
	wire_put_execute(&content, buf_str(&code), code.len, true, false, false);
	if (buf_error(source) < 0 || buf_error(&code) < 0 || send_request(k, NULL, &content, true) < 0)
		gone(k, "The kernel could not be prepared: out of memory");
	buf_release(&code);
	buf_release(&content);
}

static bool
is_python(const struct kernel *k)
{
	return k->conf.spec->is_ipykernel && strcmp(k->info.implementation, "ipython") == 0;
}

static void
prepare(struct kernel *k)
{
	struct buf source = BUF_INIT;
	char token[33] = "";

	k->phase = PREPARING;
	cause_oom_offer(k->process.pid);
	uv_timer_stop(&k->pause);
	unlink(buf_str(&k->process.connection_file));	/* it has been read: nobody else is to read it */
	if (!is_python(k)) {
		proceed(k);
		return;
	}
	if (wire_random(token) == 0)
		pipes_expect_marks(k->pipes, token);
	boot_python(k->conf.workspace, token, &source);
	run_own(k, &source);
	buf_release(&source);
}

/* Run the next file of the workspace; false: there is none left. */
static bool
load_next(struct kernel *k)
{
	struct buf source = BUF_INIT;
	const char *path;
	int r = 0;

	while (k->next_file < k->files.n) {
		path = k->files.path[k->next_file++];
		diag(DIAG_INFO, "loading %s", path);
		buf_reset(&source);
		if (is_python(k))
			boot_python_load(path, &source);
		else
			r = buf_read_file(&source, path, WORKSPACE_BYTES_MAX);
		if (r == 0) {
			run_own(k, &source);
			buf_release(&source);
			return true;
		}
		diag(DIAG_WARN, "%s: %s; left out", path, strerror(-r));
	}
	buf_release(&source);
	return false;
}

static void
start_loading(struct kernel *k)
{
	int r;

	k->phase = LOADING;
	if (k->conf.workspace &&
	    (r = workspace_list(k->conf.workspace, k->info.extension, &k->files)) < 0)
		diag(DIAG_WARN, "%s: %s; nothing is loaded", k->conf.workspace,
		    r == -E2BIG ? "more than 1000 files" : strerror(-r));
}

static void
ready(struct kernel *k)
{
	uv_timer_stop(&k->deadline);
	uv_timer_stop(&k->pause);
	k->phase = READY;
	if (k->conf.is_spare && k->forked)
		process_hide(&k->process);
	if (!k->conf.is_spare && k->conf.work_nice > 0 &&
	    setpriority(PRIO_PGRP, (id_t)k->process.pid, getpriority(PRIO_PROCESS, 0) + k->conf.work_nice) < 0)
		diag(DIAG_WARN, "kernel: nice: %s", strerror(errno));
	k->conf.on_ready(k->conf.arg);
}

/* What comes next on the way to readiness. */
static void
proceed(struct kernel *k)
{
	if (k->phase == PROBING) {
		if (k->heard_shell && k->heard_iopub && (!k->conf.is_spare || channels_are_connected(k->channels)))
			prepare(k);
		else if (k->heard_shell)
			wait_for(k, PROBE_FAST_MS, probe);
		return;
	}
	if (k->phase == PREPARING)
		start_loading(k);
	if (k->phase == LOADING && load_next(k))
		return;
	workspace_release(&k->files);
	if (k->phase == LOADING || k->phase == ADOPTING)
		ready(k);
}

static int
open_channels(struct kernel *k)
{
	struct channels_conf conf = { .arg = k, .on_message = on_message, .on_behind = on_behind, .on_lost = on_lost };
	char session[33];
	int r;

	if ((r = wire_random(session)) < 0)
		return r;
	k->wire = wire_new(k->process.key, session);
	if (!k->wire)
		return -ENOMEM;
	conf.wire = k->wire;
	conf.await = k->conf.is_spare;
	conf.identity = session;
	memcpy(conf.endpoint, k->process.endpoint, sizeof conf.endpoint);
	return channels_new(k->conf.loop, &conf, &k->channels);
}

static void on_forked(void *arg, pid_t pid);

static struct process_conf
process_conf(struct kernel *k)
{
	return (struct process_conf){
		.spec = k->conf.spec, .runtime_dir = k->conf.runtime_dir, .work_base = k->conf.work_base,
		.serial = k->conf.serial, .use_ipc = k->conf.use_ipc, .nofile = k->conf.nofile,
		.server = k->conf.server, .is_spare = k->conf.is_spare, .nice = k->conf.nice, .arg = k, .on_forked = on_forked,
	};
}

static void
look_at_memory(struct kernel *k)
{
	cause_oom_find(k->process.pid, &k->oom_path);
	k->oom_kills = cause_oom_read(buf_str(&k->oom_path));
}

static void
on_forked(void *arg, pid_t pid)
{
	struct kernel *k = arg;
	struct process_conf conf = process_conf(k);
	struct buf why = BUF_INIT;

	k->forked = pid > 0;
	k->process.ticket = 0;
	if (k->forked)
		process_is_there(&k->process, pid);
	else if (k->conf.is_spare) {
		gone(k, "The kernel could not be forked");
		goto out;
	} else if (process_exec(&conf, &k->process, &why) < 0) {
		gone(k, buf_str(&why));
		goto out;
	}
	look_at_memory(k);
out:
	buf_release(&why);
}

int
kernel_start(const struct kernel_conf *conf, struct kernel **ret, struct buf *why)
{
	struct kernel *k = calloc(1, sizeof *k);
	struct pipes_conf pipes = { .loop = conf->loop, .arg = k, .on_readable = on_readable, .on_bytes = on_bytes };
	struct process_conf l;
	int r;

	if (!k) {
		buf_puts(why, "out of memory");
		return -ENOMEM;
	}
	k->conf = *conf;
	uv_timer_init(conf->loop, &k->deadline);
	uv_timer_init(conf->loop, &k->pause);
	k->deadline.data = k->pause.data = k;
	k->handles = 2;
	*ret = k;
	l = process_conf(k);
	if ((r = process_start(&l, &k->process, why)) < 0)
		return r;
	if (k->process.pid > 0)
		look_at_memory(k);
	if ((r = pipes_new(&pipes, k->process.out, &k->pipes)) < 0 || (r = open_channels(k)) < 0) {
		buf_printf(why, "no sockets for the kernel: %s", strerror(-r));
		return r;
	}
	uv_timer_start(&k->deadline, on_deadline, (uint64_t)conf->start_ms, 0);
	probe(k);
	return 0;
}

int
kernel_take_over(struct kernel *k, const struct kernel_conf *conf)
{
	struct buf content = BUF_INIT;
	int r;

	if (k->phase != READY || !k->conf.is_spare)
		return -EBUSY;
	if (k->forked && (r = process_make_dirs(&k->process)) < 0)
		return r;
	if (k->conf.nice != 0 && setpriority(PRIO_PGRP, (id_t)k->process.pid, getpriority(PRIO_PROCESS, 0)) < 0)
		return -errno;
	k->conf = *conf;
	k->phase = ADOPTING;
	k->oom_kills = cause_oom_read(buf_str(&k->oom_path));	/* it was not the one that they were for */
	buf_reset(&k->log);
	uv_timer_start(&k->deadline, on_deadline, TAKE_OVER_MS, 0);
	if (!k->forked) {
		probe(k);
		return 0;
	}
	buf_puts(&content, "{}");
	return channels_send(k->channels, CHANNEL_SHELL, ADOPT_TYPE, NULL, 0, &content, NULL);
}

static void
on_closed(uv_handle_t *handle)
{
	struct kernel *k = handle->data;

	if (--k->handles == 0)
		free(k);
}

void
kernel_free(struct kernel **kp)
{
	struct kernel *k = *kp;

	if (!k)
		return;
	*kp = NULL;
	k->phase = GONE;
	if (k->process.ticket > 0)
		forkserver_forget(k->conf.server, k->process.ticket);
	if (k->process.pid > 0 && !k->exited) {
		kill(-k->process.pid, SIGKILL);
		kill(k->process.pid, SIGKILL);		/* before its setsid() there is no such group */
	}
	channels_free(&k->channels);
	wire_free(&k->wire);
	pipes_free(&k->pipes);
	k->req.active = false;
	process_release(&k->process);
	workspace_release(&k->files);
	buf_release(&k->req.reply);
	buf_release(&k->req.input_header);
	buf_release(&k->log);
	buf_release(&k->oom_path);
	uv_close((uv_handle_t *)&k->deadline, on_closed);
	uv_close((uv_handle_t *)&k->pause, on_closed);
}

/* ---- looking ---- */

int64_t
kernel_rest_ms(const struct kernel *k)
{
	int64_t now = (int64_t)uv_now(k->conf.loop);

	return k->rested_ms > now ? k->rested_ms - now : 0;
}

pid_t
kernel_pid(const struct kernel *k)
{
	return k->process.pid;
}

bool
kernel_was_forked(const struct kernel *k)
{
	return k->forked;
}

const struct kernel_info *
kernel_info(const struct kernel *k)
{
	return &k->info;
}

const char *
kernel_phase(const struct kernel *k)
{
	switch (k->phase) {
	case PROBING:	return k->process.pid == 0 ? "it is not forked" : k->heard_shell ? "it answers but publishes nothing" : "it does not answer";
	case PREPARING:	return "its preparations do not end";
	case ADOPTING:	return "the spare does not take over";
	case LOADING:	return k->next_file > 0 && k->files.n > 0 ? k->files.path[k->next_file - 1] : "loading files";
	default:	return "";
	}
}

const char *
kernel_log(const struct kernel *k)
{
	return buf_str(&k->log);
}

uint64_t
kernel_refused(const struct kernel *k)
{
	return k->channels ? channels_refused(k->channels) : 0;
}

static const char *
or_null(const struct buf *b)
{
	return b->len > 0 ? b->data : NULL;
}

size_t
kernel_left_out(const struct kernel *k)
{
	return k->left_out;
}

void
kernel_dirs(const struct kernel *k, const char *ret[KERNEL_DIRS])
{
	ret[0] = or_null(&k->process.work_dir);
	ret[1] = or_null(&k->process.private_dir);
	ret[2] = or_null(&k->process.ipython_dir);
}

const char *
kernel_work_dir(const struct kernel *k)
{
	return or_null(&k->process.work_dir);
}
