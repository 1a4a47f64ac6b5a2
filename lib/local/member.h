/*
 * member - a process that is kept running: what it last said, and when it may be started again.
 * The pause before a start doubles with each short life, from 0.1 s to 30 s; a life of a minute makes it short again.
 */
#ifndef MEMBER_H
#define MEMBER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "local/child.h"

#define MEMBER_TAIL	2048	/* bytes kept of what it last wrote */

struct member {
	const char	*name;		/* borrowed */
	pid_t		 pid;		/* 0: not running */
	int		 status;	/* wait status of its last end */
	unsigned	 starts;
	int64_t		 started_ms;
	int64_t		 pause_ms;	/* before the next start, should it end now */
	int64_t		 due_ms;	/* not running: when it may be started */
	struct member_out *out;		/* its stdout and stderr, NULL: closed */
	char		 tail[MEMBER_TAIL];
	size_t		 tail_len;
};

/* spec->out and spec->err are filled in here.  0, -errno with the step that failed. */
int	member_start(struct member *m, uv_loop_t *loop, struct child_spec *spec, int64_t now_ms, const char **ret_step);
void	member_ended(struct member *m, int status, int64_t now_ms);
/* Say the last lines it wrote, each as an error message under its name. */
void	member_say_tail(const struct member *m);
void	member_close(struct member *m);		/* lets go of its output; the handle goes with the loop's next turns */

#endif
