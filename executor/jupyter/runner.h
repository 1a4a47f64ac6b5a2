/*
 * runner - runs cells, one at a time and in order, on a kernel that it keeps alive.
 * A kernel that dies, does not heed its time limit, or is to be restarted is replaced: first all that it started is killed, then a
 * new one starts, in a new directory; `generation` counts them.  A start that fails is tried again, with growing pauses.
 * Where a spare is ready (spare.h) it takes over in place of a new start, when nothing of the old kernel runs any more and nothing
 * that it left is there.
 * Cells wait for a kernel that is starting (up to the start limit); those that were queued for a kernel that is gone are
 * refused: its state, on which they rely, is gone.
 */
#ifndef RUNNER_H
#define RUNNER_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/buf.h"
#include "base/fault.h"
#include "kernel.h"
#include "kernelspec.h"
#include "spare.h"

#define RUNNER_QUEUE_MAX 64	/* cells waiting behind the one that runs */

struct runner;
struct cell;

struct runner_conf {
	uv_loop_t	*loop;
	const struct kernelspec *spec;
	const char	*runtime_dir, *work_base;	/* all that is in the first is the kernels' */
	const char	*scratch;	/* further directories that are theirs alone, separated by colons; NULL: none */
	const char	*workspace;	/* NULL: none */
	bool		 use_ipc;
	bool		 no_fork;	/* start Python kernels like others */
	const char	*preload;	/* modules for them; NULL: none */
	enum spare_wanted spare;
	struct rlimit	 nofile;	/* the kernel's limit of descriptors */
	int		 nice;		/* of kernels at work, above this process's */
	int64_t		 start_ms;
	void		(*on_files_gone)(void *arg);	/* runner_work_dir() is no more, and is about to be removed */
	void		(*on_stopped)(void *arg);	/* after runner_stop(): nothing of the kernel is left */
	void		*arg;
};

struct cell_spec {
	struct buf	 request;	/* content of the execute_request, or of the question; taken over */
	/*
	 * NULL, or this is a question: "complete_request" and the like.  It waits its turn as a cell does; its end is on_reply, with
	 * the reply's content, or on_refused.  Of the rest only arg, on_start and on_refused mean something.
	 */
	const char	*question;
	void		(*on_reply)(void *arg, struct json reply);
	struct buf	 input;		/* lines for input(); taken over */
	bool		 has_input;
	bool		 asks_input;	/* input() is asked for by a line of the stream, answered by runner_input() */
	bool		 ansi;
	bool		 interrupt_on_leave;
	int64_t		 timeout_ms;	/* from the moment the kernel gets it */
	size_t		 max_bytes;	/* of outputs kept, or sent; SIZE_MAX: no limit, of a stream */
	size_t		 max_bundle;	/* of one output, of a stream */
	void		*arg;
	/*
	 * NULL unless the outputs are wanted as they come: on_start when the kernel gets the cell, then lines (false: dropped, see
	 * lines.h), and on_done brings the last one.
	 */
	void		(*on_start)(void *arg);
	bool		(*on_lines)(void *arg, struct buf *lines);
	/* Exactly one of the two (of a question: on_reply, on_refused), once, unless runner_leave() came first; the cell is gone then. */
	void		(*on_done)(void *arg, struct buf *answer);	/* JSON, of a stream its last line; may be taken over */
	void		(*on_refused)(void *arg, enum fault fault, const char *detail);
};

struct runner_info {
	unsigned	 generation;	/* of kernels, from 1; 0: none was started */
	uint64_t	 executions;	/* cells this generation was given */
	uint64_t	 refused;	/* messages of this kernel dropped as wrong */
	size_t		 queued;
	bool		 running;
	const struct kernel_info *kernel;	/* NULL: none; borrowed for now */
	pid_t		 pid;		/* 0: none */
	const char	*start;		/* how it came to be: "spare", "forked", "cold"; NULL: none */
	const char	*spare, *spare_why;	/* as spare.h */
	pid_t		 spare_pid;
	const char	*not_forked;	/* why kernels are not forked; "" where they are */
	pid_t		 server_pid;	/* from which they are; 0: none */
};

struct runner *runner_new(const struct runner_conf *conf);	/* NULL: out of memory. Starts a kernel. */
void	runner_stop(struct runner *r);		/* refuse, let finish, interrupt, kill: on_stopped within 5 s */
void	runner_free(struct runner **r);		/* after on_stopped */

/* 0, *ret_cell; -EBUSY: the queue is full; -ESHUTDOWN: stopping; -ECHILD: no kernel starts (runner_why()); -ENOMEM. */
int	runner_submit(struct runner *r, struct cell_spec *spec, struct cell **ret_cell);
/* What such a failure means to the caller, with a sentence. */
enum fault runner_refusal(const struct runner *r, int err, struct buf *why);
/*
 * Its caller has left: dropped if it waits; if it runs, interrupted or left to run, as it asked.  A question is not waited for any
 * more.
 */
void	runner_leave(struct runner *r, struct cell *cell);
/*
 * Its reader is slow: the kernel is stopped until it has caught up (hold false), its interrupt or the cell's end.  Nothing is
 * lost, and the time limit goes on.
 */
void	runner_hold(struct runner *r, struct cell *cell, bool hold);

bool	runner_restart(struct runner *r);	/* false: one is under way already */
bool	runner_interrupt(struct runner *r);	/* false: nothing runs */
/* A line for the cell that asked for one, NULL: the input's end.  False: none waits for any. */
bool	runner_input(struct runner *r, const char *line, size_t len);

bool	runner_is_ready(const struct runner *r);
bool	runner_is_restarting(const struct runner *r);
const char *runner_reason(const struct runner *r);	/* why not ready: a stable word */
const char *runner_why(const struct runner *r);		/* the same as a sentence, "" where there is nothing to tell */
void	runner_info(const struct runner *r, struct runner_info *ret);
/*
 * The working directory of the kernel that serves: a descriptor (O_PATH), borrowed until on_files_gone; -1: none does.  It names the
 * kernel's own whatever became of its path.
 */
int	runner_work_dir(const struct runner *r);

/* Reap every child that has ended, the orphans of what kernels started included: after SIGCHLD. */
void	runner_reap(struct runner *r);

#endif
