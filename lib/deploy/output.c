/* output - write several files, all or none; see output.h. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "deploy/output.h"

struct file {
	char		*target;	/* links resolved */
	struct buf	 temp;		/* the new text's name until it is in place, empty: none */
	struct buf	 old;		/* the old text's name until all are in place, empty: none */
	bool		 direct;	/* no regular file: write to it */
	bool		 placed;
};

static int
write_all(int fd, const struct buf *text)
{
	const char *p = buf_str(text);
	size_t len = text->len;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

static int
write_direct(const char *path, const struct buf *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY), r;

	if (fd < 0)
		return -errno;
	r = write_all(fd, text);
	return close(fd) < 0 && r == 0 ? -errno : r;
}

static int
write_temp(struct file *f, const struct output *o)
{
	mode_t mask = umask(0);
	int fd, r;

	umask(mask);
	buf_printf(&f->temp, "%s.XXXXXX", f->target);
	if (buf_error(&f->temp) < 0)
		return -ENOMEM;
	if ((fd = mkostemp(f->temp.data, O_CLOEXEC)) < 0) {
		r = -errno;
		buf_reset(&f->temp);
		return r;
	}
	r = write_all(fd, o->text);
	if (r == 0 && (fchmod(fd, (0666 & ~mask) | (o->shared ? 0444 : 0)) < 0 || fsync(fd) < 0))
		r = -errno;
	return close(fd) < 0 && r == 0 ? -errno : r;
}

static int
prepare(struct file *f, const struct output *o)
{
	struct stat st;
	char *real;

	*f = (struct file){ .temp = BUF_INIT, .old = BUF_INIT };
	if (stat(o->path, &st) < 0) {
		if (errno != ENOENT)
			return -errno;
		return (f->target = strdup(o->path)) == NULL ? -ENOMEM : write_temp(f, o);
	}
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if ((real = realpath(o->path, NULL)) == NULL)
		return -errno;
	f->target = real;
	f->direct = !S_ISREG(st.st_mode);
	/* A file that may not be written is not replaced either, though its directory would allow it. */
	if (access(real, W_OK) < 0)
		return -errno;
	return f->direct ? 0 : write_temp(f, o);
}

static int
place(struct file *f, const struct output *o)
{
	if (f->direct)
		return write_direct(f->target, o->text);
	buf_printf(&f->old, "%s.old", buf_str(&f->temp));
	if (buf_error(&f->old) < 0)
		return -ENOMEM;
	if (link(f->target, buf_str(&f->old)) < 0)		/* no target yet, or a file system without links */
		buf_reset(&f->old);
	if (rename(buf_str(&f->temp), f->target) < 0)
		return -errno;
	buf_reset(&f->temp);
	f->placed = true;
	return 0;
}

static void
finish(struct file *f, bool keep)
{
	if (!keep && f->placed) {
		if (f->old.len == 0)
			unlink(f->target);
		else if (rename(buf_str(&f->old), f->target) == 0)
			buf_reset(&f->old);
	}
	if (f->old.len > 0)
		unlink(buf_str(&f->old));
	if (f->temp.len > 0)
		unlink(buf_str(&f->temp));
	buf_release(&f->old);
	buf_release(&f->temp);
	free(f->target);
}

int
output_write_all(const struct output *files, size_t n, size_t *ret_which)
{
	struct file *f = calloc(n, sizeof *f);
	size_t i, prepared = 0;
	int r = 0;

	*ret_which = 0;
	if (f == NULL)
		return -ENOMEM;
	for (i = 0; i < n && r == 0; i++, prepared++) {
		*ret_which = i;
		r = prepare(&f[i], &files[i]);
	}
	for (i = 0; i < n && r == 0; i++) {
		*ret_which = i;
		r = place(&f[i], &files[i]);
	}
	for (i = 0; i < prepared; i++)
		finish(&f[i], r == 0);
	free(f);
	return r;
}
