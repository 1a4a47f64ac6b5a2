/*
 * proc - the processes below this one (Linux: /proc, subreapers).
 * A subreaper inherits the orphans of all it started, so that nothing a child leaves behind escapes it.
 */
#ifndef PROC_H
#define PROC_H

#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "buf.h"

/* Become the one to whom orphaned descendants are re-parented.  0, -errno. */
int	proc_become_subreaper(void);
/*
 * Send sig to every descendant of `root`, and to root itself unless it is this process.  The processes in `spared`, and all
 * below them, are left alone.  Returns how many were signalled (zombies are not counted), or -errno.
 */
int	proc_signal_tree(pid_t root, int sig, const pid_t *spared, size_t nspared);
/* SIGKILL in rounds, since a fork bomb runs ahead, until a round finds none.  0; -EBUSY: some are still there. */
int	proc_kill_tree(pid_t root, const pid_t *spared, size_t nspared);
/* On which terms a process runs: what any process of its user can change behind its back. */
struct proc_terms {
	struct rlimit	 limit[RLIM_NLIMITS];
	int		 policy, nice;
	cpu_set_t	 processors;
};

/* 0, -errno. */
int	proc_terms(pid_t pid, struct proc_terms *ret);
bool	proc_terms_equal(const struct proc_terms *a, const struct proc_terms *b);
/* Can this process take back a `nice` that it has given to another of its own? */
bool	proc_can_renice(void);
/* For use between fork and exec: default dispositions for all signals, empty mask. */
void	proc_reset_signals(void);

#endif
