/* pool: what is handed out to whom, by cases and against a simple model under random operations */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "base/clock.h"
#include "manager/pool.h"

static const struct endpoint nowhere = { .port = 1, .host = "h" };

static struct container *
add(struct pool *p, int id, const char *type)
{
	struct container *ct;

	assert_int_equal(pool_add(p, id, "http://h:1", &nowhere, type, 0, &ct), 0);
	return ct;
}

/* A container that has become available, clean. */
static struct container *
add_clean(struct pool *p, int id, const char *type)
{
	struct container *ct = add(p, id, type);

	pool_known(p, ct, true, 1);
	pool_ready(p, ct, 0);
	return ct;
}

static int
take(struct pool *p, const char *type)
{
	struct container *ct;

	if (pool_take(p, type ? pool_type_find(p, type) : NULL, 5, &ct) < 0)
		return -1;
	assert_int_equal(pool_grant(p, ct, NULL), 0);
	return ct->id;
}

static void
release(struct pool *p, int id)
{
	struct container *ct = pool_find(p, id);

	pool_restarting(p, ct, 6);
	pool_restarted(p, ct);
	pool_ready(p, ct, 7);
}

static void
test_hands_out_in_order_of_return(void **state)
{
	struct pool *p = pool_new();

	(void)state;
	for (int i = 0; i < 3; i++)
		add_clean(p, i, "python");
	assert_int_equal(take(p, "python"), 0);
	assert_int_equal(take(p, "python"), 1);
	release(p, 1);
	release(p, 0);
	assert_int_equal(take(p, "python"), 2);
	assert_int_equal(take(p, "python"), 1);
	assert_int_equal(take(p, NULL), 0);
	assert_int_equal(take(p, NULL), -1);
	pool_free(&p);
	assert_null(p);
}

static void
test_any_type_takes_the_longest_available(void **state)
{
	struct pool *p = pool_new();

	(void)state;
	add_clean(p, 5, "b");
	add_clean(p, 1, "a");
	add_clean(p, 3, "b");
	assert_int_equal(take(p, NULL), 5);
	assert_int_equal(take(p, NULL), 1);
	assert_int_equal(take(p, "a"), -1);
	assert_int_equal(take(p, NULL), 3);
	pool_free(&p);
}

static void
test_waiters_are_served_first_come_first(void **state)
{
	struct pool *p = pool_new();
	struct waiter w[4] = { { 0 } };
	struct waiter *got;
	struct container *ct;

	(void)state;
	add_clean(p, 0, "a");
	add_clean(p, 1, "b");
	assert_int_equal(take(p, "a"), 0);
	assert_int_equal(take(p, "b"), 1);
	pool_wait(p, &w[0], pool_type_find(p, "b"));
	pool_wait(p, &w[1], NULL);
	pool_wait(p, &w[2], pool_type_find(p, "a"));
	pool_wait(p, &w[3], pool_type_find(p, "a"));
	assert_false(pool_match(p, 1, &got, &ct));
	release(p, 0);
	assert_int_equal(take(p, "a"), -1);		/* others asked before */
	assert_true(pool_match(p, 1, &got, &ct));
	assert_ptr_equal(got, &w[1]);
	assert_false(pool_match(p, 1, &got, &ct));
	pool_grant(p, ct, "me");
	assert_string_equal(ct->owner, "me");
	release(p, 0);
	assert_null(ct->owner);
	pool_forget(p, &w[2]);				/* its client left */
	assert_true(pool_match(p, 1, &got, &ct));
	assert_ptr_equal(got, &w[3]);
	pool_wait_again(p, &w[3]);			/* what it was given failed … */
	pool_wait(p, &w[2], pool_type_find(p, "a"));
	pool_down(p, ct, 2, 3, "refused");
	add_clean(p, 7, "a");
	assert_true(pool_match(p, 1, &got, &ct));
	assert_ptr_equal(got, &w[3]);			/* … and it is still the first */
	assert_int_equal(ct->id, 7);
	add_clean(p, 8, "a");
	assert_true(pool_match(p, 1, &got, &ct));
	assert_ptr_equal(got, &w[2]);
	pool_wait_again(p, &w[3]);			/* both fail: the older one comes first again */
	pool_wait_again(p, &w[2]);
	add_clean(p, 9, "a");
	assert_true(pool_match(p, 1, &got, &ct));
	assert_ptr_equal(got, &w[3]);
	pool_forget(p, &w[0]);
	pool_forget(p, &w[2]);
	pool_forget(p, &w[2]);
	pool_free(&p);
}

