/* groups - the control groups of a local pool; see groups.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cgroup.h"
#include "base/clock.h"
#include "local/groups.h"
#include "local/rundir.h"

#define PROC_BYTES_MAX	(4 << 20)
#define OWN		"pool"		/* where we are ourselves */
#define LOCK_TRIES	8
#define REMOVE_MS	1000		/* what ran in a group is dead by then, and leaves it in a moment */

static const char *const controller[BOUND_COUNT] = { "memory", "cpu", "pids" };

static unsigned
bit(enum bound b)
{
	return 1u << b;
}

static bool
is_wanted(const struct bounds *w, enum bound b)
{
	return (b == BOUND_MEM ? w->mem_bytes : b == BOUND_CPUS ? w->cpu_us : w->pids) > 0;
}

/* A path below a group; what is too long is no path that a kernel would take either. */
static const char *
join(char out[static PATH_MAX], const char *dir, const char *name)
{
	return (size_t)snprintf(out, PATH_MAX, "%s/%s", dir, name) < PATH_MAX ? out : "";
}

static int	put(const char *dir, const char *file, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Write one value; the kernel refuses by write(2). */
static int
put(const char *dir, const char *file, const char *fmt, ...)
{
	char path[PATH_MAX], text[96];
	va_list ap;
	int fd, n, r = 0;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	fd = open(join(path, dir, file), O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, text, (size_t)n) < 0)
		r = -errno;
	close(fd);
	return r;
}

/* ---- removing ---- */

/* In a moment it is empty, or something in it does not end. */
static int
remove_soon(const char *dir, int64_t until_ms)
{
	const struct timespec pause = { 0, 2000000 };

	while (rmdir(dir) < 0) {
		if (errno == ENOENT)
			return 0;
		if (errno != EBUSY || clock_mono_ms() >= until_ms)
			return -errno;
		nanosleep(&pause, NULL);
	}
	return 0;
}

/* The groups below dir, but not that in which we may be ourselves. */
static int
remove_members(const char *dir, int64_t until_ms)
{
	char path[PATH_MAX];
	struct dirent *d;
	DIR *dp = opendir(dir);
	int r = 0, one;

	if (!dp)
		return errno == ENOENT ? 0 : -errno;
	while ((d = readdir(dp)) != NULL) {
		if (d->d_type != DT_DIR || d->d_name[0] == '.' || strcmp(d->d_name, OWN) == 0)
			continue;
		one = remove_soon(join(path, dir, d->d_name), until_ms);
		if (r == 0)
			r = one;
	}
	closedir(dp);
	return r;
}

/* v2: let the groups below dir use the controllers of these bounds, or no longer. */
static int
hand_on(const char *dir, unsigned bounds, char sign)
{
	struct buf text = BUF_INIT;
	int r;

	for (enum bound b = 0; b < BOUND_COUNT; b++)
		if (bounds & bit(b))
			buf_printf(&text, "%s%c%s", text.len ? " " : "", sign, controller[b]);
	r = buf_error(&text);
	if (r == 0 && text.len > 0)
		r = put(dir, "cgroup.subtree_control", "%s", buf_str(&text));
	buf_release(&text);
	return r;
}

/* Back to where we came from: it may hold processes once it hands on no more than before. */
static void
take_back(struct group_tree *t)
{
	hand_on(t->dir, t->bounds, '-');
	hand_on(t->base, t->bounds & ~t->given, '-');
	if (t->moved)
		put(t->base, "cgroup.procs", "0");
}

static int
remove_tree(struct group_tree *t)
{
	char path[PATH_MAX];
	int r = remove_members(t->dir, clock_mono_ms() + REMOVE_MS);

	if (t->moved)
		take_back(t);
	rmdir(join(path, t->dir, OWN));
	if (r == 0 && rmdir(t->dir) < 0 && errno != ENOENT)
		r = -errno;
	return r;
}

int
groups_remove(struct groups *g)
{
	int r = 0, one;

	for (size_t i = 0; i < g->n; i++) {
		one = remove_tree(&g->tree[i]);
		if (r == 0)
			r = one;
	}
	return r;
}

/* As rundir_choose() makes them: nobody else's. */
static bool
is_pools(const char *name)
{
	const size_t len = sizeof RUNDIR_PREFIX - 1;

	return strncmp(name, RUNDIR_PREFIX, len) == 0 && strlen(name) == len + RUNDIR_CHANCE &&
	    strspn(name + len, RUNDIR_LETTERS) == RUNDIR_CHANCE;
}

