/* runner - runs cells on a kernel that it keeps alive; see runner.h. */
#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/proc.h"
#include "cell.h"
#include "forkserver.h"
#include "runner.h"
#include "sweep.h"
#include "usage.h"

#define STEP_MS		1000	/* between two steps after a time limit: interrupt, interrupt, replace */
#define CLEAR_MS	10	/* between two looks whether all that a kernel started is gone */
#define BOMB_MS		500	/* what has not gone by then is a fork bomb */
#define CLEAR_MAX_MS	5000	/* what SIGKILL has not ended by then is stuck in the system: go on without it */
#define PAUSE_MS	1000	/* before the third start; doubled for each one that fails */
#define PAUSE_MAX_MS	30000
#define PROVEN_MS	10000	/* a kernel that lived this long is a start that succeeded */
#define STOP_FINISH_MS	2000	/* runner_stop(): the cell that runs may finish, then is interrupted … */
#define STOP_KILL_MS	1500	/* … then the kernel goes */
#define WHY_MAX		600	/* bytes of the kernel's last words in a sentence */

enum state {
	IDLE,		/* before the first start */
	STARTING,
	SERVING,
	CLEARING,	/* the old kernel's processes are being killed */
	CLEANING,	/* what it left in its directories is being removed */
	PAUSING,	/* the last starts failed */
	STOPPED
};

struct runner {
	struct runner_conf conf;
	enum state	 state;
	struct kernel	*kernel;	/* STARTING and SERVING */
	struct forkserver *server;
	struct spare	*spare;		/* NULL: stopping */
	bool		 was_spare;	/* the kernel; its take-over goes on while the old one's files are removed, */
	bool		 is_over;	/* … and is done */
	int		 work_fd;	/* SERVING: its working directory, opened before any code could change what is there; -1: none */
	struct cell	*running;
	struct usage	 usage;		/* of the cell that runs */
	struct cell	*first, **last;	/* the queue */
	size_t		 queued;
	unsigned	 serial, generation, failures;
	uint64_t	 executions;
	bool		 restarting;	/* not the first start */
	bool		 stopping;
	int64_t		 ready_ms, clear_until_ms;
	struct buf	 why;		/* of the last failure */
	struct sweep	 sweep;		/* of what the kernel being cleared has left */
	uv_timer_t	 step;		/* of the state: clearing, pausing, a kernel that rests */
	uv_timer_t	 limit;		/* of the cell that runs, or of the stop */
	uv_timer_t	 wait;		/* of the cells that wait for a kernel */
};

static bool
is_clearing(const struct runner *r)
{
	return r->state == CLEARING || r->state == CLEANING;
}

static void start_kernel(struct runner *r);
static void take_spare(struct runner *r);
static void run_next(struct runner *r);

/* ---- cells ---- */

static void
finish(struct runner *r, enum cell_status status, bool state_kept)
{
	struct cell *c = r->running;
	struct buf answer = BUF_INIT;

	r->running = NULL;
	if (r->kernel)
		kernel_hold(r->kernel, false);
	if (!r->stopping)
		uv_timer_stop(&r->limit);
	if (!c->abandoned) {
		usage_end(&r->usage, &c->cpu_ns, &c->peak_bytes);
		cell_format(c, status, r->generation, state_kept, &answer);
		if (buf_error(&answer) < 0)
			c->spec.on_refused(c->spec.arg, FAULT_UNAVAILABLE, "Out of memory for the answer");
		else
			c->spec.on_done(c->spec.arg, &answer);
	}
	buf_release(&answer);
	cell_free(&c);
}

/* The question that was asked has its answer; NULL: there is none. */
static void
answer(struct runner *r, const struct json *reply)
{
	struct cell *c = r->running;

	r->running = NULL;
	if (reply)
		c->spec.on_reply(c->spec.arg, *reply);
	else
		c->spec.on_refused(c->spec.arg, FAULT_UNAVAILABLE, "The kernel does not answer such a question");
	cell_free(&c);
}

static void
refuse_cell(struct cell *c, const char *detail)
{
	if (!c->abandoned)
		c->spec.on_refused(c->spec.arg, FAULT_UNAVAILABLE, detail);
	cell_free(&c);
}

static struct cell *
dequeue(struct runner *r)
{
	struct cell *c = r->first;

	if (c) {
		r->first = c->next;
		if (!r->first)
			r->last = &r->first;
		r->queued--;
	}
	return c;
}