static void
test_clean_before_dirty_and_busy_never(void **state)
{
	struct pool *p = pool_new();
	struct container *a, *b, *c, *ct;

	(void)state;
	a = add_clean(p, 0, "t");
	b = add(p, 1, "t");
	pool_ready(p, b, 0);				/* of unknown history */
	c = add_clean(p, 2, "t");
	pool_use(p, a, true, true);			/* somebody's quick start on an unallocated one */
	assert_int_equal(take(p, "t"), 2);
	assert_int_equal(pool_take(p, NULL, 1, &ct), 0);
	assert_ptr_equal(ct, b);
	assert_true(b->unknown && b->preparing);
	assert_int_equal(take(p, "t"), -1);		/* its request is still running */
	pool_unuse(p, a, true);
	assert_int_equal(a->executions, 1);
	assert_int_equal(pool_take(p, NULL, 1, &ct), 0);
	assert_ptr_equal(ct, a);
	assert_true(a->used);
	pool_restarted(p, a);
	assert_false(a->used || a->unknown);
	pool_take_back(p, a, 2);
	assert_int_equal(a->place, PL_CLEAN);
	pool_use(p, a, false, false);			/* a look changes nothing */
	pool_unuse(p, a, false);
	assert_int_equal(a->place, PL_CLEAN);
	pool_use(p, c, true, false);
	pool_restarting(p, c, 3);
	pool_restarted(p, c);
	assert_true(c->unknown);			/* the request may run in the new kernel */
	pool_known(p, c, true, 9);
	pool_ready(p, c, 4);
	assert_true(c->used);
	assert_int_equal(c->place, PL_BUSY);
	assert_int_equal(c->generation, 9);
	pool_unuse(p, c, true);
	assert_int_equal(c->place, PL_DIRTY);
	pool_free(&p);
}

static void
test_draining_lets_the_holder_finish(void **state)
{
	struct pool *p = pool_new();
	struct container *a = add_clean(p, 0, "t"), *b = add_clean(p, 4, "t");

	(void)state;
	assert_int_equal(take(p, "t"), 0);
	pool_drain(p, a);
	pool_drain(p, b);
	assert_false(pool_removable(a));
	assert_true(pool_removable(b));
	assert_int_equal(take(p, "t"), -1);
	pool_undrain(p, b);
	assert_int_equal(take(p, "t"), 4);
	release(p, 4);
	pool_drain(p, b);
	pool_remove(p, b);
	assert_null(pool_find(p, 4));
	release(p, 0);
	assert_true(pool_removable(a));
	pool_remove(p, a);
	assert_int_equal(pool_size(p), 0);
	assert_null(pool_type_find(p, "t"));
	pool_free(&p);
}

/* ---- against a model ---- */

enum { NCT = 24, NTYPES = 3, NWAIT = 40, STEPS = 300000 };

struct model_ct {
	enum ct_state	state;
	bool		used, unknown, owed, draining;
	unsigned	running, changing;
	uint64_t	order;		/* when it came to where it is */
};

struct model_waiter {
	bool		queued;
	int		type;		/* -1: any */
	uint64_t	order;
};

struct model {
	struct model_ct		ct[NCT];
	struct model_waiter	w[NWAIT];
	uint64_t		clock;
};

static const char *const type_names[NTYPES] = { "python", "r", "kaggle" };

static uint32_t
rnd(void)
{
	static uint64_t x = 88172645463325252ULL;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return (uint32_t)(x >> 16);
}

static bool
model_idle(const struct model_ct *c)
{
	return c->state == CT_AVAILABLE && c->running == 0 && !c->draining;
}

/* What somebody who wants `type` gets: clean before dirty, then by age; wanted[] says which types may be looked at. */
static int
model_pick(const struct model *m, const bool *wanted)
{
	int best = -1;

	for (int i = 0; i < NCT; i++) {
		const struct model_ct *c = &m->ct[i], *b = &m->ct[best < 0 ? i : best];
		bool dirty = c->used || c->unknown, best_dirty = b->used || b->unknown;

		if (!wanted[i % NTYPES] || !model_idle(c))
			continue;
		if (best < 0 || dirty < best_dirty || (dirty == best_dirty && c->order < b->order))
			best = i;
	}
	return best;
}

