/*
 * launch - how one executor of a local pool is started: its directories, environment and command line, with a sandbox
 * around it or without.
 */
#ifndef LAUNCH_H
#define LAUNCH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"
#include "local/bounds.h"
#include "local/groups.h"
#include "local/member.h"
#include "local/rundir.h"
#include "local/view.h"

struct launch {				/* the same for all executors of a pool */
	const char	   *rundir;
	const char	   *program;	/* absolute path of the executor */
	const char *const  *args;	/* and its arguments; custom only */
	size_t		    nargs;
	bool		    custom;	/* not executor-jupyter: learns its socket from EXECUTOR_SOCKET alone */
	const char	   *bwrap;	/* absolute path, NULL: no sandbox */
	bool		    net;
	const char *const  *ro;		/* host directories to be shown, absolute, checked */
	size_t		    nro;
	const char *const  *env;	/* K=V, checked */
	size_t		    nenv;
	struct groups	   *groups;	/* what bounds the executors; open */
	struct bounds_rlimits rlimits;	/* and what does where that cannot */
	/* Found out by launch_open() and launch_probe(). */
	struct view	    view;
	bool		    userns_open;	/* bwrap knows no --disable-userns */
	uid_t		    uid;	/* of the first sandboxed executor, the others count on; (uid_t)-1: ours */
	bool		    uid_shared;	/* all have the same */
};

struct launch_slot {
	int		 id;
	char		 name[24];	/* "executor-007" */
	const char	*kernel;	/* KERNEL_NAME, NULL: the executor's default */
	char		 dir[RUNDIR_MAX + 8];	/* RUNDIR/7 */
};

int	launch_open(struct launch *l);			/* what this machine has to show.  0, -errno */
void	launch_close(struct launch *l);
int	launch_prepare(const struct launch *l, struct launch_slot *slot);	/* its directories.  0, -errno */
/*
 * Does the sandbox work here, as it will be used?  0; -errno, and why (bwrap's own words) in *why.
 * Once it does, l->userns_open and l->uid are what works.
 */
int	launch_probe(struct launch *l, const struct launch_slot *slot, struct buf *why);
bool	launch_has_own_uids(const struct launch *l);	/* each executor is another user, once launch_probe() has succeeded */
/* 0; -errno with the step that failed. */
int	launch_start(const struct launch *l, const struct launch_slot *slot, struct member *m, uv_loop_t *loop,
	    int64_t now_ms, const char **ret_step);

#endif
