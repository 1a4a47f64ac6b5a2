/* alloc - requests that take containers and give them back */
#include <assert.h>
#include <errno.h>

#include "alloc.h"
#include "base/diag.h"
#include "base/json.h"
#include "health.h"

#define FRESH_MS	1000		/* heard of so lately, a container need not be asked */
#define DOUBT_MS	4000		/* http_server knows by then whether a half-closed client has left */
#define PREPARE_MS	10000		/* least time that preparing a container gets, however short the client would wait */

/* A request for a container that could not be answered at once. */
struct alloc {
	struct waiter	  w;		/* first: what the pool hands back */
	struct manager	 *m;
	struct alloc	 *prev, *next;	/* m->allocs */
	struct http_req	 *req;
	struct container *ct;		/* being prepared for it, or NULL */
	char		 *owner;
	uv_timer_t	  timer;
	int64_t		  deadline_ms;	/* of the client's wait */
	int64_t		  prepare_ms;	/* of the preparation under way */
	bool		  queues;	/* wait > 0: it may wait for its turn (again) */
	bool		  doubted;	/* its client may be dead: half closed */
};

/* Somebody wants to hear that one or more containers have been restarted. */
struct release {
	struct manager	 *m;
	struct release	 *prev, *next;	/* m->releases */
	struct http_req	 *req;		/* NULL: its client has left */
	bool		  all;		/* POST /restart */
	int		  id;		/* POST /deallocate */
	size_t		  pending;
	size_t		  done, failed;
	struct buf	  done_ids;	/* JSON arrays, open */
	struct buf	  failures;
};

/* ---- answers ---- */

static void
none_available(struct http_req *req, struct pool_type *t)
{
	const struct http_field retry = { "Retry-After", "1" };
	char detail[160];

	if (t != NULL)
		snprintf(detail, sizeof(detail), "No %s containers available", pool_type_name(t));
	else
		snprintf(detail, sizeof(detail), "No containers available");
	http_req_fail_with(req, fault_status(FAULT_NONE_AVAILABLE), fault_word(FAULT_NONE_AVAILABLE), detail, &retry, 1);
}

/* The client is told.  An answer that cannot reach it undoes the hand-out. */
static void
grant(struct manager *m, struct http_req *req, struct container *ct, const char *owner)
{
	struct buf b = BUF_INIT;

	json_put_open(&b, '{');
	json_put_key(&b, "container_id");
	json_put_int(&b, ct->id);
	json_put_key(&b, "url");
	json_put_str(&b, ct->url);
	json_put_key(&b, "type");
	json_put_str(&b, pool_type_name(ct->type));
	json_put_key(&b, "generation");
	json_put_int(&b, ct->generation);
	json_put_close(&b, '}');
	if (buf_error(&b) < 0 || pool_grant(m->pool, ct, owner) < 0) {
		buf_release(&b);
		pool_take_back(m->pool, ct, manager_now(m));
		http_req_fail(req, FAULT_UNAVAILABLE, "Out of memory");
		return;
	}
	if (http_req_reply_json(req, 200, &b) < 0) {
		diag(DIAG_INFO, "container %d: taken back, its client has left", ct->id);
		pool_take_back(m->pool, ct, manager_now(m));
		return;
	}
	diag(DIAG_DEBUG, "container %d: allocated%s%s", ct->id, owner ? " to " : "", owner ? owner : "");
}

/* ---- a request that waits ---- */

static void
on_closed(uv_handle_t *h)
{
	struct alloc *a = h->data;

	free(a->owner);
	free(a);
}

/* It is answered, or its client has left. */
static void
alloc_free(struct alloc *a)
{
	struct manager *m = a->m;

	assert(a->ct == NULL);
	pool_forget(m->pool, &a->w);
	*(a->prev ? &a->prev->next : &m->allocs) = a->next;
	if (a->next)
		a->next->prev = a->prev;
	uv_close((uv_handle_t *)&a->timer, on_closed);
}

/* What is being prepared for it goes back; a restart under way goes on. */
static void
let_go(struct alloc *a)
{
	struct manager *m = a->m;
	struct container *ct = a->ct;

	a->ct = NULL;
	if (ct == NULL)
		return;
	health_unlisten(ct);
	if (ct->state != CT_ALLOCATED)
		return;					/* it went down */
	if (health_is_restarting(ct))
		pool_restarting(m->pool, ct, manager_now(m));
	else
		pool_take_back(m->pool, ct, manager_now(m));
}

static void
alloc_gone(struct http_req *req)
{
	struct alloc *a = http_req_data(req);
	struct manager *m = a->m;

	diag(DIAG_DEBUG, "a client that waited for a container has left");
	let_go(a);
	alloc_free(a);
	manager_turn(m);
}

static void
give_up(struct alloc *a)
{
	struct http_req *req = a->req;

	let_go(a);
	none_available(req, a->w.type);
	alloc_free(a);
}

static void	on_deadline(uv_timer_t *t);

