/*
 * guard - two processes that see to it that nothing outlives either of them.
 * The front is the process that the user started: it stands in the terminal's foreground, passes signals on, and does
 * nothing else.  The keeper, its child, in a process group of its own, starts everything.  Both adopt orphans, so all that
 * is started stays below them.  A keeper that is killed leaves its children to the front, which kills them; a front that is
 * killed closes a pipe, and the keeper stops everything.  Either removes the run directory and the control groups.
 */
#ifndef GUARD_H
#define GUARD_H

#include <signal.h>
#include <sys/types.h>

#include "local/groups.h"

/*
 * SIGINT and SIGQUIT from the terminal have reached a command in the foreground as well.  The keeper is told of them by
 * these, so that it can leave them to the command if there is one.
 */
#define GUARD_TTY_INT	SIGUSR1
#define GUARD_TTY_QUIT	SIGUSR2

/*
 * Become the front, run `keeper` in the other process, return its exit status (70 if it was killed).
 *	rundir		to be removed at the end, should it be there
 *	groups		the same
 *	front_pipe	the keeper sees its end when the front is gone
 *	pgrp		the front's process group
 */
int	guard_run(const char *rundir, struct groups *groups, int (*keeper)(void *arg, int front_pipe, pid_t pgrp), void *arg);

/* Kill all that is below this process and wait for it, for some seconds at most.  0, -EBUSY. */
int	guard_sweep(const pid_t *spared, size_t nspared);

#endif
