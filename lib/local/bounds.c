/* bounds - by what the bounds of a pool's executors are enforced; see bounds.h. */
#include <sys/resource.h>

#include "base/diag.h"
#include "local/bounds.h"

static void
add(struct bounds_rlimits *l, int resource, int64_t value)
{
	l->item[l->n++] = (struct child_rlimit){ resource, value };
}

int
bounds_add(const struct groups *g, int n)
{
	int r;

	for (int id = 0; id < n; id++)
		if ((r = groups_add(g, id)) < 0)
			return diag_fail(EX_OSERR, "control group of executor-%03d: %s", id, strerror(-r));
	return EX_OK;
}

int
bounds_choose(const struct groups *g, bool own_uid, struct bounds_rlimits *ret_rlimits)
{
	*ret_rlimits = (struct bounds_rlimits){ .n = 0 };
	if (g->why[BOUND_CPUS][0])
		return diag_fail(EX_OSERR, "--cpus cannot be enforced here: no control group can be made (%s)",
		    g->why[BOUND_CPUS]);
	if (g->why[BOUND_PIDS][0] && !own_uid)
		return diag_fail(EX_OSERR, "--pids cannot be enforced here: no control group can be made (%s), and the executors have "
		    "no user ids of their own", g->why[BOUND_PIDS]);
	if (g->why[BOUND_PIDS][0])
		add(ret_rlimits, RLIMIT_NPROC, g->want.pids);
	if (g->why[BOUND_MEM][0]) {
		add(ret_rlimits, RLIMIT_DATA, g->want.mem_bytes);
		diag(DIAG_WARN, "--mem holds for each process alone, not for an executor as a whole: no control group can be made (%s)",
		    g->why[BOUND_MEM]);
	}
	return EX_OK;
}

void
bounds_say_hit(const struct groups *g, int id)
{
	if (groups_hit(g, id, BOUND_MEM))
		diag(DIAG_ERROR, "executor-%03d: --mem is too little for it", id);
	if (groups_hit(g, id, BOUND_PIDS))
		diag(DIAG_ERROR, "executor-%03d: --pids is too little for it", id);
}