static bool
model_somebody_waits(const struct model *m, int type)
{
	for (int i = 0; i < NWAIT; i++)
		if (m->w[i].queued && m->w[i].type == type)
			return true;
	return false;
}

static int
model_take(const struct model *m, int type)
{
	bool wanted[NTYPES];

	if (model_somebody_waits(m, -1) || (type >= 0 && model_somebody_waits(m, type)))
		return -1;
	for (int t = 0; t < NTYPES; t++)
		wanted[t] = type == t || (type < 0 && !model_somebody_waits(m, t));
	return model_pick(m, wanted);
}

/* The one who has waited longest of those who can be served with a container of the type. */
static int
model_first_waiter(const struct model *m, int type)
{
	int best = -1;

	for (int i = 0; i < NWAIT; i++)
		if (m->w[i].queued && (m->w[i].type < 0 || m->w[i].type == type) &&
		    (best < 0 || m->w[i].order < m->w[best].order))
			best = i;
	return best;
}

static void
model_moved(struct model *m, int i, enum ct_state to)
{
	m->ct[i].state = to;
	m->ct[i].order = ++m->clock;
}

static void
check_match(struct pool *p, struct model *m, struct waiter *w)
{
	struct waiter *got;
	struct container *ct;

	while (pool_match(p, 1, &got, &ct)) {
		int i = ct->id, t = i % NTYPES, first = model_first_waiter(m, t);
		bool wanted[NTYPES] = { false };

		wanted[t] = true;
		assert_int_equal(model_pick(m, wanted), i);
		assert_ptr_equal(got, &w[first]);
		m->w[first].queued = false;
		model_moved(m, i, CT_ALLOCATED);
		if (rnd() % 8 == 0) {			/* it turns out to be dead */
			pool_down(p, ct, 1, 2, "dead");
			m->ct[i].unknown = true;
			model_moved(m, i, CT_DOWN);
			pool_wait_again(p, got);
			m->w[first].queued = true;
		}
	}
	for (int t = 0; t < NTYPES; t++) {
		bool wanted[NTYPES] = { false };

		wanted[t] = true;
		assert_true(model_first_waiter(m, t) < 0 || model_pick(m, wanted) < 0);
	}
}

static void
check_counts(struct pool *p, struct model *m)
{
	struct pool_counts c, want = { { 0 }, NCT, 0 };

	for (int i = 0; i < NCT; i++) {
		want.state[m->ct[i].state]++;
		assert_int_equal(pool_find(p, i)->state, m->ct[i].state);
	}
	for (int i = 0; i < NWAIT; i++)
		want.waiting += m->w[i].queued;
	pool_count(p, NULL, &c);
	assert_memory_equal(&c, &want, sizeof(c));
}

static void
step_waiter(struct pool *p, struct model *m, struct waiter *w, int k)
{
	int type = (int)(rnd() % (NTYPES + 1)) - 1, want;
	struct container *ct;

	if (m->w[k].queued) {
		pool_forget(p, &w[k]);
		m->w[k].queued = false;
		return;
	}
	want = model_take(m, type);
	if (pool_take(p, type < 0 ? NULL : pool_type_find(p, type_names[type]), 1, &ct) == 0) {
		assert_int_equal(ct->id, want);
		model_moved(m, want, CT_ALLOCATED);
		return;
	}
	assert_int_equal(want, -1);
	pool_wait(p, &w[k], type < 0 ? NULL : pool_type_find(p, type_names[type]));
	m->w[k] = (struct model_waiter){ true, type, ++m->clock };
}

static void
step_session(struct pool *p, struct container *ct, struct model *m, struct model_ct *c)
{
	bool changes = rnd() % 2, begins = rnd() % 4 == 0;

	if (!begins && c->running == 0)
		return;
	if (!begins && changes && c->changing == 0)
		changes = false;
	if (!begins && !changes && c->changing == c->running)
		changes = true;
	if (begins) {
		pool_use(p, ct, changes, changes);
		c->running++;
		c->changing += changes;
		c->used |= changes;
	} else {
		pool_unuse(p, ct, changes);
		c->running--;
		c->changing -= changes;
	}
	if (c->state == CT_AVAILABLE && c->running == (unsigned)begins)
		c->order = ++m->clock;
}