static void
refuse_queue(struct runner *r, const char *detail)
{
	struct cell *c;

	while ((c = dequeue(r)) != NULL)
		refuse_cell(c, detail);
}

/* Cells that have waited for a kernel as long as one may take to start. */
static void
on_wait(uv_timer_t *timer)
{
	struct runner *r = timer->data;
	int64_t now = clock_mono_ms();
	struct cell *c;

	while (r->state != SERVING && (c = r->first) != NULL) {
		if (now < c->queued_ms + r->conf.start_ms) {
			uv_timer_start(timer, on_wait, (uint64_t)(c->queued_ms + r->conf.start_ms - now), 0);
			return;
		}
		refuse_cell(dequeue(r), "The kernel is not ready");
	}
}

static void
time_out(struct runner *r, bool state_kept)
{
	struct cell *c = r->running;
	char value[80];

	if (c->spec.timeout_ms % 1000 == 0)
		snprintf(value, sizeof value, "Execution timed out after %lld seconds",
		    (long long)(c->spec.timeout_ms / 1000));
	else
		snprintf(value, sizeof value, "Execution timed out after %g seconds",
		    (double)c->spec.timeout_ms / 1000);
	outputs_error(c->outputs, "TimeoutError", value);
	finish(r, CELL_TIMEOUT, state_kept);
}

static void replace_kernel(struct runner *r, const char *why);
static void clear_kernel(struct runner *r);

/* The time limit, and what follows it as long as the kernel does not heed. */
static void
on_limit(uv_timer_t *timer)
{
	struct runner *r = timer->data;
	struct cell *c = r->running;

	if (!c)
		return;
	if (c->unsent) {
		replace_kernel(r, "The kernel takes no requests");
		return;
	}
	if (c->ladder++ < 2) {
		if (c->ladder == 1)
			outputs_hold_errors(c->outputs);
		kernel_hold(r->kernel, false);
		kernel_interrupt(r->kernel);
		uv_timer_start(timer, on_limit, STEP_MS, 0);
		return;
	}
	diag(DIAG_WARN, "kernel: does not heed its time limit and is replaced");
	replace_kernel(r, "The kernel was replaced: it did not heed its time limit");
}

static void
on_rested(uv_timer_t *timer)
{
	run_next(timer->data);
}

static void
run_next(struct runner *r)
{
	int64_t rest_ms;
	struct cell *c;

	if (r->state != SERVING || r->running || r->stopping)
		return;
	if (r->first && (rest_ms = kernel_rest_ms(r->kernel)) > 0) {
		uv_timer_start(&r->step, on_rested, (uint64_t)rest_ms, 0);
		return;
	}
	if ((c = dequeue(r)) == NULL)
		return;
	r->running = c;
	c->started_ns = clock_mono_ns();
	if (c->spec.question)
		c->unsent = kernel_ask(r->kernel, c->spec.question, &c->spec.request) < 0;
	else {
		r->executions++;
		c->unsent = kernel_execute(r->kernel, &c->spec.request) < 0;
		usage_begin(&r->usage, kernel_pid(r->kernel));	/* while the cell is on its way */
	}
	if (c->unsent || !c->spec.question)	/* who asks has a limit of his own */
		uv_timer_start(&r->limit, on_limit, c->unsent ? 0 : (uint64_t)c->spec.timeout_ms, 0);
	if (c->spec.on_start)
		c->spec.on_start(c->spec.arg);
}

int
runner_submit(struct runner *r, struct cell_spec *spec, struct cell **ret_cell)
{
	struct cell *c;

	if (r->stopping)
		return -ESHUTDOWN;
	if (r->state == PAUSING)
		return -ECHILD;
	if (r->queued >= RUNNER_QUEUE_MAX)
		return -EBUSY;
	c = cell_new(spec);
	if (!c)
		return -ENOMEM;
	*r->last = c;
	r->last = &c->next;
	r->queued++;
	*ret_cell = c;
	if (r->state != SERVING && r->first == c)
		uv_timer_start(&r->wait, on_wait, (uint64_t)r->conf.start_ms, 0);
	run_next(r);
	return 0;
}

enum fault
runner_refusal(const struct runner *r, int err, struct buf *why)
{
	switch (err) {
	case -EBUSY:
		buf_printf(why, "%d cells are waiting already", RUNNER_QUEUE_MAX);
		return FAULT_BUSY;
	case -ESHUTDOWN:
		buf_puts(why, "The executor is stopping");
		return FAULT_UNAVAILABLE;
	case -ECHILD:
		buf_printf(why, "The kernel does not start: %s", runner_why(r));
		return FAULT_UNAVAILABLE;
	default:
		buf_puts(why, "Out of memory");
		return FAULT_UNAVAILABLE;
	}
}