static void
arm(struct alloc *a)
{
	int64_t until = a->ct != NULL && a->prepare_ms > a->deadline_ms ? a->prepare_ms : a->deadline_ms;
	int64_t left = until - manager_now(a->m);

	uv_timer_start(&a->timer, on_deadline, (uint64_t)(left > 0 ? left : 0), 0);
}

static struct alloc *
alloc_new(struct manager *m, struct http_req *req, struct pool_type *t, int64_t wait_ms, const char *owner)
{
	struct alloc *a = calloc(1, sizeof(*a));

	if (a == NULL || (owner != NULL && (a->owner = strdup(owner)) == NULL)) {
		free(a);
		return NULL;
	}
	a->m = m;
	a->req = req;
	a->w.type = t;
	a->queues = wait_ms > 0;
	a->deadline_ms = manager_now(m) + wait_ms;
	a->next = m->allocs;
	if (a->next)
		a->next->prev = a;
	m->allocs = a;
	uv_timer_init(m->loop, &a->timer);
	a->timer.data = a;
	http_req_set_data(req, a);
	http_req_on_gone(req, alloc_gone);
	return a;
}

/* ---- from the pool to the client ---- */

static bool
needs_no_look(const struct manager *m, const struct container *ct)
{
	return !ct->used && !ct->unknown && manager_now(m) - ct->heard_ms <= FRESH_MS;
}

static void	prepare(struct alloc *a, struct container *ct);

/* What it was given failed, or cannot be given any more: the next one, or its place in the queue. */
static void
try_again(struct alloc *a)
{
	struct manager *m = a->m;
	struct container *ct;

	if (a->queues && manager_now(m) < a->deadline_ms) {
		pool_wait_again(m->pool, &a->w);
		arm(a);
	} else if (!a->queues && pool_take(m->pool, a->w.type, manager_now(m), &ct) == 0) {
		prepare(a, ct);
	} else {
		none_available(a->req, a->w.type);
		alloc_free(a);
	}
}

static void
hand_over(struct alloc *a)
{
	struct container *ct = a->ct;

	a->ct = NULL;
	health_unlisten(ct);
	grant(a->m, a->req, ct, a->owner);
	alloc_free(a);
}

static void	prepared(void *arg, struct container *ct, int err);

/* A client that has ended its side is either patient or dead; a dead one must not take a container with it. */
static void
hand_over_unless_dead(struct alloc *a)
{
	if (http_req_is_present(a->req)) {
		hand_over(a);
		return;
	}
	a->doubted = true;
	health_watch(a->ct, prepared, a);
	uv_timer_start(&a->timer, on_deadline, DOUBT_MS, 0);
}

static void
on_deadline(uv_timer_t *t)
{
	struct alloc *a = t->data;
	struct manager *m = a->m;

	if (a->doubted && a->ct != NULL)
		hand_over(a);
	else
		give_up(a);
	manager_turn(m);
}

/* health's answer.  It calls manager_turn() itself. */
static void
prepared(void *arg, struct container *ct, int err)
{
	struct alloc *a = arg;

	if (err == 0) {
		hand_over_unless_dead(a);
		return;
	}
	let_go(a);
	if (ct->state == CT_DOWN || ct->state == CT_RESTARTING) {
		try_again(a);
	} else {					/* for want of our own descriptors: another would fail alike */
		none_available(a->req, a->w.type);
		alloc_free(a);
	}
}

static void
prepare(struct alloc *a, struct container *ct)
{
	struct manager *m = a->m;

	a->ct = ct;
	a->doubted = false;
	if (needs_no_look(m, ct)) {
		hand_over_unless_dead(a);
		return;
	}
	a->prepare_ms = manager_now(m) + PREPARE_MS;
	arm(a);
	if (ct->used || ct->unknown) {
		pool_owe_restart(m->pool, ct);
		health_restart(ct, prepared, a);
	} else {
		health_check(ct, prepared, a);
	}
}

void
alloc_begin(struct manager *m, struct http_req *req, struct pool_type *t, int64_t wait_ms, const char *owner)
{
	struct container *ct = NULL;
	struct alloc *a;
	int r = pool_take(m->pool, t, manager_now(m), &ct);

	if (r == 0 && needs_no_look(m, ct) && http_req_is_present(req)) {
		grant(m, req, ct, owner);
		return;
	}
	if (r < 0 && wait_ms == 0) {
		none_available(req, t);
		return;
	}
	if ((a = alloc_new(m, req, t, wait_ms, owner)) == NULL) {
		if (r == 0)
			pool_take_back(m->pool, ct, manager_now(m));
		http_req_fail(req, FAULT_UNAVAILABLE, "Out of memory");
		return;
	}
	if (r == 0) {
		prepare(a, ct);
	} else {
		pool_wait(m->pool, &a->w, t);
		arm(a);
	}
}

