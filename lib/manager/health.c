/* health - asks executors how they are and restarts them */
#include <assert.h>
#include <errno.h>

#include "base/diag.h"
#include "base/json.h"
#include "health.h"
#include "http/peers.h"
#include "proxy.h"

#define ANSWER_MAX	65536		/* bytes of an answer on our own calls */
#define READY_LIMIT_MS	5000		/* for the small calls of a start, a restart, a check */
#define PATIENCE_MS	30000		/* how long whoever asked for a restart is kept waiting */
#define RETRY_MS	1000		/* after a failed probe */
#define REFUSED_MS	200		/* the same where nobody listened */
#define FAILS_MAX	3		/* failed probes in a row: down */
#define REFUSALS_MAX	2		/* the same where nobody listened */
#define POLL_FIRST_MS	5		/* a restart onto a warm spare takes some ms … */
#define POLL_MAX_MS	200		/* … and a cold one some hundred */
#define START_POLL_MS	100
#define START_POLL_MAX_MS 1000
#define BACKOFF_MS	250
#define BACKOFF_MAX_MS	10000
#define GRACE_MS	30000		/* a session restarted its executor, which may exit for that, at once or a little later */
#define PROBES_MAX	128		/* routine calls at once */
#define STALL_MS	2000		/* the heart-beat came that much too late: this process stood still */

enum step {
	STEP_REST,		/* the timer runs, or nothing */
	STEP_HEALTH,
	STEP_START,		/* GET /ready while starting */
	STEP_CHECK,		/* GET /ready for an allocation */
	STEP_RESTART,		/* POST /restart */
	STEP_STATUS,		/* GET /restart-status */
	STEP_POLL,		/* GET /ready after a restart */
	STEP_INFO,
};

struct health {
	struct manager	 *m;
	struct container *ct;		/* NULL: removed, the handles are closing */
	uv_timer_t	  timer;	/* when the next call is due */
	uv_timer_t	  patience;	/* until the listener has waited long enough */
	unsigned	  handles;
	struct http_fetch *fetch;	/* the call under way */
	enum step	  step;
	bool		  routine;	/* that call counts in m->probing */
	bool		  restarting;	/* from health_restart() until ready or down */
	bool		  no_restart_status;	/* 404 so far */
	unsigned	  fails, refusals;	/* in a row */
	int64_t		  began_ms;	/* the restart */
	int64_t		  poll_ms;	/* the next pause between two polls */
	int64_t		  backoff_ms;
	int64_t		  grace_until_ms;
	health_cb	 *cb;
	void		 *arg;
};

static void	on_due(uv_timer_t *t);

/* ---- small parts ---- */

static void
due_in(struct health *h, int64_t ms)
{
	h->step = STEP_REST;
	uv_timer_start(&h->timer, on_due, (uint64_t)(ms > 0 ? ms : 0), 0);
}

static void
cancel_call(struct health *h)
{
	uv_timer_stop(&h->timer);
	if (h->fetch != NULL)
		http_fetch_cancel(h->fetch);
	h->fetch = NULL;
	if (h->routine)
		h->m->probing--;
	h->routine = false;
	h->step = STEP_REST;
}

/* Tell the listener, once. */
static void
tell(struct health *h, int err)
{
	health_cb *cb = h->cb;

	h->cb = NULL;
	uv_timer_stop(&h->patience);
	if (cb != NULL)
		cb(h->arg, h->ct, err);
}

/* For want of what is ours, not the executor's. */
static bool
is_local(int err)
{
	return err == -EMFILE || err == -ENFILE || err == -ENOMEM || err == -ENOBUFS || err == -EADDRNOTAVAIL;
}

static bool
is_refusal(int err)
{
	return err == -ECONNREFUSED || err == -ENOENT || err == -EHOSTUNREACH || err == -ENETUNREACH ||
	    err == -EHOSTDOWN || err <= UV_EAI_ADDRFAMILY;
}