static void
interrupt(struct runner *r)
{
	r->running->interrupted = true;
	r->running->wants_input = false;
	kernel_hold(r->kernel, false);
	kernel_interrupt(r->kernel);
}

static void
give_input(struct runner *r, const char *line, size_t len)
{
	r->running->wants_input = false;
	kernel_input(r->kernel, line, len);
}

bool
runner_input(struct runner *r, const char *line, size_t len)
{
	if (!r->running || !r->running->wants_input)
		return false;
	give_input(r, line, len);
	return true;
}

void
runner_leave(struct runner *r, struct cell *c)
{
	struct cell **p;

	c->abandoned = true;
	if (c == r->running && c->spec.question) {
		r->running = NULL;
		kernel_forget(r->kernel);
		cell_free(&c);
		run_next(r);
		return;
	}
	if (c == r->running) {
		kernel_hold(r->kernel, false);
		if (c->wants_input)
			give_input(r, NULL, 0);
		if (c->spec.interrupt_on_leave)
			interrupt(r);
		return;
	}
	for (p = &r->first; *p; p = &(*p)->next)
		if (*p == c) {
			*p = c->next;
			if (!*p)
				r->last = p;
			r->queued--;
			cell_free(&c);
			return;
		}
}

void
runner_hold(struct runner *r, struct cell *c, bool hold)
{
	if (c == r->running && (!hold || (!c->interrupted && c->ladder == 0)))
		kernel_hold(r->kernel, hold);
}

bool
runner_interrupt(struct runner *r)
{
	if (!r->running || r->running->spec.question)
		return false;
	interrupt(r);
	return true;
}

/* ---- what the kernel tells ---- */

static void
on_output(void *arg, struct json type, struct json content)
{
	struct runner *r = arg;

	if (!r->running)
		return;
	if (outputs_message(r->running->outputs, type, content) < 0)
		diag(DIAG_WARN, "kernel: output dropped: not what the specification says");
	outputs_flush(r->running->outputs);
}

static void
on_bytes(void *arg, enum outputs_stream name, const char *bytes, size_t len)
{
	struct runner *r = arg;

	if (!r->running)
		return;
	outputs_bytes(r->running->outputs, name, bytes, len);
	outputs_flush(r->running->outputs);
}

static void
on_input(void *arg, struct json content)
{
	struct runner *r = arg;
	struct cell *c = r->running;
	const char *line = NULL;
	size_t len = 0;

	if (c && c->spec.asks_input && cell_ask_input(c, content)) {
		c->wants_input = true;
		return;
	}
	if (c)
		cell_next_line(c, &line, &len);
	kernel_input(r->kernel, line, len);
}

static void
on_done(void *arg, const struct json *reply)
{
	struct runner *r = arg;
	enum cell_status status;

	if (!r->running)
		return;
	r->failures = 0;
	if (r->running->spec.question)
		answer(r, reply);
	else if ((status = cell_take_reply(r->running, reply)) == CELL_TIMEOUT)
		time_out(r, true);
	else
		finish(r, status, true);
	if (r->stopping)
		clear_kernel(r);
	else
		run_next(r);
}

static void
close_work_dir(struct runner *r)
{
	if (r->work_fd < 0)
		return;
	close(r->work_fd);
	r->work_fd = -1;
	r->conf.on_files_gone(r->conf.arg);
}

