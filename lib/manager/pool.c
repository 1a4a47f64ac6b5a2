/* pool - containers grouped by type, who holds them, and who waits for one */
#include <assert.h>
#include <errno.h>

#include "pool.h"

struct ct_list {
	struct container *head, *tail;
	size_t		  len;
};

struct waiter_list {
	struct waiter	*head, *tail;
	size_t		 len;
};

struct pool_type {
	char			*name;
	struct ct_list		 on[PL_PLACES];
	size_t			 total;
	struct waiter_list	 waiting;
};

struct pool {
	struct container	**ct;		/* by ascending id */
	size_t			  nct, cap_ct;
	struct pool_type	**type;		/* never removed: a name comes back with the next configuration */
	size_t			  ntypes;
	struct waiter_list	  waiting;	/* those who take any type */
	uint64_t		  seq;		/* the last given, to containers and waiters */
	bool			  may_match;	/* something came that a waiter may want */
};

#define BIT(s) (1u << (s))

/* From which states a state may come; drawn in execmgr-serve(8). */
static const unsigned may_come_from[CT_STATES] = {
	[CT_STARTING]	= BIT(CT_DOWN),
	[CT_AVAILABLE]	= BIT(CT_STARTING) | BIT(CT_RESTARTING) | BIT(CT_ALLOCATED),
	[CT_ALLOCATED]	= BIT(CT_AVAILABLE),
	[CT_RESTARTING]	= BIT(CT_ALLOCATED) | BIT(CT_STARTING),
	[CT_DOWN]	= BIT(CT_STARTING) | BIT(CT_AVAILABLE) | BIT(CT_ALLOCATED) | BIT(CT_RESTARTING),
};

/* ---- lists ---- */

static void
list_remove(struct ct_list *l, struct container *ct)
{
	*(ct->prev ? &ct->prev->next : &l->head) = ct->next;
	*(ct->next ? &ct->next->prev : &l->tail) = ct->prev;
	ct->prev = ct->next = NULL;
	l->len--;
}

static void
list_append(struct ct_list *l, struct container *ct)
{
	ct->prev = l->tail;
	ct->next = NULL;
	*(l->tail ? &l->tail->next : &l->head) = ct;
	l->tail = ct;
	l->len++;
}

static struct waiter_list *
queue_of(struct pool *p, struct pool_type *t)
{
	return t ? &t->waiting : &p->waiting;
}

static void
queue_insert(struct waiter_list *q, struct waiter *w, struct waiter *before)
{
	w->next = before;
	w->prev = before ? before->prev : q->tail;
	*(w->prev ? &w->prev->next : &q->head) = w;
	*(before ? &before->prev : &q->tail) = w;
	w->queued = true;
	q->len++;
}

/* ---- places ---- */

static enum ct_place
place_for(const struct container *ct)
{
	switch (ct->state) {
	case CT_STARTING:
		return PL_STARTING;
	case CT_ALLOCATED:
		return PL_ALLOCATED;
	case CT_RESTARTING:
		return PL_RESTARTING;
	case CT_DOWN:
		return PL_DOWN;
	default:
		break;
	}
	if (ct->running > 0 || ct->draining)
		return PL_BUSY;
	return ct->used || ct->unknown ? PL_DIRTY : PL_CLEAN;
}

/* To the end of the list where it belongs now. */
static void
place(struct pool *p, struct container *ct)
{
	list_remove(&ct->type->on[ct->place], ct);
	ct->place = place_for(ct);
	ct->seq = ++p->seq;
	list_append(&ct->type->on[ct->place], ct);
	if (ct->place == PL_CLEAN || ct->place == PL_DIRTY)
		p->may_match = true;
}

/* The only function that writes ct->state. */
static void
move(struct pool *p, struct container *ct, enum ct_state to, int64_t now_ms)
{
	assert(may_come_from[to] & BIT(ct->state));
	ct->state = to;
	ct->since_ms = now_ms;
	if (to != CT_ALLOCATED) {
		ct->preparing = false;
		free(ct->owner);
		ct->owner = NULL;
	}
	place(p, ct);
}

/* ---- the pool and its members ---- */

struct pool *
pool_new(void)
{
	return calloc(1, sizeof(struct pool));
}

