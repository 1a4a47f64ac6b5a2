/*
 * spare - a kernel made in advance: past its start, its preparations and the files of the workspace, it takes over within
 * milliseconds when another one is needed.
 * It is made in the background when nothing runs, and made again when it dies.  It serves only where it is what a start would
 * bring now: the workspace has not changed, as many of its files ran as in the kernel at work, and nobody has changed the terms
 * on which it runs.  A spare that is forked is closed to the code of the kernel at work (forkserver.h); one that is started by
 * itself is not, and there is one only where it is asked for.
 */
#ifndef SPARE_H
#define SPARE_H

#include <stdbool.h>
#include <uv.h>

#include "forkserver.h"
#include "kernel.h"

enum spare_wanted { SPARE_NO, SPARE_YES, SPARE_AUTO };	/* AUTO: where it can be forked */

struct spare;

struct spare_conf {
	struct kernel_conf kernel;	/* as kernels are started; its callbacks are not used */
	enum spare_wanted wanted;
	bool		(*is_busy)(void *arg);	/* code runs, which would be slowed down */
	void		*arg;
};

struct spare *spare_new(const struct spare_conf *conf);	/* NULL: out of memory */
void	spare_free(struct spare **s);			/* kills it */

/* A kernel serves: make the next one.  left_out: kernel_left_out() of the one that serves. */
void	spare_want(struct spare *s, size_t left_out);
/* The kernel is gone and what it started is being killed: a spare that is ready is kept for what follows, another one dropped. */
void	spare_hold(struct spare *s);
/* NULL: there is none that serves, and none is left; else the caller's, and the spare is about to be what conf says. */
struct kernel *spare_take(struct spare *s, const struct kernel_conf *conf);
/* Of the process that waitpid(2) has just reaped: it may be this one. */
void	spare_exited(struct spare *s, pid_t pid, int wait_status);

pid_t	spare_pid(const struct spare *s);		/* 0: none, or not there yet */
const char *spare_state(const struct spare *s);		/* "none", "starting", "ready" */
const char *spare_why(const struct spare *s);		/* why there is none; "" */
/* Directories that are not to be removed; NULL: fewer. */
void	spare_dirs(const struct spare *s, const char *ret[KERNEL_DIRS]);

#endif