static void
step_state(struct pool *p, struct container *ct, struct model *m, int i)
{
	struct model_ct *c = &m->ct[i];

	switch (c->state) {
	case CT_DOWN:
		pool_starting(p, ct, 1);
		model_moved(m, i, CT_STARTING);
		return;
	case CT_STARTING:
		if (c->owed) {
			pool_restarting(p, ct, 1);
			model_moved(m, i, CT_RESTARTING);
			return;
		}
		if (c->unknown && rnd() % 2) {
			bool clean = rnd() % 2;

			pool_known(p, ct, clean, 0);
			c->unknown = false;
			c->used |= !clean;
		}
		break;
	case CT_RESTARTING:
		pool_restarted(p, ct);
		c->owed = c->used = false;
		c->unknown = c->changing > 0;
		break;
	case CT_ALLOCATED:
		if (rnd() % 4 == 0) {
			pool_take_back(p, ct, 1);
			model_moved(m, i, CT_AVAILABLE);
			return;
		}
		pool_owe_restart(p, ct);
		pool_restarting(p, ct, 1);
		c->owed = true;
		model_moved(m, i, CT_RESTARTING);
		return;
	default:
		(c->draining ? pool_undrain : pool_drain)(p, ct);
		c->draining = !c->draining;
		model_moved(m, i, CT_AVAILABLE);
		return;
	}
	pool_ready(p, ct, 1);
	c->used |= c->changing > 0;
	model_moved(m, i, CT_AVAILABLE);
}

static void
test_random_operations_agree_with_a_simple_model(void **state)
{
	struct pool *p = pool_new();
	static struct model m;
	static struct waiter w[NWAIT];

	(void)state;
	for (int i = 0; i < NCT; i++) {
		add(p, i, type_names[i % NTYPES]);
		m.ct[i] = (struct model_ct){ .state = CT_STARTING, .unknown = true, .order = ++m.clock };
	}
	for (int n = 0; n < STEPS; n++) {
		int i = (int)(rnd() % NCT);
		struct container *ct = pool_find(p, i);
		uint32_t what = rnd() % 16;

		bool calm = n / 2000 % 2;	/* few ask, so that many are idle at once and their order shows */

		if (what < 5) {
			int k = (int)(rnd() % NWAIT);

			if (calm && !m.w[k].queued && rnd() % 16 > 0)
				continue;
			step_waiter(p, &m, w, k);
		} else if (what < 9) {
			step_session(p, ct, &m, &m.ct[i]);
		} else if (what < 15) {
			step_state(p, ct, &m, i);
		} else if (m.ct[i].state != CT_DOWN) {
			pool_down(p, ct, 1, 2, "gone");
			m.ct[i].unknown = true;
			model_moved(&m, i, CT_DOWN);
		}
		if (rnd() % 4 > 0)
			check_match(p, &m, w);
		if (n % 16 == 0)
			check_counts(p, &m);
	}
	for (int k = 0; k < NWAIT; k++)
		pool_forget(p, &w[k]);
	pool_free(&p);
}

/* Nanoseconds for one hand-out and return in a pool of n. */
static double
pair_ns(int n)
{
	enum { PAIRS = 200000 };
	struct pool *p = pool_new();
	struct container *ct;
	int64_t t0;

	for (int i = 0; i < n; i++)
		add_clean(p, i, "python");
	t0 = clock_mono_ns();
	for (int i = 0; i < PAIRS; i++) {
		assert_int_equal(pool_take(p, NULL, 1, &ct), 0);
		pool_grant(p, ct, NULL);
		pool_restarting(p, ct, 2);
		pool_restarted(p, ct);
		pool_ready(p, ct, 3);
	}
	t0 = clock_mono_ns() - t0;
	pool_free(&p);
	return (double)t0 / PAIRS;
}

static void
test_a_hand_out_costs_the_same_in_a_large_pool(void **state)
{
	double small = pair_ns(10), large = pair_ns(10000);

	(void)state;
	print_message("# %.0f ns a pair of 10, %.0f ns of 10,000\n", small, large);
	assert_true(large < 20 * small + 2000);		/* cache misses, but no walk through 10,000 */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hands_out_in_order_of_return),
		cmocka_unit_test(test_any_type_takes_the_longest_available),
		cmocka_unit_test(test_waiters_are_served_first_come_first),
		cmocka_unit_test(test_clean_before_dirty_and_busy_never),
		cmocka_unit_test(test_draining_lets_the_holder_finish),
		cmocka_unit_test(test_random_operations_agree_with_a_simple_model),
		cmocka_unit_test(test_a_hand_out_costs_the_same_in_a_large_pool),
	};

	return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
