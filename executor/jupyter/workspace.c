/* workspace - which files are run in a new kernel; see workspace.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "workspace.h"

static bool
is_wanted(const char *name, const char *extension)
{
	size_t n = strlen(name), e = strlen(extension);

	return name[0] != '_' && name[0] != '.' && e > 0 && n > e && strcmp(name + n - e, extension) == 0;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int
add(struct workspace *w, const char *dir, const char *name)
{
	struct buf path = BUF_INIT;
	struct stat st;

	buf_printf(&path, "%s/%s", dir, name);
	if (buf_error(&path) < 0)
		return -ENOMEM;
	if (stat(path.data, &st) < 0 || !S_ISREG(st.st_mode)) {
		buf_release(&path);
		return 0;
	}
	if (w->n == WORKSPACE_FILES_MAX) {
		buf_release(&path);
		return -E2BIG;
	}
	w->path[w->n++] = path.data;
	return 0;
}

int
workspace_list(const char *dir, const char *extension, struct workspace *ret)
{
	struct workspace w = { calloc(WORKSPACE_FILES_MAX, sizeof *w.path), 0 };
	struct dirent *d;
	DIR *open;
	int r = 0;

	if (!w.path)
		return -ENOMEM;
	open = opendir(dir);
	if (!open)
		r = errno == ENOENT ? 0 : -errno;
	while (open && r == 0 && (d = readdir(open)) != NULL)
		if (is_wanted(d->d_name, extension))
			r = add(&w, dir, d->d_name);
	if (open)
		closedir(open);
	if (r < 0) {
		workspace_release(&w);
		return r;
	}
	qsort(w.path, w.n, sizeof *w.path, by_name);
	*ret = w;
	return 0;
}

/* ---- has it changed? ---- */

#define WORKSPACE_DEPTH_MAX 32	/* each level keeps a descriptor open */

struct mark {
	uint64_t	 sum;
	size_t		 entries;
};

/* FNV-1a, by words where the rest is numbers; the entries of a directory are added up: readdir(3) has no order. */
#define FNV_BASE	0xcbf29ce484222325u
#define FNV_PRIME	0x100000001b3u

static uint64_t
mark_of(const char *name, const struct stat *st)
{
	const uint64_t what[] = {
		(uint64_t)st->st_size, (uint64_t)st->st_mtim.tv_sec, (uint64_t)st->st_mtim.tv_nsec, (uint64_t)st->st_ctim.tv_sec,
		(uint64_t)st->st_ctim.tv_nsec, (uint64_t)st->st_ino, (uint64_t)st->st_dev, st->st_mode,
	};

	uint64_t h = FNV_BASE;

	for (; *name != '\0'; name++)
		h = (h ^ (unsigned char)*name) * FNV_PRIME;
	for (size_t i = 0; i < sizeof what / sizeof *what; i++)
		h = (h ^ what[i]) * FNV_PRIME;
	return h;
}

/* Takes fd over. */
static int
add_dir(struct mark *m, int fd, int depth)
{
	DIR *dir = fdopendir(fd);
	struct stat st = { 0 };
	struct dirent *d;
	int r = 0, sub;

	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	while (r == 0 && (d = readdir(dir)) != NULL) {
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		if (++m->entries > WORKSPACE_ENTRIES_MAX || depth > WORKSPACE_DEPTH_MAX)
			r = -E2BIG;
		else if (fstatat(fd, d->d_name, &st, 0) == 0)		/* what a link leads to is what is run */
			m->sum += mark_of(d->d_name, &st);
		else
			m->sum += 1;
		if (r == 0 && (d->d_type == DT_DIR || d->d_type == DT_UNKNOWN) &&
		    (sub = openat(fd, d->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) >= 0)
			r = add_dir(m, sub, depth + 1);
	}
	closedir(dir);
	return r;
}

int
workspace_mark(const char *dir, uint64_t *ret)
{
	struct mark m = { 0 };
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;

	if (fd >= 0)
		r = add_dir(&m, fd, 0);
	else if (errno != ENOENT)
		r = -errno;
	if (r == 0)
		*ret = m.sum;
	return r;
}

void
workspace_release(struct workspace *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->path[i]);
	free(w->path);
	*w = (struct workspace)WORKSPACE_INIT;
}