/* What a pool left whose processes were both killed: nobody holds its lock. */
static void
remove_stale(const char *base)
{
	char path[PATH_MAX], own[PATH_MAX];
	struct dirent *d;
	DIR *dp = opendir(base);
	int fd;

	while (dp && (d = readdir(dp)) != NULL) {
		if (d->d_type != DT_DIR || !is_pools(d->d_name))
			continue;
		fd = open(join(path, base, d->d_name), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) {
			remove_members(path, 0);
			rmdir(join(own, path, OWN));
			rmdir(path);
		}
		if (fd >= 0)
			close(fd);
	}
	if (dp)
		closedir(dp);
}

/* ---- making ---- */

/* Between the two steps somebody may have taken it for a stale one. */
static int
make_locked(struct group_tree *t)
{
	struct stat st;
	int r = 0;

	for (int i = 0; i < LOCK_TRIES; i++) {
		if (mkdir(t->dir, 0755) < 0)
			return -errno;
		t->lock = open(t->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (t->lock >= 0 && flock(t->lock, LOCK_SH) == 0 && stat(t->dir, &st) == 0)
			return 0;
		r = -errno;
		if (t->lock >= 0)
			close(t->lock);
	}
	return r;
}

static int
hand_down(const struct group_tree *t)
{
	int r = hand_on(t->base, t->bounds, '+');

	return r < 0 ? r : hand_on(t->dir, t->bounds, '+');
}

/*
 * A group with processes in it cannot hand controllers on, but for the root: if they are we alone, we make way.  Refused is
 * either its own part (-EBUSY) or, for controllers that can count by thread, that of the group below (-EOPNOTSUPP).
 */
static int
make_way(struct group_tree *t)
{
	char own[PATH_MAX];
	int r;

	take_back(t);
	if (mkdir(join(own, t->dir, OWN), 0755) < 0)
		return -errno;
	if ((r = put(own, "cgroup.procs", "0")) < 0)
		return r;
	t->moved = true;
	return hand_down(t);
}

static bool
is_occupied(int r)
{
	return r == -EBUSY || r == -EOPNOTSUPP;
}

static void
refuse(struct groups *g, const struct group_tree *t, unsigned bounds, const char *what)
{
	for (enum bound b = 0; b < BOUND_COUNT; b++)
		if (bounds & bit(b))
			snprintf(g->why[b], sizeof g->why[b], "%s: %s", t->base, what);
}

/* The bounds whose controllers a file of a group of v2 lists. */
static unsigned
listed(const char *dir, const char *file)
{
	struct buf text = BUF_INIT;
	char path[PATH_MAX];
	unsigned there = 0;
	const char *p;
	size_t len;

	if (buf_read_file(&text, join(path, dir, file), PROC_BYTES_MAX) < 0)
		buf_reset(&text);
	for (p = buf_str(&text); *p; p += len + (p[len] != '\0')) {
		len = strcspn(p, " \n");
		for (enum bound b = 0; b < BOUND_COUNT; b++)
			if (strlen(controller[b]) == len && memcmp(controller[b], p, len) == 0)
				there |= bit(b);
	}
	buf_release(&text);
	return there;
}

static int
open_unified(struct group_tree *t)
{
	int r;

	t->given = listed(t->base, "cgroup.subtree_control");
	r = hand_down(t);
	return is_occupied(r) ? make_way(t) : r;
}

/* True if the tree is ready to be used. */
static bool
open_tree(struct groups *g, struct group_tree *t, const char *name)
{
	unsigned missing = t->unified ? t->bounds & ~listed(t->base, "cgroup.controllers") : 0;
	int r;

	snprintf(t->dir, sizeof t->dir, "%s/%s", t->base, name);
	refuse(g, t, missing, "it has not been given this controller");
	t->bounds &= ~missing;
	if (t->bounds == 0)
		return false;
	remove_stale(t->base);
	if ((r = make_locked(t)) < 0) {
		refuse(g, t, t->bounds, strerror(-r));
		return false;
	}
	if (t->unified && (r = open_unified(t)) < 0) {
		refuse(g, t, t->bounds, is_occupied(r) ? "other processes are in it; systemd-run --scope -p Delegate=yes (or --user "
		    "--scope) makes one of our own" : strerror(-r));
		take_back(t);
		remove_tree(t);
		close(t->lock);
		return false;
	}
	return true;
}

/* The tree of that base, a new one if need be. */
static struct group_tree *
tree_of(struct groups *g, const char *base, bool unified)
{
	struct group_tree *t;

	for (t = g->tree; t < g->tree + g->n; t++)
		if (strcmp(t->base, base) == 0)
			return t;
	g->n++;
	*t = (struct group_tree){ .unified = unified, .lock = -1 };
	snprintf(t->base, sizeof t->base, "%s", base);
	return t;
}

static void
find_trees(struct groups *g, const char *cgroup, const char *mounts)
{
	struct buf base = BUF_INIT;
	bool unified;

	for (enum bound b = 0; b < BOUND_COUNT; b++) {
		if (!is_wanted(&g->want, b))
			continue;
		buf_reset(&base);
		if (cgroup_dir(cgroup, mounts, controller[b], &unified, &base) < 0 || base.len >= GROUPS_BASE_MAX)
			snprintf(g->why[b], sizeof g->why[b], "no control groups of %s are to be seen", controller[b]);
		else
			tree_of(g, buf_str(&base), unified)->bounds |= bit(b);
	}
	buf_release(&base);
}

void
groups_open(struct groups *g, const char *name, const struct bounds *want)
{
	struct buf cgroup = BUF_INIT, mounts = BUF_INIT;
	size_t found;

	*g = (struct groups){ .want = *want };
	if (buf_read_file(&cgroup, "/proc/self/cgroup", PROC_BYTES_MAX) < 0)
		buf_reset(&cgroup);
	if (buf_read_file(&mounts, "/proc/self/mountinfo", PROC_BYTES_MAX) < 0)
		buf_reset(&mounts);
	find_trees(g, buf_str(&cgroup), buf_str(&mounts));
	buf_release(&cgroup);
	buf_release(&mounts);
	found = g->n;
	g->n = 0;
	for (size_t i = 0; i < found; i++)
		if (open_tree(g, &g->tree[i], name))
			g->tree[g->n++] = g->tree[i];
}

/* ---- executors ---- */

static const char *
member_dir(const struct group_tree *t, int id, char out[static PATH_MAX])
{
	char name[16];

	snprintf(name, sizeof name, "%d", id);
	return join(out, t->dir, name);
}

/* Swap is memory, too; where the kernel does not count it there is nothing to be set. */
static int
bound_memory(const struct group_tree *t, const char *dir, long long bytes)
{
	int r = put(dir, t->unified ? "memory.max" : "memory.limit_in_bytes", "%lld", bytes);

	if (r < 0)
		return r;
	r = t->unified ? put(dir, "memory.swap.max", "0") : put(dir, "memory.memsw.limit_in_bytes", "%lld", bytes);
	return r == -ENOENT ? 0 : r;
}

static int
bound_cpu(const struct group_tree *t, const char *dir, long long us)
{
	int r;

	if (t->unified)
		return put(dir, "cpu.max", "%lld %d", us, GROUPS_PERIOD_US);
	r = put(dir, "cpu.cfs_period_us", "%d", GROUPS_PERIOD_US);
	return r < 0 ? r : put(dir, "cpu.cfs_quota_us", "%lld", us);
}

static int
add_to(const struct groups *g, const struct group_tree *t, int id)
{
	char dir[PATH_MAX];
	int r = mkdir(member_dir(t, id, dir), 0755) < 0 ? -errno : 0;

	if (r == 0 && t->bounds & bit(BOUND_MEM))
		r = bound_memory(t, dir, g->want.mem_bytes);
	if (r == 0 && t->bounds & bit(BOUND_CPUS))
		r = bound_cpu(t, dir, g->want.cpu_us);
	if (r == 0 && t->bounds & bit(BOUND_PIDS))
		r = put(dir, "pids.max", "%lld", (long long)g->want.pids);
	return r;
}

int
groups_add(const struct groups *g, int id)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < g->n; i++)
		r = add_to(g, &g->tree[i], id);
	return r;
}

