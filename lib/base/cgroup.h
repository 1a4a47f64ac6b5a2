/*
 * cgroup - where the file system shows the control group of a process, in both versions, and what it counts.
 * Source: cgroups(7); proc(5); Linux, memory.txt (v1: memory.oom_control) and cgroup-v2.rst (memory.events).
 */
#ifndef CGROUP_H
#define CGROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"

/*
 * The directory in which `controller` ("memory") has the group of a process: from its /proc/PID/cgroup and our
 * /proc/self/mountinfo.  Appended to dir.  *ret_unified: it is one of v2, which need not have that controller.  Pure.
 *    0;  -ENOENT: there is none;  -ENOMEM
 */
int	cgroup_dir(const char *cgroup, const char *mountinfo, const char *controller, bool *ret_unified, struct buf *dir);

/* The file in a group's directory that counts its out-of-memory kills. */
const char *cgroup_oom_name(bool unified);
#define CGROUP_OOM_KEY	"oom_kill"		/* in both */
int64_t	cgroup_count(const char *text, const char *key);	/* of "key 3" on a line of its own; -1: none */
int64_t	cgroup_read(const char *path, const char *key);	/* of a file, now; -1: unknown */

#endif
