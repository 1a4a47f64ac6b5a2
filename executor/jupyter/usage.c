/* usage - what a cell costs the kernel's process; see usage.h. */
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "usage.h"

#define TEXT_MAX 4096		/* of status; what is looked for comes early */

int64_t
usage_parse_children(const char *stat)
{
	const char *p = strrchr(stat, ')');	/* the name before may hold anything */
	int64_t user, kernel;

	/* state ppid pgrp session tty_nr tpgid flags minflt cminflt majflt cmajflt utime stime cutime cstime */
	if (!p || sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %" SCNd64 " %" SCNd64, &user, &kernel) != 2)
		return -1;
	return user + kernel;
}

int64_t
usage_parse_peak(const char *status)
{
	const char *p = strstr(status, "\nVmHWM:");
	int64_t kib;

	return p && sscanf(p, "\nVmHWM: %" SCNd64 " kB", &kib) == 1 ? kib * 1024 : -1;
}

static const char *
look(int fd, char text[TEXT_MAX])
{
	ssize_t n = fd < 0 ? -1 : pread(fd, text, TEXT_MAX - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

/* Processor time so far. */
static int64_t
cpu_ns(const struct usage *u)
{
	static long ticks_per_s;
	char text[TEXT_MAX];
	struct timespec t;
	int64_t ticks = usage_parse_children(look(u->stat, text));

	if (ticks_per_s == 0)
		ticks_per_s = sysconf(_SC_CLK_TCK);
	if (ticks < 0 || ticks_per_s <= 0 || clock_gettime(u->clock, &t) < 0)
		return -1;
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec + ticks * (INT64_C(1000000000) / ticks_per_s);
}

static int64_t
peak_bytes(const struct usage *u)
{
	char text[TEXT_MAX];

	return usage_parse_peak(look(u->status, text));
}

static int
open_of(pid_t pid, const char *name, int flags)
{
	char path[48];

	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
	return open(path, flags | O_CLOEXEC);
}

static void
attach(struct usage *u, pid_t pid)
{
	usage_release(u);
	u->pid = pid;
	u->stat = open_of(pid, "stat", O_RDONLY);
	u->status = open_of(pid, "status", O_RDONLY);
	u->clear = open_of(pid, "clear_refs", O_WRONLY);
	if (clock_getcpuclockid(pid, &u->clock) != 0) {
		close(u->stat);
		u->stat = -1;
	}
}

void
usage_begin(struct usage *u, pid_t pid)
{
	if (u->pid != pid || (u->cpu_ns = cpu_ns(u)) < 0) {	/* another process, or another of that number */
		attach(u, pid);
		u->cpu_ns = cpu_ns(u);
	}
	if (u->clear >= 0 && pwrite(u->clear, "5", 1, 0) == 1)
		u->peak_bytes = 0;
	else
		u->peak_bytes = peak_bytes(u);
}

void
usage_end(const struct usage *u, int64_t *ret_cpu_ns, int64_t *ret_peak_bytes)
{
	int64_t now = u->cpu_ns < 0 ? -1 : cpu_ns(u), peak = u->peak_bytes < 0 ? -1 : peak_bytes(u);

	*ret_cpu_ns = now < 0 ? -1 : now - u->cpu_ns;
	*ret_peak_bytes = peak > u->peak_bytes ? peak : -1;
}

void
usage_release(struct usage *u)
{
	if (u->stat >= 0)
		close(u->stat);
	if (u->status >= 0)
		close(u->status);
	if (u->clear >= 0)
		close(u->clear);
	*u = (struct usage)USAGE_INIT;
}