/* A sentence for people: "GET /health: connection refused". */
static const char *
sentence(char *to, size_t size, const struct container *ct, const char *call, int err, const char *what)
{
	if (err == 0)
		snprintf(to, size, "%s: %s", call, what);
	else if (err == -ENOENT && !ct->at.is_unix)
		snprintf(to, size, "%s: no such host", call);
	else if (err == -EPROTO)
		snprintf(to, size, "%s: the answer is not HTTP", call);
	else if (err == -EFBIG)
		snprintf(to, size, "%s: the answer is too large", call);
	else
		snprintf(to, size, "%s: %s", call, uv_strerror(err));
	return to;
}

/* The JSON object of a good answer.  NULL: it is one; else what is wrong with it. */
static const char *
object_of(const struct http_head *head, const char *body, size_t len, struct json *ret)
{
	const char *type = http_head_get(head, "Content-Type");
	struct json_error err;

	if (head->status / 100 != 2)
		return head->status / 100 == 3 ? "the answer is a redirect" : "the answer's status is an error";
	if (type != NULL && strncasecmp(type, "application/json", 16) != 0)
		return "the answer is not application/json";
	if (json_scan(body, len, 0, ret, &err) < 0)
		return "the answer is not JSON";
	return ret->kind == JSON_OBJECT ? NULL : "the answer is not an object";
}

/* ---- down ---- */

static void
go_down(struct health *h, int err, const char *why)
{
	struct manager *m = h->m;
	struct container *ct = h->ct;
	bool hangs = h->fails >= FAILS_MAX && !is_refusal(err);
	int64_t now = manager_now(m), pause;

	cancel_call(h);
	h->restarting = false;
	h->fails = h->refusals = 0;
	if (ct->state == CT_DOWN) {
		h->backoff_ms = h->backoff_ms * 2 < BACKOFF_MAX_MS ? h->backoff_ms * 2 : BACKOFF_MAX_MS;
	} else {
		if (h->backoff_ms == 0)
			h->backoff_ms = BACKOFF_MS;
		diag(DIAG_WARN, "container %d: down: %s", ct->id, why);
	}
	pause = manager_jitter(m, h->backoff_ms);
	if (ct->state == CT_DOWN)
		pool_put_off(m->pool, ct, now + pause, why);
	else
		pool_down(m->pool, ct, now, now + pause, why);
	due_in(h, pause);
	if (hangs)
		proxy_fail_all(ct, FAULT_GATEWAY_TIMEOUT);
	tell(h, err < 0 ? err : -EIO);
}

/* A routine call failed: again soon, or down. */
static void
note_failure(struct health *h, int err, const char *why)
{
	struct manager *m = h->m;
	int64_t now = manager_now(m);

	if (is_local(err) || (err == -ETIMEDOUT && now - m->stalled_ms < m->conf.probe_limit_ms && m->stalled_ms > 0)) {
		due_in(h, manager_jitter(m, RETRY_MS));
		return;
	}
	if (is_refusal(err) && now < h->grace_until_ms) {
		due_in(h, REFUSED_MS);
		return;
	}
	h->fails++;
	h->refusals = is_refusal(err) ? h->refusals + 1 : 0;
	pool_note(m->pool, h->ct, why);
	if (h->fails >= FAILS_MAX || h->refusals >= REFUSALS_MAX || h->ct->state == CT_DOWN)
		go_down(h, err, why);
	else
		due_in(h, manager_jitter(m, is_refusal(err) ? REFUSED_MS : RETRY_MS));
}

/* ---- ready ---- */

static void
settled(struct health *h)
{
	struct manager *m = h->m;
	struct container *ct = h->ct;
	bool was_restart = h->restarting;

	h->restarting = false;
	h->fails = h->refusals = 0;
	h->backoff_ms = 0;
	pool_note(m->pool, ct, "");
	if (ct->state == CT_STARTING || ct->state == CT_RESTARTING)
		pool_ready(m->pool, ct, manager_now(m));
	if (!was_restart) {
		diag(DIAG_INFO, "container %d: available", ct->id);
		peers_learn(m->peers, ct->id, &ct->at);		/* its name may have got a new address */
	}
	due_in(h, manager_jitter(m, m->conf.probe_ms));
	tell(h, 0);
}

