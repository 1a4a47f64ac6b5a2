/* cause - why a kernel died; see cause.h. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/diag.h"
#include "cause.h"

#define PROC_BYTES_MAX (4 << 20)
#define OOM_SCORE_ADJ	"300"	/* of -1000 to 1000, proc(5) */

/* Is `word` one of the comma-separated words of list[0..n)? */
static bool
has_word(const char *list, size_t n, const char *word)
{
	size_t w = strlen(word), k;

	for (const char *p = list; p < list + n; p += k + 1) {
		k = 0;
		while (p + k < list + n && p[k] != ',')
			k++;
		if (k == w && memcmp(p, word, w) == 0)
			return true;
	}
	return false;
}

/* Path in the line of /proc/PID/cgroup: "4:memory:/a/b" (v1) or, where unified, "0::/a/b". */
static bool
find_cgroup(const char *text, bool unified, const char **ret, size_t *ret_len)
{
	const char *p = text, *a, *b, *end;

	for (; *p; p = *end ? end + 1 : end) {
		end = p + strcspn(p, "\n");
		a = memchr(p, ':', (size_t)(end - p));
		b = a ? memchr(a + 1, ':', (size_t)(end - a - 1)) : NULL;
		if (!b || (unified ? b != a + 1 : !has_word(a + 1, (size_t)(b - a - 1), "memory")))
			continue;
		*ret = b + 1;
		*ret_len = (size_t)(end - b - 1);
		return true;
	}
	return false;
}

/* Fields of a mountinfo line, proc(5): id parent dev ROOT POINT options [tags] - TYPE source SUPER-OPTIONS. */
static bool
parse_mount(const char *line, size_t n, char root[512], char point[512], bool *unified)
{
	char text[2048], type[64], super[512];
	const char *dash;

	if (n >= sizeof text)
		return false;
	memcpy(text, line, n);
	text[n] = '\0';
	dash = strstr(text, " - ");
	if (!dash || sscanf(text, "%*s %*s %*s %511s %511s", root, point) != 2 ||
	    sscanf(dash + 3, "%63s %*s %511s", type, super) != 2)
		return false;
	*unified = strcmp(type, "cgroup2") == 0;
	return *unified || (strcmp(type, "cgroup") == 0 && has_word(super, strlen(super), "memory"));
}

/* v1 is looked for first: on a mixed system the memory controller is where it is named. */
int
cause_oom_path(const char *cgroup, const char *mountinfo, struct buf *path)
{
	char root[512], point[512];
	const char *p, *end, *group;
	bool unified, wanted;
	size_t len, rlen;

	wanted = !find_cgroup(cgroup, false, &group, &len);
	if (wanted && !find_cgroup(cgroup, true, &group, &len))
		return -ENOENT;
	for (p = mountinfo; *p; p = *end ? end + 1 : end) {
		end = p + strcspn(p, "\n");
		if (!parse_mount(p, (size_t)(end - p), root, point, &unified) || unified != wanted)
			continue;
		/* In a container the mount shows a part of the tree: its root is not "/". */
		rlen = strcmp(root, "/") == 0 ? 0 : strlen(root);
		if (rlen > 0 && len >= rlen && memcmp(group, root, rlen) == 0 && (len == rlen || group[rlen] == '/')) {
			group += rlen;
			len -= rlen;
		}
		buf_printf(path, "%s%.*s/%s", point, len == 1 && *group == '/' ? 0 : (int)len, group,
		    unified ? "memory.events" : "memory.oom_control");
		return buf_error(path) < 0 ? -ENOENT : 0;
	}
	return -ENOENT;
}

int64_t
cause_oom_count(const char *text)
{
	static const char key[] = "oom_kill ";
	long long n;
	char *end;

	for (const char *p = text; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		if (strncmp(p, key, sizeof key - 1) != 0)
			continue;
		n = strtoll(p + sizeof key - 1, &end, 10);
		return end > p + sizeof key - 1 && n >= 0 ? n : -1;
	}
	return -1;
}

void
cause_oom_find(pid_t pid, struct buf *path)
{
	struct buf cgroup = BUF_INIT, mounts = BUF_INIT;
	char name[40];

	snprintf(name, sizeof name, "/proc/%d/cgroup", (int)pid);
	if (buf_read_file(&cgroup, name, PROC_BYTES_MAX) < 0 ||
	    buf_read_file(&mounts, "/proc/self/mountinfo", PROC_BYTES_MAX) < 0 ||
	    cause_oom_path(buf_str(&cgroup), buf_str(&mounts), path) < 0)
		buf_reset(path);
	buf_release(&cgroup);
	buf_release(&mounts);
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
	struct buf text = BUF_INIT;
	int64_t n = -1;

	if (*path && buf_read_file(&text, path, PROC_BYTES_MAX) == 0)
		n = cause_oom_count(buf_str(&text));
	buf_release(&text);
	return n;
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
