/*
 * sweep - what a kernel has left in directories is removed, and what the next one needs is there.
 * Once all that a kernel started is gone its working directory is removed, the scratch directories and the private one are
 * emptied, but for what is kept, and those that must be there are made again, whatever became of them.
 */
#ifndef SWEEP_H
#define SWEEP_H

#include <uv.h>

#include "base/buf.h"

#define SWEEP_KEPT_MAX 8

struct sweep {
	const char	*runtime_dir, *work_base;	/* all that is in the first is the kernels' */
	const char	*scratch;	/* further directories that are theirs alone, separated by colons; NULL: none */
	struct buf	 old_work;	/* the working directory that goes; empty: none */
	char		*kept[SWEEP_KEPT_MAX + 1];	/* NULL at the end */
	uv_work_t	 work;
	void		*arg;
	void		(*on_done)(void *arg);
};

void	sweep_release(struct sweep *s);

/* Of the next sweep: the directory that goes (NULL: none, or as before), and one that stays (copied; NULL: no more). */
void	sweep_go(struct sweep *s, const char *dir);
void	sweep_keep(struct sweep *s, const char *dir);

/* Only make again what must be there. */
void	sweep_restore(const struct sweep *s);
/* All of it, here. */
void	sweep_now(struct sweep *s);
/* All of it in a thread, since there may be a hundred thousand files; then on_done.  The sweep is left alone meanwhile. */
void	sweep_start(struct sweep *s, uv_loop_t *loop);

#endif
