/*
 * groups - the control groups of a local pool: one for it, and below that one for each executor, which bounds all that runs
 * in it.  Source: cgroups(7); Linux, cgroup-v1/ and cgroup-v2.rst.
 *	v1	OURS/execmgr-NAME/3 in the hierarchy of each controller, OURS being our own group there
 *	v2	OURS/execmgr-NAME/3, and OURS/execmgr-NAME/pool where we move ourselves if OURS may hold no processes, since
 *		controllers are handed on to groups below it; that works if we are alone in it
 * The front makes the pool's groups before it forks (guard.h), so that both processes know what is to be removed.  As long as
 * either lives the group is locked, as by flock(1): one that is not is what a killed pool left, and the next start removes it.
 */
#ifndef GROUPS_H
#define GROUPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define GROUPS_PERIOD_US	100000		/* processor time is granted anew so often */
#define GROUPS_BASE_MAX	1024		/* bytes of a path that we take for our own group's */

enum bound { BOUND_MEM, BOUND_CPUS, BOUND_PIDS, BOUND_COUNT };

struct bounds {			/* of one executor and all that it starts; 0: none */
	int64_t	mem_bytes;
	int64_t	cpu_us;		/* of each GROUPS_PERIOD_US, all processors taken together */
	int64_t	pids;		/* threads count */
};

struct group_tree {		/* a hierarchy, with the controllers that are ours to use in it */
	char	 base[GROUPS_BASE_MAX];	/* our own group */
	char	 dir[GROUPS_BASE_MAX + 64];	/* the pool's */
	unsigned bounds;	/* 1 << BOUND_…: what it enforces */
	unsigned given;		/* v2: those whose controllers base handed on before we came */
	bool	 unified;	/* v2 */
	bool	 moved;		/* we are in dir/pool */
	int	 lock;		/* descriptor of dir */
};

struct groups {
	struct bounds	  want;
	struct group_tree tree[BOUND_COUNT];
	size_t		  n;
	char		  why[BOUND_COUNT][GROUPS_BASE_MAX + 160];	/* why no group enforces a bound; "": one does, or none is wanted */
};

/*
 * Make the pool's groups, as far as that can be done: what they do not enforce is in why.
 * name: of the pool's group, that of its run directory (rundir.h).
 */
void	groups_open(struct groups *g, const char *name, const struct bounds *want);
/* Whatever is there of them; may be called twice, and by both processes: the last one to live succeeds.  0, -errno. */
int	groups_remove(struct groups *g);

int	groups_add(const struct groups *g, int id);		/* the groups of executor `id`; 0, -errno */
/* Descriptors for child.h: who writes "0" into each is in the executor's groups.  Their number, to be closed; -errno. */
int	groups_enter(const struct groups *g, int id, int ret_fds[static BOUND_COUNT]);
/* The file that counts the executor's out-of-memory kills.  Appended to path.  0; -ENOENT: no group bounds its memory. */
int	groups_oom_path(const struct groups *g, int id, struct buf *path);
/* Has the executor been refused memory or processes, so that something in it failed?  The processors' time only runs slower. */
bool	groups_hit(const struct groups *g, int id, enum bound b);

#endif
