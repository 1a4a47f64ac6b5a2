/*
 * cause - why a kernel died, in words: by wait status and by the out-of-memory count of its control group (cgroup.h).
 * Source: wait(2).
 */
#ifndef CAUSE_H
#define CAUSE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"

/*
 * Where the out-of-memory kills of process pid are counted: the file that MEMORY_EVENTS names, since in a sandbox no control
 * group can be seen; else that of its group.  "" where nothing counts.
 */
void	cause_oom_find(pid_t pid, struct buf *path);
/* Where memory ends it is this process that is to go, not the executor. */
void	cause_oom_offer(pid_t pid);
/* The count now; -1: unknown. */
int64_t	cause_oom_read(const char *path);

/* "The kernel was killed by signal 9 (SIGKILL)", "The kernel exited with status 3", "The kernel ran out of memory …". */
void	cause_format(int wait_status, bool out_of_memory, struct buf *out);

#endif