static void
open_work_dir(struct runner *r)
{
	const char *path = kernel_work_dir(r->kernel);

	if (path && (r->work_fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0)
		diag(DIAG_WARN, "%s: its files cannot be served: %s", path, strerror(errno));
}

static void
on_ready(void *arg)
{
	struct runner *r = arg;

	if (r->state == CLEANING) {	/* not before all that the old one left is gone */
		r->is_over = true;
		return;
	}
	diag(DIAG_INFO, "kernel: ready (generation %u, process %d)", r->generation, (int)kernel_pid(r->kernel));
	r->state = SERVING;
	open_work_dir(r);
	r->restarting = false;
	if (r->spare)
		spare_want(r->spare, kernel_left_out(r->kernel));
	r->ready_ms = clock_mono_ms();
	buf_reset(&r->why);
	uv_timer_stop(&r->wait);
	run_next(r);
}

/* The end of what the kernel wrote, on one line. */
static void
add_last_words(struct buf *out, const char *log)
{
	size_t n = strlen(log), start;

	while (n > 0 && strchr(" \r\n", log[n - 1]))
		n--;
	start = n > WHY_MAX ? n - WHY_MAX : 0;
	if (n == 0)
		return;
	buf_puts(out, ": ");
	for (size_t i = start; i < n; i++)
		buf_putc(out, log[i] == '\n' ? ' ' : log[i]);
}

static void
start_failed(struct runner *r, const char *why)
{
	buf_reset(&r->why);
	buf_puts(&r->why, why);
	if (r->kernel)
		add_last_words(&r->why, kernel_log(r->kernel));
	r->failures++;
	diag(DIAG_WARN, "kernel %s: start failed: %s", r->conf.spec->name, buf_str(&r->why));
	replace_kernel(r, buf_str(&r->why));
}

static void
on_gone(void *arg, const char *why)
{
	struct runner *r = arg;
	bool was_short = clock_mono_ms() < r->ready_ms + PROVEN_MS;

	if (r->state == STARTING) {
		start_failed(r, why);
		return;
	}
	diag(DIAG_WARN, "kernel: %s", why);
	if (r->state == CLEANING) {	/* a spare that did not take over */
		kernel_free(&r->kernel);
		return;
	}
	if (r->running)
		r->failures = 0;	/* the cell's doing, not the start's */
	else
		r->failures = was_short ? r->failures + 1 : 0;
	replace_kernel(r, why);
}

/* ---- replacing it ---- */

static void
stopped(struct runner *r)
{
	r->state = STOPPED;
	uv_close((uv_handle_t *)&r->step, NULL);
	uv_close((uv_handle_t *)&r->limit, NULL);
	uv_close((uv_handle_t *)&r->wait, NULL);
	r->conf.on_stopped(r->conf.arg);
}

static void
on_step(uv_timer_t *timer)
{
	start_kernel(timer->data);
}

/* A new start: now, or after a pause. */
static void
go_on(struct runner *r)
{
	int64_t ms;

	if (r->failures < 2) {		/* a first failure may be bad luck, a port taken: tried again at once */
		start_kernel(r);
		return;
	}
	r->state = PAUSING;
	uv_timer_stop(&r->wait);
	refuse_queue(r, buf_str(&r->why));
	ms = PAUSE_MAX_MS;
	if (r->failures - 2 < 5)
		ms = (int64_t)PAUSE_MS << (r->failures - 2);
	uv_timer_start(&r->step, on_step, (uint64_t)ms, 0);
}

static void
on_cleaned(void *arg)
{
	struct runner *r = arg;

	if (r->stopping && r->spare)	/* asked for meanwhile: now it goes too, and the fork server */
		clear_kernel(r);
	else if (r->stopping)
		stopped(r);
	else if (!r->kernel)
		go_on(r);
	else {
		r->state = STARTING;
		if (r->is_over)
			on_ready(r);
	}
}

/* All that the old kernel started is gone; or as good as, but then nothing that it could touch is used. */
static void
cleared(struct runner *r, bool all)
{
	const char *dirs[KERNEL_DIRS] = { NULL };

	r->state = CLEANING;
	sweep_restore(&r->sweep);
	if (all && !r->stopping && r->failures < 2)
		take_spare(r);
	if (r->kernel)
		kernel_dirs(r->kernel, dirs);
	else if (r->spare)
		spare_dirs(r->spare, dirs);
	for (int i = 0; i < KERNEL_DIRS; i++)
		sweep_keep(&r->sweep, dirs[i]);
	sweep_start(&r->sweep, r->conf.loop);
}

void
runner_reap(struct runner *r)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (r->kernel && kernel_pid(r->kernel) == pid)
			kernel_exited(r->kernel, status);
		if (r->spare)
			spare_exited(r->spare, pid, status);
		if (r->server)
			forkserver_exited(r->server, pid);
	}
}

/*
 * A fork bomb may run ahead of whoever looks for its processes one by one.  The first process of a container is alone with what it
 * started: one call ends it all, the spare too.  Otherwise as proc_kill_tree().
 */
static int
kill_all(void)
{
	if (getpid() != 1)
		return proc_kill_tree(getpid(), NULL, 0);
	return kill(-1, SIGKILL) == 0 ? -EBUSY : 0;	/* ESRCH: nobody is left, but for zombies */
}