int
groups_enter(const struct groups *g, int id, int ret_fds[static BOUND_COUNT])
{
	char dir[PATH_MAX], path[PATH_MAX];
	size_t i;
	int r;

	for (i = 0; i < g->n; i++) {
		member_dir(&g->tree[i], id, dir);
		if ((ret_fds[i] = open(join(path, dir, "cgroup.procs"), O_WRONLY | O_CLOEXEC)) < 0)
			break;
	}
	if (i == g->n)
		return (int)i;
	r = -errno;
	while (i > 0)
		close(ret_fds[--i]);
	return r;
}

static int
events_path(const struct groups *g, int id, enum bound b, struct buf *path)
{
	char dir[PATH_MAX];

	for (size_t i = 0; i < g->n; i++) {
		const struct group_tree *t = &g->tree[i];

		if (!(t->bounds & bit(b)))
			continue;
		buf_printf(path, "%s/%s", member_dir(t, id, dir),
		    b == BOUND_MEM ? cgroup_oom_name(t->unified) : "pids.events");
		return buf_error(path);
	}
	return -ENOENT;
}

int
groups_oom_path(const struct groups *g, int id, struct buf *path)
{
	return events_path(g, id, BOUND_MEM, path);
}

bool
groups_hit(const struct groups *g, int id, enum bound b)
{
	struct buf path = BUF_INIT;
	bool hit = events_path(g, id, b, &path) == 0 &&
	    cgroup_read(buf_str(&path), b == BOUND_MEM ? CGROUP_OOM_KEY : "max") > 0;

	buf_release(&path);
	return hit;
}