static void
container_free(struct container *ct)
{
	free(ct->owner);
	free(ct->url);
	free(ct);
}

void
pool_free(struct pool **pp)
{
	struct pool *p = *pp;

	if (p == NULL)
		return;
	for (size_t i = 0; i < p->nct; i++)
		container_free(p->ct[i]);
	for (size_t i = 0; i < p->ntypes; i++) {
		free(p->type[i]->name);
		free(p->type[i]);
	}
	free(p->ct);
	free(p->type);
	free(p);
	*pp = NULL;
}

/* Index of the first container whose id is not below `id`. */
static size_t
lower_bound(const struct pool *p, int id)
{
	size_t lo = 0, hi = p->nct;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (p->ct[mid]->id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct container *
pool_find(const struct pool *p, int id)
{
	size_t i = lower_bound(p, id);

	return i < p->nct && p->ct[i]->id == id ? p->ct[i] : NULL;
}

size_t
pool_size(const struct pool *p)
{
	return p->nct;
}

struct container *
pool_at(const struct pool *p, size_t i)
{
	return p->ct[i];
}

static struct pool_type *
type_named(const struct pool *p, const char *name)
{
	for (size_t i = 0; i < p->ntypes; i++)
		if (strcmp(p->type[i]->name, name) == 0)
			return p->type[i];
	return NULL;
}

static struct pool_type *
type_add(struct pool *p, const char *name)
{
	struct pool_type *t = calloc(1, sizeof(*t));
	struct pool_type **grown = realloc(p->type, (p->ntypes + 1) * sizeof(struct pool_type *));

	if (grown != NULL)
		p->type = grown;
	if (t == NULL || grown == NULL || (t->name = strdup(name)) == NULL) {
		free(t);
		return NULL;
	}
	p->type[p->ntypes++] = t;
	return t;
}

struct pool_type *
pool_type_find(const struct pool *p, const char *name)
{
	struct pool_type *t = type_named(p, name);

	return t != NULL && t->total > 0 ? t : NULL;
}

const char *
pool_type_name(const struct pool_type *t)
{
	return t->name;
}

size_t
pool_types(const struct pool *p)
{
	return p->ntypes;
}

struct pool_type *
pool_type_at(const struct pool *p, size_t i)
{
	return p->type[i];
}

static int
members_reserve(struct pool *p)
{
	size_t cap = p->cap_ct ? 2 * p->cap_ct : 16;
	struct container **grown;

	if (p->nct < p->cap_ct)
		return 0;
	if ((grown = realloc(p->ct, cap * sizeof(struct container *))) == NULL)
		return -ENOMEM;
	p->ct = grown;
	p->cap_ct = cap;
	return 0;
}

int
pool_add(struct pool *p, int id, const char *url, const struct endpoint *at, const char *type, int64_t now_ms,
    struct container **ret_ct)
{
	size_t i = lower_bound(p, id);
	struct pool_type *t = type_named(p, type);
	struct container *ct;

	if (pool_find(p, id) != NULL)
		return -EEXIST;
	if (members_reserve(p) < 0 || (t == NULL && (t = type_add(p, type)) == NULL))
		return -ENOMEM;
	if ((ct = calloc(1, sizeof(*ct))) == NULL || (ct->url = strdup(url)) == NULL) {
		free(ct);
		return -ENOMEM;
	}
	ct->id = id;
	ct->at = *at;
	ct->type = t;
	ct->state = CT_STARTING;
	ct->place = PL_STARTING;
	ct->since_ms = now_ms;
	ct->heard_ms = INT64_MIN / 2;		/* never */
	ct->unknown = true;
	ct->seq = ++p->seq;
	list_append(&t->on[PL_STARTING], ct);
	t->total++;
	memmove(&p->ct[i + 1], &p->ct[i], (p->nct - i) * sizeof(struct container *));
	p->ct[i] = ct;
	p->nct++;
	*ret_ct = ct;
	return 0;
}

void
pool_drain(struct pool *p, struct container *ct)
{
	ct->draining = true;
	if (ct->state == CT_AVAILABLE)
		place(p, ct);
}

void
pool_undrain(struct pool *p, struct container *ct)
{
	ct->draining = false;
	if (ct->state == CT_AVAILABLE)
		place(p, ct);
}

bool
pool_removable(const struct container *ct)
{
	return ct->draining && ct->running == 0 && ct->state != CT_ALLOCATED && ct->state != CT_RESTARTING;
}

void
pool_remove(struct pool *p, struct container *ct)
{
	size_t i = lower_bound(p, ct->id);

	assert(p->ct[i] == ct && ct->running == 0);
	list_remove(&ct->type->on[ct->place], ct);
	ct->type->total--;
	p->nct--;
	memmove(&p->ct[i], &p->ct[i + 1], (p->nct - i) * sizeof(struct container *));
	container_free(ct);
}

/* ---- counts ---- */

const char *
pool_state_name(enum ct_state s)
{
	static const char *const name[CT_STATES] = { "starting", "available", "allocated", "restarting", "down" };

	return name[s];
}

static void
type_count(const struct pool_type *t, struct pool_counts *c)
{
	c->state[CT_STARTING] += t->on[PL_STARTING].len;
	c->state[CT_AVAILABLE] += t->on[PL_CLEAN].len + t->on[PL_DIRTY].len + t->on[PL_BUSY].len;
	c->state[CT_ALLOCATED] += t->on[PL_ALLOCATED].len;
	c->state[CT_RESTARTING] += t->on[PL_RESTARTING].len;
	c->state[CT_DOWN] += t->on[PL_DOWN].len;
	c->total += t->total;
	c->waiting += t->waiting.len;
}

void
pool_count(const struct pool *p, const struct pool_type *t, struct pool_counts *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (t != NULL) {
		type_count(t, ret);
		return;
	}
	for (size_t i = 0; i < p->ntypes; i++)
		type_count(p->type[i], ret);
	ret->waiting += p->waiting.len;
}

/* ---- handing out ---- */

static struct container *
older(struct container *a, struct container *b)
{
	return a == NULL || (b != NULL && b->seq < a->seq) ? b : a;
}

/* Who may be given a container: of all types, those where nobody is waiting already. */
static struct container *
oldest_of_any(const struct pool *p, enum ct_place from)
{
	struct container *best = NULL;

	for (size_t i = 0; i < p->ntypes; i++)
		if (p->type[i]->waiting.len == 0)
			best = older(best, p->type[i]->on[from].head);
	return best;
}

static void
hand_out(struct pool *p, struct container *ct, int64_t now_ms)
{
	move(p, ct, CT_ALLOCATED, now_ms);
	ct->preparing = true;
}

int
pool_take(struct pool *p, struct pool_type *t, int64_t now_ms, struct container **ret_ct)
{
	struct container *ct;

	if (p->waiting.len > 0 || (t != NULL && t->waiting.len > 0))
		return -EAGAIN;
	if (t != NULL)
		ct = t->on[PL_CLEAN].head ? t->on[PL_CLEAN].head : t->on[PL_DIRTY].head;
	else if ((ct = oldest_of_any(p, PL_CLEAN)) == NULL)
		ct = oldest_of_any(p, PL_DIRTY);
	if (ct == NULL)
		return -EAGAIN;
	hand_out(p, ct, now_ms);
	*ret_ct = ct;
	return 0;
}

void
pool_wait(struct pool *p, struct waiter *w, struct pool_type *t)
{
	w->type = t;
	w->seq = ++p->seq;
	queue_insert(queue_of(p, t), w, NULL);
	p->may_match = true;
}

void
pool_wait_again(struct pool *p, struct waiter *w)
{
	struct waiter_list *q = queue_of(p, w->type);
	struct waiter *next = q->head;

	/* It was at the front a moment ago: few can be before it now. */
	while (next != NULL && next->seq < w->seq)
		next = next->next;
	queue_insert(q, w, next);
	p->may_match = true;
}

void
pool_forget(struct pool *p, struct waiter *w)
{
	struct waiter_list *q = queue_of(p, w->type);

	if (!w->queued)
		return;
	*(w->prev ? &w->prev->next : &q->head) = w->next;
	*(w->next ? &w->next->prev : &q->tail) = w->prev;
	w->prev = w->next = NULL;
	w->queued = false;
	q->len--;
	p->may_match = true;		/* those behind it may be served by what it did not want */
}

/* A container of this type for whoever has waited longest for one. */
static bool
match_type(struct pool *p, struct pool_type *t, int64_t now_ms, struct waiter **ret_w, struct container **ret_ct)
{
	struct container *ct = t->on[PL_CLEAN].head ? t->on[PL_CLEAN].head : t->on[PL_DIRTY].head;
	struct waiter *w = t->waiting.head;

	if (w == NULL || (p->waiting.head != NULL && p->waiting.head->seq < w->seq))
		w = p->waiting.head;
	if (ct == NULL || w == NULL)
		return false;
	pool_forget(p, w);
	hand_out(p, ct, now_ms);
	*ret_w = w;
	*ret_ct = ct;
	return true;
}

bool
pool_match(struct pool *p, int64_t now_ms, struct waiter **ret_w, struct container **ret_ct)
{
	if (!p->may_match)
		return false;
	for (size_t i = 0; i < p->ntypes; i++)
		if (match_type(p, p->type[i], now_ms, ret_w, ret_ct))
			return true;
	p->may_match = false;
	return false;
}

int
pool_grant(struct pool *p, struct container *ct, const char *owner)
{
	char *copy = NULL;

	(void)p;
	assert(ct->state == CT_ALLOCATED && ct->preparing);
	if (owner != NULL && (copy = strdup(owner)) == NULL)
		return -ENOMEM;
	free(ct->owner);
	ct->owner = copy;
	ct->preparing = false;
	return 0;
}

void
pool_take_back(struct pool *p, struct container *ct, int64_t now_ms)
{
	assert(ct->state == CT_ALLOCATED);
	move(p, ct, CT_AVAILABLE, now_ms);
}

void
pool_owe_restart(struct pool *p, struct container *ct)
{
	(void)p;
	ct->owed = true;
}

void
pool_restarting(struct pool *p, struct container *ct, int64_t now_ms)
{
	move(p, ct, CT_RESTARTING, now_ms);
}

void
pool_restarted(struct pool *p, struct container *ct)
{
	(void)p;
	ct->owed = false;
	ct->used = false;
	ct->unknown = ct->changing > 0;		/* which kernel will run that one? */
	ct->generation++;
}

void
pool_known(struct pool *p, struct container *ct, bool clean, int64_t generation)
{
	(void)p;
	ct->unknown = false;
	ct->used = ct->used || !clean;
	if (generation > 0)
		ct->generation = generation;
}

void
pool_ready(struct pool *p, struct container *ct, int64_t now_ms)
{
	assert(!ct->owed);
	if (ct->changing > 0)
		ct->used = true;
	if (ct->generation == 0)
		ct->generation = 1;
	ct->error[0] = '\0';
	move(p, ct, CT_AVAILABLE, now_ms);
}

void
pool_note(struct pool *p, struct container *ct, const char *why)
{
	(void)p;
	snprintf(ct->error, sizeof(ct->error), "%s", why);
}

void
pool_down(struct pool *p, struct container *ct, int64_t now_ms, int64_t retry_ms, const char *why)
{
	ct->unknown = true;
	pool_put_off(p, ct, retry_ms, why);
	move(p, ct, CT_DOWN, now_ms);
}

void
pool_put_off(struct pool *p, struct container *ct, int64_t retry_ms, const char *why)
{
	ct->retry_ms = retry_ms;
	pool_note(p, ct, why);
}

void
pool_starting(struct pool *p, struct container *ct, int64_t now_ms)
{
	move(p, ct, CT_STARTING, now_ms);
}

void
pool_heard(struct pool *p, struct container *ct, int64_t now_ms)
{
	(void)p;
	ct->heard_ms = now_ms;
}

/* ---- sessions ---- */

void
pool_use(struct pool *p, struct container *ct, bool changes, bool executes)
{
	ct->running++;
	if (changes) {
		ct->changing++;
		ct->used = true;
	}
	if (executes)
		ct->executions++;
	if (ct->state == CT_AVAILABLE && ct->running == 1)
		place(p, ct);
}

void
pool_unuse(struct pool *p, struct container *ct, bool changes)
{
	assert(ct->running > 0 && (!changes || ct->changing > 0));
	ct->running--;
	if (changes)
		ct->changing--;
	if (ct->state == CT_AVAILABLE && ct->running == 0)
		place(p, ct);
}

void
pool_session_restarted(struct pool *p, struct container *ct)
{
	(void)p;
	ct->generation++;
}
