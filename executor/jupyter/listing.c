/* listing - what is in a directory, as JSON; see listing.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/uri.h"
#include "base/utf8.h"
#include "listing.h"

struct names {
	char	*v[2 * LISTING_ENTRIES_MAX];
	size_t	 n;
	bool	 truncated;
};

static int
by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
drop_beyond(struct names *names, size_t n)
{
	while (names->n > n) {
		names->truncated = true;
		free(names->v[--names->n]);
	}
}

/* The first ones, whatever the order in which they come: half of what fits is sorted out each time it is full. */
static int
add(struct names *names, const char *name)
{
	if (names->n == sizeof names->v / sizeof *names->v) {
		qsort(names->v, names->n, sizeof *names->v, by_bytes);
		drop_beyond(names, LISTING_ENTRIES_MAX);
	}
	names->v[names->n] = strdup(name);
	return names->v[names->n] ? (int)(names->n++, 0) : -ENOMEM;
}

static int
read_names(DIR *dir, struct names *names)
{
	struct dirent *d;
	int r = 0;

	for (size_t i = 0; r == 0; i++) {
		errno = 0;
		if ((d = readdir(dir)) == NULL)
			return -errno;
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		if (i > LISTING_READ_MAX) {
			names->truncated = true;
			return 0;
		}
		r = add(names, d->d_name);
	}
	return r;
}

static bool
is_utf8(const char *s)
{
	size_t len = strlen(s), n;

	for (; len > 0; s += n, len -= n)
		if ((n = utf8_char(s, len)) == 0)
			return false;
	return true;
}

static const char *
type_of(mode_t mode)
{
	return S_ISREG(mode) ? "file" : S_ISDIR(mode) ? "directory" : S_ISLNK(mode) ? "symlink" : "other";
}

static void
put_entry(struct buf *out, const char *name, const struct stat *st)
{
	struct buf encoded = BUF_INIT;

	json_put_open(out, '{');
	json_put_key(out, "name");
	json_put_str(out, name);
	if (!is_utf8(name)) {
		uri_encode(name, strlen(name), &encoded);
		json_put_key(out, "name_encoded");
		json_put_str(out, buf_str(&encoded));
		buf_release(&encoded);
	}
	json_put_key(out, "type");
	json_put_str(out, type_of(st->st_mode));
	if (S_ISREG(st->st_mode)) {
		json_put_key(out, "size");
		json_put_int(out, st->st_size);
	}
	json_put_key(out, "mtime");
	buf_printf(out, "%.3f", (double)st->st_mtim.tv_sec + (double)st->st_mtim.tv_nsec / 1e9);
	json_put_close(out, '}');
}

static void
put_entries(struct buf *out, int fd, struct names *names)
{
	struct stat st;

	qsort(names->v, names->n, sizeof *names->v, by_bytes);
	drop_beyond(names, LISTING_ENTRIES_MAX);
	for (size_t i = 0; i < names->n; i++) {
		if (out->len > LISTING_BYTES_MAX) {
			names->truncated = true;
			break;
		}
		if (fstatat(fd, names->v[i], &st, AT_SYMLINK_NOFOLLOW) == 0)	/* or it is gone by now */
			put_entry(out, names->v[i], &st);
	}
}

int
listing_format(int fd, const char *path, struct buf *out)
{
	struct names *names = calloc(1, sizeof *names);
	DIR *dir = fdopendir(fd);
	int r = !names ? -ENOMEM : !dir ? -errno : read_names(dir, names);

	if (names && dir && r == 0) {
		json_put_open(out, '{');
		json_put_key(out, "path");
		json_put_str(out, path);
		json_put_key(out, "entries");
		json_put_open(out, '[');
		put_entries(out, dirfd(dir), names);
		json_put_close(out, ']');
		json_put_key(out, "truncated");
		json_put_bool(out, names->truncated);
		json_put_close(out, '}');
		r = buf_error(out);
	}
	if (names)
		drop_beyond(names, 0);
	free(names);
	if (dir)
		closedir(dir);
	else
		close(fd);
	return r;
}
