/*
 * usage - what a cell costs the kernel's process, as Linux tells: processor time and the peak of its memory.
 * Time is that of all its threads, to the nanosecond, and that of children it has waited for meanwhile, in clock ticks.  Memory
 * is the most that was resident of the process itself since the cell began; where the system does not let the peak be
 * reset it is known only if the cell raised it.  Files stay open from cell to cell, and a process that is gone is not mistaken
 * for one that got its number.
 * Source: proc(5), stat, status, clear_refs; clock_getcpuclockid(3).
 */
#ifndef USAGE_H
#define USAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

struct usage {
	pid_t	 pid;			/* 0: of none */
	int	 stat, status, clear;	/* descriptors; -1: not to be had */
	clockid_t clock;
	int64_t	 cpu_ns;		/* when the cell began; -1: unknown */
	int64_t	 peak_bytes;		/* then, where it could not be reset; else 0; -1: unknown */
};

#define USAGE_INIT { .stat = -1, .status = -1, .clear = -1, .cpu_ns = -1, .peak_bytes = -1 }

void	usage_begin(struct usage *u, pid_t pid);
/* Since usage_begin(); -1: unknown. */
void	usage_end(const struct usage *u, int64_t *ret_cpu_ns, int64_t *ret_peak_bytes);
void	usage_release(struct usage *u);

/* Of the text of /proc/PID/stat: time of children waited for, in ticks; -1: not such a text. */
int64_t	usage_parse_children(const char *stat);
/* Of the text of /proc/PID/status: VmHWM in bytes; -1: there is none. */
int64_t	usage_parse_peak(const char *status);

#endif