/* ---- calls ---- */

struct call {
	const char *name, *method, *target;
	int64_t	    limit_ms;		/* 0: configured */
};

static const struct call calls[] = {
	[STEP_HEALTH]	= { "GET /health", "GET", "/health", 0 },
	[STEP_START]	= { "GET /ready", "GET", "/ready", READY_LIMIT_MS },
	[STEP_CHECK]	= { "GET /ready", "GET", "/ready", READY_LIMIT_MS },
	[STEP_RESTART]	= { "POST /restart", "POST", "/restart", 0 },
	[STEP_STATUS]	= { "GET /restart-status", "GET", "/restart-status", READY_LIMIT_MS },
	[STEP_POLL]	= { "GET /ready", "GET", "/ready", READY_LIMIT_MS },
	[STEP_INFO]	= { "GET /info", "GET", "/info", READY_LIMIT_MS },
};

static void	on_answer(void *arg, int err, const struct http_head *head, const char *body, size_t len);

static void
call(struct health *h, enum step step)
{
	struct manager *m = h->m;
	const struct call *c = &calls[step];
	int64_t limit = step == STEP_RESTART ? m->conf.restart_ms : step == STEP_HEALTH ? m->conf.probe_limit_ms : c->limit_ms;

	uv_timer_stop(&h->timer);
	h->fetch = http_fetch(m->client, &h->ct->at, c->method, c->target, NULL, 0, ANSWER_MAX, limit, on_answer, h);
	if (h->fetch == NULL) {
		due_in(h, RETRY_MS);			/* no memory: later */
		return;
	}
	h->step = step;
}

/* Calls that nobody waits for: not all at once. */
static void
routine_call(struct health *h, enum step step)
{
	if (h->m->probing >= PROBES_MAX) {
		due_in(h, manager_jitter(h->m, 20));
		return;
	}
	call(h, step);
	if (h->fetch != NULL) {
		h->routine = true;
		h->m->probing++;
	}
}

static void
poll_again(struct health *h, const char *why)
{
	struct manager *m = h->m;
	char text[128];

	if (manager_now(m) - h->began_ms > m->conf.restart_ms) {
		snprintf(text, sizeof(text), "restart: not ready after %g s", (double)m->conf.restart_ms / 1000);
		go_down(h, -EIO, text);
		return;
	}
	if (why != NULL)
		pool_note(m->pool, h->ct, why);
	due_in(h, h->poll_ms);
	h->poll_ms = h->poll_ms * 2 < POLL_MAX_MS ? h->poll_ms * 2 : POLL_MAX_MS;
}

static void
begin_restart(struct health *h)
{
	cancel_call(h);
	h->restarting = true;
	h->began_ms = manager_now(h->m);
	h->poll_ms = POLL_FIRST_MS;
	call(h, STEP_RESTART);
}

/* The executor is ready: what do we know of its history? */
static void
kernel_ready(struct health *h)
{
	if (h->ct->unknown)
		call(h, STEP_INFO);
	else
		settled(h);
}

/* ---- answers ---- */

static void
health_said(struct health *h, int err, const char *why, struct json v)
{
	struct container *ct = h->ct;
	struct json status;

	if (why == NULL && (!json_get(v, "status", &status) || !json_equals(status, "ok")))
		why = "GET /health: the executor does not say that it is well";
	if (why != NULL) {
		note_failure(h, err, why);
		return;
	}
	h->fails = h->refusals = 0;
	if (ct->state == CT_DOWN) {
		pool_starting(h->m->pool, ct, manager_now(h->m));
		h->poll_ms = START_POLL_MS;
		due_in(h, 0);
		return;
	}
	pool_note(h->m->pool, ct, "");
	due_in(h, manager_jitter(h->m, h->m->conf.probe_ms));
}

/* ret_why: "not ready: kernel_dead". */
static bool
says_ready(struct json v, char *ret_why, size_t size)
{
	struct json ready, reason;
	struct buf text = BUF_INIT;

	if (json_get(v, "ready", &ready) && ready.kind == JSON_TRUE)
		return true;
	if (json_get(v, "reason", &reason) && reason.kind == JSON_STRING)
		json_text(reason, &text);
	snprintf(ret_why, size, "not ready: %.100s", text.len ? buf_str(&text) : "no reason given");
	buf_release(&text);
	return false;
}

