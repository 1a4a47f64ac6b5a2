/* spare - a kernel made in advance; see spare.h. */
#include <errno.h>
#include <signal.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/proc.h"
#include "spare.h"
#include "spawn.h"
#include "workspace.h"

#define SOON_MS		20	/* after the kernel serves: whoever waited for it comes first */
#define BUSY_MS		50	/* between two looks whether code runs */
#define BUSY_MAX_MS	5000	/* code that runs longer is slowed down a little */
#define PAUSE_MS	1000	/* after one that has died; doubled for each */
#define PAUSE_MAX_MS	60000
#define NICE		19

enum state { NONE, DUE, STARTING, READY };

struct spare {
	struct spare_conf conf;
	enum state	 state;
	struct kernel	*kernel;
	uv_timer_t	 timer;
	int64_t		 busy_until_ms;
	unsigned	 failures;
	size_t		 left_out;	/* files of the workspace that raised in the kernel at work */
	uint64_t	 mark;		/* of the workspace, before it was loaded */
	int		 nice;		/* of the one that is made */
	struct buf	 why;
};

static void
none(struct spare *s, const char *why)
{
	uv_timer_stop(&s->timer);
	kernel_free(&s->kernel);
	s->state = NONE;
	buf_reset(&s->why);
	buf_puts(&s->why, why);
}

static void begin_soon(struct spare *s, int64_t ms);

/* ---- what it tells ---- */

static void
on_ready(void *arg)
{
	struct spare *s = arg;

	if (kernel_left_out(s->kernel) != s->left_out) {
		none(s, "files of the workspace do not run in it as in a kernel with a directory of its own");
		diag(DIAG_INFO, "spare kernel: none: %s", buf_str(&s->why));
		return;
	}
	s->state = READY;
	buf_reset(&s->why);
	diag(DIAG_DEBUG, "spare kernel: ready (process %d)", (int)kernel_pid(s->kernel));
}

static void
on_gone(void *arg, const char *why)
{
	struct spare *s = arg;
	int64_t ms = PAUSE_MAX_MS;

	diag(DIAG_INFO, "spare kernel: %s", why);
	if (s->failures < 6)
		ms = (int64_t)PAUSE_MS << s->failures;
	s->failures++;
	none(s, why);
	begin_soon(s, ms);
}

/* ---- making it ---- */

/* Can there be one?  If not, why is told. */
static bool
is_possible(struct spare *s)
{
	bool forked = forkserver_is_there(s->conf.kernel.server);
	bool by_itself = *forkserver_why(s->conf.kernel.server) != '\0';

	if (s->conf.wanted == SPARE_NO)
		none(s, "it is not wanted");
	else if (!forked && !by_itself)
		none(s, "the fork server has ended, the next kernel that is not a spare brings another");
	else if (!forked && s->conf.wanted == SPARE_AUTO)
		none(s, "one that is not forked would be open to the code that runs");
	else if (s->conf.kernel.workspace && workspace_mark(s->conf.kernel.workspace, &s->mark) < 0)
		none(s, "the workspace cannot be watched for changes");
	else
		return true;
	return false;
}

static void
begin(struct spare *s)
{
	struct kernel_conf conf = s->conf.kernel;
	struct buf why = BUF_INIT;

	if (!is_possible(s))
		return;
	if (!forkserver_is_there(conf.server))
		conf.server = NULL;
	conf.is_spare = true;
	conf.nice = s->nice = proc_can_renice() ? NICE : 0;
	conf.arg = s;
	conf.on_ready = on_ready;
	conf.on_gone = on_gone;
	s->state = STARTING;
	buf_reset(&s->why);
	if (kernel_start(&conf, &s->kernel, &why) < 0)
		on_gone(s, buf_str(&why));
	buf_release(&why);
}

static void
on_due(uv_timer_t *timer)
{
	struct spare *s = timer->data;

	if (s->conf.is_busy(s->conf.arg) && clock_mono_ms() < s->busy_until_ms)
		uv_timer_start(timer, on_due, BUSY_MS, 0);
	else
		begin(s);
}

static void
begin_soon(struct spare *s, int64_t ms)
{
	s->state = DUE;
	s->busy_until_ms = clock_mono_ms() + ms + BUSY_MAX_MS;
	uv_timer_start(&s->timer, on_due, (uint64_t)ms, 0);
}

void
spare_want(struct spare *s, size_t left_out)
{
	s->left_out = left_out;
	if (s->state == NONE && is_possible(s))
		begin_soon(s, SOON_MS);
}

/* ---- taking it ---- */

void
spare_hold(struct spare *s)
{
	if (s->state == READY)
		kill(kernel_pid(s->kernel), SIGCONT);	/* whatever the code has done to it */
	else if (s->state != NONE)
		none(s, "a kernel is starting");
}

/* Is it what a start would bring now? */
static const char *
fault(const struct spare *s)
{
	uint64_t mark = 0;

	if (s->conf.kernel.workspace && (workspace_mark(s->conf.kernel.workspace, &mark) < 0 || mark != s->mark))
		return "the workspace has changed";
	if (!spawn_is_unspoilt(kernel_pid(s->kernel), &s->conf.kernel.nofile, s->nice))
		return "its limits were changed";
	return NULL;
}

struct kernel *
spare_take(struct spare *s, const struct kernel_conf *conf)
{
	const char *why = "a kernel is starting";
	struct kernel *k = s->kernel;
	int r;

	if (s->state != READY || (why = fault(s)) != NULL) {
		if (s->state == READY)
			diag(DIAG_INFO, "spare kernel: not used: %s", why);
		none(s, why);
		return NULL;
	}
	if ((r = kernel_take_over(k, conf)) < 0) {
		diag(DIAG_WARN, "spare kernel: cannot take over: %s", strerror(-r));
		none(s, "it could not take over");
		return NULL;
	}
	s->kernel = NULL;
	s->failures = 0;
	none(s, "it has taken over");
	return k;
}

void
spare_exited(struct spare *s, pid_t pid, int wait_status)
{
	if (s->kernel && kernel_pid(s->kernel) == pid)
		kernel_exited(s->kernel, wait_status);
}

/* ---- life ---- */

struct spare *
spare_new(const struct spare_conf *conf)
{
	struct spare *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->conf = *conf;
	uv_timer_init(conf->kernel.loop, &s->timer);
	s->timer.data = s;
	none(s, "a kernel is starting");
	return s;
}

static void
on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void
spare_free(struct spare **sp)
{
	struct spare *s = *sp;

	if (!s)
		return;
	*sp = NULL;
	none(s, "");
	buf_release(&s->why);
	uv_close((uv_handle_t *)&s->timer, on_closed);
}

pid_t
spare_pid(const struct spare *s)
{
	return s->kernel ? kernel_pid(s->kernel) : 0;
}

const char *
spare_state(const struct spare *s)
{
	return s->state == READY ? "ready" : s->state == NONE ? "none" : "starting";
}

const char *
spare_why(const struct spare *s)
{
	return buf_str(&s->why);
}

/* One that is forked has none yet. */
void
spare_dirs(const struct spare *s, const char *ret[KERNEL_DIRS])
{
	for (int i = 0; i < KERNEL_DIRS; i++)
		ret[i] = NULL;
	if (s->kernel && !kernel_was_forked(s->kernel))
		kernel_dirs(s->kernel, ret);
}
