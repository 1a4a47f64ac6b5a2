/*
 * cause - why a kernel died, in words: by wait status and by the out-of-memory count of its cgroup.
 * Source: wait(2); cgroups(7); Linux, memory.txt (v1: memory.oom_control) and cgroup-v2.rst (memory.events).
 */
#ifndef CAUSE_H
#define CAUSE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"

/*
 * The file that counts out-of-memory kills of a process: from its /proc/PID/cgroup and our /proc/self/mountinfo.
 * Appended to path.  0; -ENOENT: there is none.
 */
int	cause_oom_path(const char *cgroup, const char *mountinfo, struct buf *path);
/* Its oom_kill count; -1: the text has none. */
int64_t	cause_oom_count(const char *text);

/* Where process pid is counted; "" where nothing counts. */
void	cause_oom_find(pid_t pid, struct buf *path);
/* Where memory ends it is this process that is to go, not the executor. */
void	cause_oom_offer(pid_t pid);
/* The count now; -1: unknown. */
int64_t	cause_oom_read(const char *path);

/* "The kernel was killed by signal 9 (SIGKILL)", "The kernel exited with status 3", "The kernel ran out of memory …". */
void	cause_format(int wait_status, bool out_of_memory, struct buf *out);

#endif