static void
start_said(struct health *h, int err, const char *why, struct json v)
{
	char text[128];

	if (why != NULL) {
		note_failure(h, err, why);
		return;
	}
	h->fails = h->refusals = 0;
	if (says_ready(v, text, sizeof(text))) {
		kernel_ready(h);
		return;
	}
	pool_note(h->m->pool, h->ct, text);
	due_in(h, manager_jitter(h->m, h->poll_ms));
	h->poll_ms = h->poll_ms * 3 / 2 < START_POLL_MAX_MS ? h->poll_ms * 3 / 2 : START_POLL_MAX_MS;
}

static void
check_said(struct health *h, int err, const char *why, struct json v)
{
	char text[128];

	if (why != NULL && is_local(err)) {
		due_in(h, manager_jitter(h->m, h->m->conf.probe_ms));
		tell(h, err);
		return;
	}
	if (why == NULL && says_ready(v, text, sizeof(text))) {
		h->fails = h->refusals = 0;
		due_in(h, manager_jitter(h->m, h->m->conf.probe_ms));
		tell(h, 0);
		return;
	}
	go_down(h, err, why != NULL ? why : text);
}

static void
restart_said(struct health *h, int err, const char *why, struct json v)
{
	struct json status;

	if (is_local(err)) {
		due_in(h, RETRY_MS);
		return;
	}
	if (why == NULL && (!json_get(v, "status", &status) || status.kind != JSON_STRING))
		why = "POST /restart: the answer has no status";
	if (why != NULL) {
		go_down(h, err, why);
		return;
	}
	pool_restarted(h->m->pool, h->ct);
	call(h, h->no_restart_status ? STEP_POLL : STEP_STATUS);
}

/* An executor may restart by exiting: whatever fails now, it is restarting, as long as there is time. */
static void
status_said(struct health *h, const struct http_head *head, const char *why, struct json v)
{
	struct json restarting;

	if (head != NULL && head->status == 404) {
		h->no_restart_status = true;
		call(h, STEP_POLL);
	} else if (why != NULL) {
		poll_again(h, why);
	} else if (json_get(v, "restarting", &restarting) && restarting.kind == JSON_FALSE) {
		call(h, STEP_POLL);
	} else {
		poll_again(h, "restarting");
	}
}

static void
poll_said(struct health *h, const char *why, struct json v)
{
	char text[128];

	if (why != NULL)
		poll_again(h, why);
	else if (says_ready(v, text, sizeof(text)))
		kernel_ready(h);
	else
		poll_again(h, text);
}

static void
info_said(struct health *h, const char *why, struct json v)
{
	struct json m;
	int64_t executions, generation = 0;

	if (why == NULL && json_get(v, "executions", &m) && json_int(m, 0, INT64_MAX, &executions) == 0) {
		if (json_get(v, "generation", &m) && json_int(m, 1, INT64_MAX, &generation) < 0)
			generation = 0;
		pool_known(h->m->pool, h->ct, executions == 0, generation);
	}
	settled(h);
}

static void
on_answer(void *arg, int err, const struct http_head *head, const char *body, size_t len)
{
	struct health *h = arg;
	struct manager *m = h->m;
	enum step step = h->step;
	struct json v = { 0 };
	char text[160];
	const char *why = NULL;

	h->fetch = NULL;
	h->step = STEP_REST;
	if (h->routine)
		m->probing--;
	h->routine = false;
	if (err == 0) {
		pool_heard(m->pool, h->ct, manager_now(m));
		why = object_of(head, body, len, &v);
	}
	if (err < 0 || why != NULL)
		why = sentence(text, sizeof(text), h->ct, calls[step].name, err, why);
	switch (step) {
	case STEP_HEALTH:
		health_said(h, err, why, v);
		break;
	case STEP_START:
		start_said(h, err, why, v);
		break;
	case STEP_CHECK:
		check_said(h, err, why, v);
		break;
	case STEP_RESTART:
		restart_said(h, err, why, v);
		break;
	case STEP_STATUS:
		status_said(h, head, why, v);
		break;
	case STEP_POLL:
		poll_said(h, why, v);
		break;
	case STEP_INFO:
		info_said(h, why, v);
		break;
	default:
		assert(0);
	}
	manager_turn(m);
}