static void
on_clear(uv_timer_t *timer)
{
	struct runner *r = timer->data;
	pid_t spared[2];
	size_t nspared = 0;
	int n;

	if (r->server && forkserver_pid(r->server) > 0)
		spared[nspared++] = forkserver_pid(r->server);
	if (r->spare && spare_pid(r->spare) > 0)
		spared[nspared++] = spare_pid(r->spare);
	n = clock_mono_ms() > r->clear_until_ms - CLEAR_MAX_MS + BOMB_MS ? kill_all()
	    : proc_kill_tree(getpid(), spared, nspared);
	runner_reap(r);		/* a fork bomb's zombies would leave no room for the threads and processes to come */
	if (n == 0 || clock_mono_ms() > r->clear_until_ms) {
		if (n < 0)
			diag(DIAG_ERROR, "kernel: processes it started do not go away");
		cleared(r, n == 0);
		return;
	}
	uv_timer_start(timer, on_clear, CLEAR_MS, 0);
}

/* Let the kernel go and kill all that it started; then a new one starts, or the runner has stopped. */
static void
clear_kernel(struct runner *r)
{
	if (r->kernel)
		sweep_go(&r->sweep, kernel_work_dir(r->kernel));
	close_work_dir(r);
	kernel_free(&r->kernel);
	if (r->stopping) {
		spare_free(&r->spare);
		forkserver_free(&r->server);
	} else {
		spare_hold(r->spare);
		forkserver_continue(r->server);
	}
	r->state = CLEARING;
	r->clear_until_ms = clock_mono_ms() + CLEAR_MAX_MS;
	on_clear(&r->step);
}

/* The kernel's time is over: say so to the cell that runs, and to those that relied on its state. */
static void
replace_kernel(struct runner *r, const char *why)
{
	bool was_serving = r->state == SERVING;
	struct cell *c = r->running;
	struct buf detail = BUF_INIT;

	if (was_serving)
		r->restarting = true;
	if (c && c->spec.question) {
		r->running = NULL;
		refuse_cell(c, why);
	} else if (c && c->ladder > 0)
		time_out(r, false);
	else if (c) {
		outputs_error(c->outputs, "KernelDied", why);
		finish(r, CELL_DIED, false);
	}
	if (was_serving && r->first) {
		buf_printf(&detail, "%s before this code ran", why);
		refuse_queue(r, buf_str(&detail));
		buf_release(&detail);
	}
	if (was_serving) {
		r->generation++;
		r->executions = 0;
	}
	clear_kernel(r);
}

bool
runner_restart(struct runner *r)
{
	if (r->restarting && (is_clearing(r) || r->state == STARTING))
		return false;
	if (is_clearing(r) || r->stopping)
		return false;
	diag(DIAG_INFO, "kernel: restart asked for");
	r->restarting = true;
	r->failures = 0;
	if (r->state == SERVING) {
		replace_kernel(r, "The kernel was restarted");
		return true;
	}
	if (r->state == STARTING)
		r->generation++;	/* a restart of a start: whoever asked will see a kernel begun after it */
	uv_timer_stop(&r->step);
	clear_kernel(r);
	return true;
}

/* How kernels are started; the spare too. */
static struct kernel_conf
kernel_conf(struct runner *r)
{
	return (struct kernel_conf){
		.loop = r->conf.loop, .spec = r->conf.spec, .runtime_dir = r->conf.runtime_dir,
		.work_base = r->conf.work_base, .workspace = r->conf.workspace, .serial = r->serial,
		.use_ipc = r->conf.use_ipc, .nofile = r->conf.nofile, .work_nice = r->conf.nice, .server = r->server, .start_ms = r->conf.start_ms,
		.arg = r, .on_ready = on_ready,
		.on_output = on_output, .on_bytes = on_bytes, .on_input = on_input, .on_done = on_done, .on_gone = on_gone,
	};
}

static void
take_spare(struct runner *r)
{
	struct kernel_conf conf;

	r->serial++;
	conf = kernel_conf(r);
	r->kernel = spare_take(r->spare, &conf);
	r->was_spare = r->kernel != NULL;
	r->is_over = false;
}

static void
start_kernel(struct runner *r)
{
	struct kernel_conf conf;
	struct buf why = BUF_INIT;

	r->state = STARTING;
	r->serial++;
	if (r->generation == 0)
		r->generation = 1;
	conf = kernel_conf(r);
	r->was_spare = false;
	forkserver_ensure(r->server);
	if (kernel_start(&conf, &r->kernel, &why) < 0)
		start_failed(r, buf_str(&why));
	buf_release(&why);
}

