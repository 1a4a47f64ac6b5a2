/* submissions - a directory of the host for what each executor hands in; see submissions.h. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "deploy/submissions.h"

#define PERMISSIONS	07777
#define EVERYBODY	0777

void
submissions_name(size_t i, char ret[static 32])
{
	snprintf(ret, 32, "container_%03zu", i);
}

/* Set-id bits stay: a directory that hands its group down is to go on doing so. */
static int
open_to_everybody(int at, const char *name, mode_t before)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), r;

	if (fd < 0)
		return -errno;
	r = fchmod(fd, (before & PERMISSIONS) | EVERYBODY) < 0 ? -errno : 0;
	close(fd);
	return r;
}

static int
make_one(struct submissions *s, const char *name)
{
	struct submission *one = &s->item[s->n];
	struct stat st;
	int r;

	if (mkdirat(s->fd, name, EVERYBODY) == 0)
		one->made = true;
	else if (errno != EEXIST)
		return -errno;
	s->n++;
	if (fstatat(s->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	if (st.st_uid != geteuid() || (st.st_mode & EVERYBODY) == EVERYBODY)
		return 0;
	if ((r = open_to_everybody(s->fd, name, st.st_mode)) == 0 && !one->made)
		one->before = (st.st_mode & PERMISSIONS) | S_IFDIR;
	return r;
}

static int
make_dir(struct submissions *s, const char *dir)
{
	if (mkdir(dir, 0700) == 0)
		s->made = true;
	else if (errno != EEXIST)
		return -errno;
	if ((s->path = realpath(dir, NULL)) == NULL)
		return -errno;
	s->fd = open(s->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return s->fd < 0 ? -errno : 0;
}

static int
make_all(struct submissions *s, const char *dir, size_t n, struct buf *where)
{
	char name[32];
	int r = make_dir(s, dir);

	if (r < 0) {
		buf_puts(where, dir);
		return r;
	}
	for (size_t i = 0; i < n; i++) {
		submissions_name(i, name);
		if ((r = make_one(s, name)) < 0) {
			buf_printf(where, "%s/%s", dir, name);
			return r;
		}
	}
	return 0;
}

int
submissions_make(struct submissions *s, const char *dir, size_t n, struct buf *where)
{
	mode_t mask;
	int r;

	*s = (struct submissions)SUBMISSIONS_INIT;
	if ((s->item = calloc(n, sizeof *s->item)) == NULL)
		return -ENOMEM;
	mask = umask(0);		/* which may take even from us what we make */
	r = make_all(s, dir, n, where);
	umask(mask);
	if (r < 0)
		submissions_undo(s);
	return r;
}

void
submissions_undo(struct submissions *s)
{
	char name[32];

	for (size_t i = 0; i < s->n; i++) {
		submissions_name(i, name);
		if (s->item[i].made)
			unlinkat(s->fd, name, AT_REMOVEDIR);
		else if (s->item[i].before != 0)
			fchmodat(s->fd, name, s->item[i].before & PERMISSIONS, AT_SYMLINK_NOFOLLOW);
	}
	if (s->made && s->path != NULL)
		rmdir(s->path);
	submissions_release(s);
}

void
submissions_release(struct submissions *s)
{
	if (s->fd >= 0)
		close(s->fd);
	free(s->path);
	free(s->item);
	*s = (struct submissions)SUBMISSIONS_INIT;
}
