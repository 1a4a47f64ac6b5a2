/* cause - why a kernel died; see cause.h. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cgroup.h"
#include "base/diag.h"
#include "cause.h"

#define PROC_BYTES_MAX (4 << 20)
#define OOM_SCORE_ADJ	"300"	/* of -1000 to 1000, proc(5) */

static int
find_group_file(pid_t pid, struct buf *path)
{
	struct buf cgroup = BUF_INIT, mounts = BUF_INIT;
	char name[40];
	bool unified;
	int r;

	snprintf(name, sizeof name, "/proc/%d/cgroup", (int)pid);
	if ((r = buf_read_file(&cgroup, name, PROC_BYTES_MAX)) == 0 &&
	    (r = buf_read_file(&mounts, "/proc/self/mountinfo", PROC_BYTES_MAX)) == 0 &&
	    (r = cgroup_dir(buf_str(&cgroup), buf_str(&mounts), "memory", &unified, path)) == 0)
		buf_printf(path, "/%s", cgroup_oom_name(unified));
	buf_release(&cgroup);
	buf_release(&mounts);
	return r < 0 ? r : buf_error(path);
}

void
cause_oom_find(pid_t pid, struct buf *path)
{
	const char *given = getenv("MEMORY_EVENTS");

	if (given && *given)
		buf_puts(path, given);
	else if (find_group_file(pid, path) < 0)
		buf_reset(path);
}

/* Raising needs no privilege. */
void
cause_oom_offer(pid_t pid)
{
	char path[48];
	int fd;

	snprintf(path, sizeof path, "/proc/%d/oom_score_adj", (int)pid);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (write(fd, OOM_SCORE_ADJ, sizeof OOM_SCORE_ADJ - 1) < 0)
		diag(DIAG_DEBUG, "%s: %s", path, strerror(errno));
	close(fd);
}

int64_t
cause_oom_read(const char *path)
{
	return *path ? cgroup_read(path, CGROUP_OOM_KEY) : -1;
}

void
cause_format(int wait_status, bool out_of_memory, struct buf *out)
{
	int sig = WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : 0;
	const char *abbrev = sig ? sigabbrev_np(sig) : NULL;

	if (out_of_memory)
		buf_puts(out, "The kernel ran out of memory and was killed by the system");
	else if (sig && abbrev)
		buf_printf(out, "The kernel was killed by signal %d (SIG%s)", sig, abbrev);
	else if (sig)
		buf_printf(out, "The kernel was killed by signal %d", sig);
	else
		buf_printf(out, "The kernel exited with status %d", WEXITSTATUS(wait_status));
}