void
alloc_serve(struct manager *m)
{
	struct waiter *w;
	struct container *ct;

	while (pool_match(m->pool, manager_now(m), &w, &ct))
		prepare((struct alloc *)w, ct);
}

/* ---- giving back ---- */

static void
release_free(struct release *r)
{
	*(r->prev ? &r->prev->next : &r->m->releases) = r->next;
	if (r->next)
		r->next->prev = r->prev;
	buf_release(&r->done_ids);
	buf_release(&r->failures);
	free(r);
}

static void
release_gone(struct http_req *req)
{
	struct release *r = http_req_data(req);

	r->req = NULL;			/* what it asked for is done all the same */
}

static struct release *
release_new(struct manager *m, struct http_req *req)
{
	struct release *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->m = m;
	r->req = req;
	r->next = m->releases;
	if (r->next)
		r->next->prev = r;
	m->releases = r;
	http_req_set_data(req, r);
	http_req_on_gone(req, release_gone);
	return r;
}

static void
say_deallocated(struct http_req *req, int id)
{
	char text[80];
	int n = snprintf(text, sizeof(text), "{\"status\":\"deallocated\",\"container_id\":%d}", id);

	http_req_reply(req, 200, "application/json", text, (size_t)n, NULL, 0);
}

static void
say_restarted(struct http_req *req, struct release *r)
{
	struct buf b = BUF_INIT;

	json_put_close(&r->done_ids, ']');
	json_put_close(&r->failures, ']');
	json_put_open(&b, '{');
	json_put_key(&b, "status");
	json_put_str(&b, r->done + r->failed > 0 ? "restart_completed" : "no_containers_to_restart");
	json_put_key(&b, "restarted_containers");
	json_put_raw(&b, buf_str(&r->done_ids), r->done_ids.len);
	json_put_key(&b, "failed_containers");
	json_put_raw(&b, buf_str(&r->failures), r->failures.len);
	json_put_key(&b, "total_restarted");
	json_put_int(&b, (int64_t)r->done);
	json_put_key(&b, "total_failed");
	json_put_int(&b, (int64_t)r->failed);
	json_put_close(&b, '}');
	http_req_reply_json(req, 200, &b);
}

static void
release_answer(struct release *r)
{
	struct http_req *req = r->req;

	r->req = NULL;
	if (req == NULL)
		return;
	if (r->all)
		say_restarted(req, r);
	else
		say_deallocated(req, r->id);
}

/* health's answer, or none in time: the container is on its way all the same. */
static void
released(void *arg, struct container *ct, int err)
{
	struct release *r = arg;

	if (err == 0) {
		r->done++;
		json_put_int(&r->done_ids, ct->id);
	} else {
		r->failed++;
		json_put_open(&r->failures, '{');
		json_put_key(&r->failures, "container_id");
		json_put_int(&r->failures, ct->id);
		json_put_key(&r->failures, "error");
		json_put_str(&r->failures, err == -ETIMEDOUT && ct->state == CT_RESTARTING ? "Not ready yet" : ct->error);
		json_put_close(&r->failures, '}');
	}
	if (--r->pending > 0)
		return;
	release_answer(r);
	release_free(r);
}

static void
start_release(struct release *r, struct container *ct)
{
	r->pending++;
	pool_owe_restart(r->m->pool, ct);
	pool_restarting(r->m->pool, ct, manager_now(r->m));
	health_restart(ct, released, r);
}

void
alloc_release(struct manager *m, struct http_req *req, struct container *ct)
{
	struct release *r = release_new(m, req);

	if (r == NULL) {
		http_req_fail(req, FAULT_UNAVAILABLE, "Out of memory");
		return;
	}
	r->id = ct->id;
	start_release(r, ct);
}

void
alloc_release_all(struct manager *m, struct http_req *req)
{
	struct release *r = release_new(m, req);

	if (r == NULL) {
		http_req_fail(req, FAULT_UNAVAILABLE, "Out of memory");
		return;
	}
	r->all = true;
	json_put_open(&r->done_ids, '[');
	json_put_open(&r->failures, '[');
	for (size_t i = 0; i < pool_size(m->pool); i++) {
		struct container *ct = pool_at(m->pool, i);

		if (ct->state == CT_ALLOCATED && !ct->preparing)
			start_release(r, ct);
	}
	if (r->pending > 0)
		return;
	release_answer(r);
	release_free(r);
}

/* ---- the end ---- */

void
alloc_stop(struct manager *m)
{
	for (struct alloc *a = m->allocs, *next; a != NULL; a = next) {
		next = a->next;
		let_go(a);
		http_req_fail(a->req, FAULT_UNAVAILABLE, "The manager is stopping");
		alloc_free(a);
	}
}

void
alloc_stop_now(struct manager *m)
{
	for (struct release *r = m->releases; r != NULL; r = r->next)
		release_answer(r);
}

void
alloc_forget(struct manager *m)
{
	for (struct release *r = m->releases, *next; r != NULL; r = next) {
		next = r->next;
		release_free(r);
	}
}
