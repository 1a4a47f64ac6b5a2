/* workspace - which files are run in a new kernel; see workspace.h. */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <sys/stat.h>

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

void
workspace_release(struct workspace *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->path[i]);
	free(w->path);
	*w = (struct workspace)WORKSPACE_INIT;
}