/* ---- what is due ---- */

static void
on_due(uv_timer_t *t)
{
	struct health *h = t->data;
	struct container *ct = h->ct;

	if (h->restarting) {
		if (ct->owed)
			call(h, STEP_RESTART);		/* there was no memory for it */
		else
			call(h, h->no_restart_status ? STEP_POLL : STEP_STATUS);
		return;
	}
	switch (ct->state) {
	case CT_STARTING:
		if (ct->owed) {
			pool_restarting(h->m->pool, ct, manager_now(h->m));
			begin_restart(h);
		} else {
			routine_call(h, STEP_START);
		}
		break;
	case CT_RESTARTING:
		begin_restart(h);
		break;
	default:
		routine_call(h, STEP_HEALTH);
		break;
	}
}

static void
on_patience(uv_timer_t *t)
{
	struct health *h = t->data;
	struct manager *m = h->m;

	tell(h, -ETIMEDOUT);
	manager_turn(m);
}

/* ---- what others call ---- */

static void
listen_for(struct health *h, health_cb *cb, void *arg)
{
	assert(h->cb == NULL);
	h->cb = cb;
	h->arg = arg;
}

void
health_restart(struct container *ct, health_cb *cb, void *arg)
{
	struct health *h = ct->health;

	assert(ct->owed);
	listen_for(h, cb, arg);
	uv_timer_start(&h->patience, on_patience, PATIENCE_MS, 0);
	begin_restart(h);
}

void
health_check(struct container *ct, health_cb *cb, void *arg)
{
	struct health *h = ct->health;

	listen_for(h, cb, arg);
	cancel_call(h);
	call(h, STEP_CHECK);
}

void
health_watch(struct container *ct, health_cb *cb, void *arg)
{
	listen_for(ct->health, cb, arg);
}

void
health_unlisten(struct container *ct)
{
	struct health *h = ct->health;

	h->cb = NULL;
	uv_timer_stop(&h->patience);
	if (h->step == STEP_CHECK) {
		cancel_call(h);
		due_in(h, 0);
	}
}

bool
health_is_restarting(const struct container *ct)
{
	const struct health *h = ct->health;

	return h->restarting;
}

void
health_suspect(struct container *ct)
{
	struct health *h = ct->health;

	if (h->step == STEP_REST && !h->restarting && (ct->state == CT_AVAILABLE || ct->state == CT_ALLOCATED))
		due_in(h, 0);
}

void
health_session_restarted(struct container *ct)
{
	struct health *h = ct->health;

	h->grace_until_ms = manager_now(h->m) + GRACE_MS;
}

int
health_add(struct manager *m, struct container *ct)
{
	struct health *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return -ENOMEM;
	h->m = m;
	h->ct = ct;
	h->handles = 2;
	uv_timer_init(m->loop, &h->timer);
	uv_timer_init(m->loop, &h->patience);
	h->timer.data = h->patience.data = h;
	h->poll_ms = START_POLL_MS;
	ct->health = h;
	peers_learn(m->peers, ct->id, &ct->at);
	due_in(h, (int64_t)(pool_size(m->pool) / 2));		/* a thousand begin within half a second */
	return 0;
}

static void
on_closed(uv_handle_t *handle)
{
	struct health *h = handle->data;

	if (--h->handles == 0)
		free(h);
}

void
health_remove(struct container *ct)
{
	struct health *h = ct->health;

	if (h == NULL)
		return;
	peers_forget(h->m->peers, ct->id);
	cancel_call(h);
	h->cb = NULL;
	h->ct = ct->health = NULL;
	uv_close((uv_handle_t *)&h->timer, on_closed);
	uv_close((uv_handle_t *)&h->patience, on_closed);
}