static bool
is_busy(void *arg)
{
	const struct runner *r = arg;

	return r->running != NULL;
}

/* ---- life ---- */

struct runner *
runner_new(const struct runner_conf *conf)
{
	struct runner *r = calloc(1, sizeof *r);

	if (!r)
		return NULL;
	r->conf = *conf;
	r->server = forkserver_new(&(struct forkserver_conf){
		.loop = conf->loop, .spec = conf->spec, .off = conf->no_fork, .preload = conf->preload,
		.nofile = conf->nofile, .start_ms = conf->start_ms / 2,		/* time is left for a start without it */
	});
	if (r->server)
		r->spare = spare_new(&(struct spare_conf){
			.kernel = kernel_conf(r), .wanted = conf->spare, .is_busy = is_busy, .arg = r,
		});
	if (!r->spare) {
		forkserver_free(&r->server);
		free(r);
		return NULL;
	}
	r->last = &r->first;
	r->work_fd = -1;
	r->usage = (struct usage)USAGE_INIT;
	uv_timer_init(conf->loop, &r->step);
	uv_timer_init(conf->loop, &r->limit);
	uv_timer_init(conf->loop, &r->wait);
	r->step.data = r->limit.data = r->wait.data = r;
	r->sweep = (struct sweep){
		.runtime_dir = conf->runtime_dir, .work_base = conf->work_base, .scratch = conf->scratch,
		.arg = r, .on_done = on_cleaned,
	};
	sweep_now(&r->sweep);		/* an executor before this one may have been killed */
	start_kernel(r);
	return r;
}

static void
on_stop_limit(uv_timer_t *timer)
{
	struct runner *r = timer->data;

	if (r->running && !r->running->interrupted && r->kernel) {
		interrupt(r);
		uv_timer_start(timer, on_stop_limit, STOP_KILL_MS, 0);
		return;
	}
	if (!is_clearing(r))
		replace_kernel(r, "The executor was stopped");
}

void
runner_stop(struct runner *r)
{
	if (r->stopping)
		return;
	r->stopping = true;
	refuse_queue(r, "The executor is stopping");
	uv_timer_stop(&r->wait);
	if (is_clearing(r))
		return;			/* on_cleaned() goes on */
	uv_timer_stop(&r->step);
	if (r->running)
		uv_timer_start(&r->limit, on_stop_limit, STOP_FINISH_MS, 0);
	else
		clear_kernel(r);
}

void
runner_free(struct runner **rp)
{
	struct runner *r = *rp;

	if (!r)
		return;
	usage_release(&r->usage);
	buf_release(&r->why);
	sweep_release(&r->sweep);
	free(r);
	*rp = NULL;
}

/* ---- looking ---- */

bool
runner_is_ready(const struct runner *r)
{
	return r->state == SERVING && !r->stopping;
}

int
runner_work_dir(const struct runner *r)
{
	return runner_is_ready(r) ? r->work_fd : -1;
}

bool
runner_is_restarting(const struct runner *r)
{
	return r->restarting;
}

const char *
runner_reason(const struct runner *r)
{
	if (r->stopping)
		return "stopping";
	switch (r->state) {
	case IDLE:	return "kernel_not_started";
	case PAUSING:	return "kernel_dead";
	case STARTING:
	case CLEARING:
	case CLEANING:	return r->restarting ? "kernel_restarting" : "kernel_starting";
	default:	return NULL;
	}
}

const char *
runner_why(const struct runner *r)
{
	return buf_str(&r->why);
}

void
runner_info(const struct runner *r, struct runner_info *ret)
{
	*ret = (struct runner_info){
		.generation = r->generation, .executions = r->executions, .queued = r->queued, .running = r->running != NULL,
	};
	ret->spare = r->spare ? spare_state(r->spare) : "none";
	ret->spare_why = r->spare ? spare_why(r->spare) : "";
	ret->spare_pid = r->spare ? spare_pid(r->spare) : 0;
	ret->not_forked = r->server ? forkserver_why(r->server) : "";
	ret->server_pid = r->server ? forkserver_pid(r->server) : 0;
	if (r->kernel) {
		ret->start = r->was_spare ? "spare" : kernel_was_forked(r->kernel) ? "forked" : "cold";
		ret->kernel = kernel_info(r->kernel);
		ret->pid = kernel_pid(r->kernel);
		ret->refused = kernel_refused(r->kernel);
	}
}
