/* proc - the processes below this one; see proc.h. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/proc.h"

#define KILL_ROUNDS 64		/* a fork bomb loses well before; a process stuck in the kernel may outlast any number */

struct entry {
	pid_t	pid, parent;
	char	state;		/* proc(5): Z is a zombie, X is dying */
	bool	below;		/* descends from the root asked for */
	bool	spared;
};

struct table {
	struct entry	*e;
	size_t		 n, cap;
};

int
proc_become_subreaper(void)
{
	return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0 ? -errno : 0;
}

/* "PID (comm) S PPID …": comm may hold blanks and brackets, so look from its last ')'. */
static bool
read_entry(pid_t pid, struct entry *ret)
{
	char path[40], text[512], *p, *end;
	ssize_t n;
	int fd;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof text - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	p = strrchr(text, ')');
	if (!p || p[1] != ' ' || p[2] == '\0' || p[3] != ' ')
		return false;
	*ret = (struct entry){ .pid = pid, .state = p[2] };
	ret->parent = (pid_t)strtol(p + 4, &end, 10);
	return end > p + 4;
}

static int
read_table(struct table *t)
{
	struct dirent *d;
	struct entry e;
	DIR *dir;

	t->n = 0;
	dir = opendir("/proc");
	if (!dir)
		return -errno;
	while ((d = readdir(dir)) != NULL) {
		if (!isdigit((unsigned char)d->d_name[0]) || !read_entry((pid_t)strtol(d->d_name, NULL, 10), &e))
			continue;
		if (t->n == t->cap) {
			size_t cap = t->cap ? t->cap * 2 : 256;
			struct entry *p = realloc(t->e, cap * sizeof *p);

			if (!p) {
				closedir(dir);
				return -ENOMEM;
			}
			t->e = p;
			t->cap = cap;
		}
		t->e[t->n++] = e;
	}
	closedir(dir);
	return 0;
}

static int
by_pid(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

static struct entry *
find(const struct table *t, pid_t pid)
{
	struct entry key = { .pid = pid };

	return bsearch(&key, t->e, t->n, sizeof *t->e, by_pid);
}

/* Marks spread from parents to children until a pass adds none; most children follow their parents, so passes are few. */
static void
mark_descendants(const struct table *t, pid_t root, const pid_t *spared, size_t nspared)
{
	struct entry *e, *parent;
	bool more = true;

	if ((e = find(t, root)) != NULL)
		e->below = true;
	for (size_t i = 0; i < nspared; i++)
		if ((e = find(t, spared[i])) != NULL)
			e->spared = true;
	while (more) {
		more = false;
		for (e = t->e; e < t->e + t->n; e++) {
			parent = find(t, e->parent);
			if (!parent || (parent->below <= e->below && parent->spared <= e->spared))
				continue;
			e->below |= parent->below;
			e->spared |= parent->spared;
			more = true;
		}
	}
}

int
proc_signal_tree(pid_t root, int sig, const pid_t *spared, size_t nspared)
{
	struct table t = { NULL, 0, 0 };
	pid_t self = getpid();
	int r, n = 0;

	r = read_table(&t);
	if (r == 0 && t.n > 0) {
		qsort(t.e, t.n, sizeof *t.e, by_pid);
		mark_descendants(&t, root, spared, nspared);
		for (size_t i = 0; i < t.n; i++) {
			const struct entry *e = &t.e[i];

			if (!e->below || e->spared || e->pid == self || e->state == 'Z' || e->state == 'X')
				continue;
			if (kill(e->pid, sig) == 0)
				n++;
		}
	}
	free(t.e);
	return r < 0 ? r : n;
}

int
proc_kill_tree(pid_t root, const pid_t *spared, size_t nspared)
{
	int n;

	for (int round = 0; round < KILL_ROUNDS; round++) {
		n = proc_signal_tree(root, SIGKILL, spared, nspared);
		if (n <= 0)
			return n;
		sched_yield();
	}
	return -EBUSY;
}

int
proc_terms(pid_t pid, struct proc_terms *ret)
{
	struct proc_terms t;

	memset(&t, 0, sizeof t);
	for (int i = 0; i < RLIM_NLIMITS; i++)
		if (prlimit(pid, (enum __rlimit_resource)i, NULL, &t.limit[i]) < 0)
			return -errno;
	errno = 0;
	t.nice = getpriority(PRIO_PROCESS, (id_t)pid);
	if (errno != 0 || (t.policy = sched_getscheduler(pid)) < 0 || sched_getaffinity(pid, sizeof t.processors, &t.processors) < 0)
		return -errno;
	*ret = t;
	return 0;
}

bool
proc_terms_equal(const struct proc_terms *a, const struct proc_terms *b)
{
	for (int i = 0; i < RLIM_NLIMITS; i++)
		if (a->limit[i].rlim_cur != b->limit[i].rlim_cur || a->limit[i].rlim_max != b->limit[i].rlim_max)
			return false;
	return a->policy == b->policy && a->nice == b->nice && CPU_EQUAL(&a->processors, &b->processors);
}

/* getrlimit(2): a limit of 20 - n lets nice fall to n.  Else CAP_SYS_NICE it must be. */
bool
proc_can_renice(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
	struct rlimit rl;

	if (getrlimit(RLIMIT_NICE, &rl) == 0 && rl.rlim_cur != RLIM_INFINITY &&
	    (int64_t)rl.rlim_cur >= 20 - getpriority(PRIO_PROCESS, 0))
		return true;
	return syscall(SYS_capget, &head, data) == 0 && (data[0].effective & 1u << CAP_SYS_NICE) != 0;
}

void
proc_reset_signals(void)
{
	sigset_t none;

	for (int s = 1; s < NSIG; s++)
		if (s != SIGKILL && s != SIGSTOP)
			signal(s, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}
