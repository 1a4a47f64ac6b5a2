/*
 * bounds - by what the bounds of a pool's executors are enforced: by control groups (groups.h), and where none can be made by
 * rlimits as far as those reach.
 *	memory		RLIMIT_DATA, of each process alone.  Not RLIMIT_AS: Node.js and others reserve address space that they
 *			never use.
 *	processes	RLIMIT_NPROC, which counts by user id: only where each executor has one of its own
 *	processors	nothing
 * A bound that was asked for is never left out in silence.
 */
#ifndef BOUNDS_H
#define BOUNDS_H

#include <stdbool.h>

#include "local/child.h"
#include "local/groups.h"

#define BOUNDS_RLIMITS	2

struct bounds_rlimits {
	struct child_rlimit item[BOUNDS_RLIMITS];
	size_t		    n;
};

/* Make the control groups of executors 0 to n-1.  An exit status, having said what failed. */
int	bounds_add(const struct groups *g, int n);
/*
 * Which rlimits do the executors need?  own_uid: each has a user id of its own.
 * An exit status, having said what is not enforced, or not as a whole.
 */
int	bounds_choose(const struct groups *g, bool own_uid, struct bounds_rlimits *ret_rlimits);
/* If the bounds are why an executor cannot start: say so. */
void	bounds_say_hit(const struct groups *g, int id);

#endif
