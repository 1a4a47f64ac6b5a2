/* files - the working directory over HTTP; see files.h. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "beneath.h"
#include "files.h"
#include "listing.h"
#include "range.h"
#include "scratch.h"
#include "upload.h"

#define PREFIX "/files/"

struct transfer {
	struct routes	*routes;
	struct http_req	*req;		/* NULL: the client has its answer, or has left */
	LIST_ENTRY(transfer) link;
	int		 dir;		/* the working directory: a descriptor of our own */
	struct buf	 path;
	bool		 is_dir;	/* it was given with a slash at its end */
	uv_work_t	 work;
	bool		 working;	/* the thread has it, or will: nothing of this is freed */
	int		(*job)(struct transfer *t);		/* in the thread: 0 or more, -errno, … */
	void		(*then)(struct transfer *t, int r);	/* … and on the loop, if the client is there */
	int		 result;
	/* GET */
	int		 fd;
	int64_t		 size, at;	/* of the file; where the next slice is */
	uint64_t	 left;		/* bytes to be sent */
	struct buf	 bytes;		/* a slice, or a whole listing */
	/* PUT */
	struct upload	 upload;
	struct buf	 body;		/* what has come since the thread took the last of it */
	uint64_t	 received;
	bool		 complete, is_new;
	/* DELETE */
	bool		 recursive, begun;
};

/* ---- a transfer, and the thread ---- */

static void run(struct transfer *t, int (*job)(struct transfer *), void (*then)(struct transfer *, int));

/* Closing may take its time as well: the last of a large file that was removed. */
static int
clean_up(struct transfer *t)
{
	upload_drop(&t->upload);
	if (t->fd >= 0)
		close(t->fd);
	close(t->dir);
	return 0;
}

static void
free_transfer(struct transfer *t)
{
	LIST_REMOVE(t, link);
	t->routes->ntransfers--;
	buf_release(&t->path);
	buf_release(&t->bytes);
	buf_release(&t->body);
	free(t);
}

/* The client has its answer, or has left. */
static void
over(struct transfer *t)
{
	t->req = NULL;
	if (!t->working)
		run(t, clean_up, NULL);
}

static void
on_gone(struct http_req *req)
{
	over(http_req_data(req));
}

static void
fail(struct transfer *t, enum fault fault, const char *detail)
{
	if (http_req_begun(t->req))
		http_req_abort(t->req);		/* it must not look complete */
	else
		http_req_fail(t->req, fault, "%s", detail);
	over(t);
}

static void
on_work(uv_work_t *work)
{
	struct transfer *t = work->data;

	t->result = t->job(t);
}

static void
on_worked(uv_work_t *work, int status)
{
	struct transfer *t = work->data;

	(void)status;
	t->working = false;
	if (t->job == clean_up)
		free_transfer(t);
	else if (!t->req)
		over(t);
	else
		t->then(t, t->result);
}

static void
run(struct transfer *t, int (*job)(struct transfer *), void (*then)(struct transfer *, int))
{
	t->job = job;
	t->then = then;
	t->working = true;
	t->work.data = t;
	uv_queue_work(t->routes->loop, &t->work, on_work, on_worked);
}

/* ---- what went wrong ---- */

static bool
is_method(const struct transfer *t, const char *method)
{
	return strcmp(http_req_head(t->req)->method, method) == 0;
}

static const struct {
	int		 err;
	enum fault	 fault;
	const char	*detail;
} errors[] = {
	{ ENOENT,	FAULT_NOT_FOUND,	"There is no such file or directory" },
	{ ENOTDIR,	FAULT_NOT_FOUND,	"There is no such directory" },
	{ ENOTEMPTY,	FAULT_BAD_REQUEST,	"The directory is not empty: recursive=1 removes what is in it, too" },
	{ EEXIST,	FAULT_BAD_REQUEST,	"The directory is not empty: recursive=1 removes what is in it, too" },
	{ EINVAL,	FAULT_BAD_REQUEST,	"This is neither a file nor a directory" },
	{ ENXIO,	FAULT_BAD_REQUEST,	"This is neither a file nor a directory" },
	{ ENAMETOOLONG,	FAULT_BAD_REQUEST,	"The path is too long" },
	{ EXDEV,	FAULT_FORBIDDEN,	"The path leads out of the working directory" },
	{ ELOOP,	FAULT_FORBIDDEN,	"The path has a symbolic link that is not followed" },
	{ EACCES,	FAULT_FORBIDDEN,	"The modes of a file or directory do not permit this" },
	{ EPERM,	FAULT_FORBIDDEN,	"The system does not permit this" },
	{ EROFS,	FAULT_FORBIDDEN,	"The file system is read-only" },
	{ ENOSPC,	FAULT_TOO_LARGE,	"There is no room for this file" },
	{ EDQUOT,	FAULT_TOO_LARGE,	"There is no room for this file" },
	{ EFBIG,	FAULT_TOO_LARGE,	"There is no room for this file" },
	{ EAGAIN,	FAULT_UNAVAILABLE,	"Others are changing this path" },
};

static void
fail_by_errno(struct transfer *t, int err)
{
	bool put = is_method(t, "PUT");
	struct buf why = BUF_INIT;

	if (err == -EISDIR)
		fail(t, FAULT_BAD_REQUEST, put ? "There is a directory of that name"
		    : "This is a directory: the same path with a slash at its end lists it");
	else if (err == -ENOTDIR && put)
		fail(t, FAULT_BAD_REQUEST, "A part of the path is a file");
	for (size_t i = 0; i < sizeof errors / sizeof *errors && t->req; i++)
		if (errors[i].err == -err)
			fail(t, errors[i].fault, errors[i].detail);
	if (t->req) {
		buf_printf(&why, "The file system failed: %s", strerror(-err));
		fail(t, FAULT_UNAVAILABLE, buf_str(&why));
	}
	buf_release(&why);
}

static void
put_path(struct buf *b, const struct transfer *t)
{
	json_put_key(b, "path");
	json_put_str(b, buf_str(&t->path));
}

/* ---- GET, HEAD ---- */

static int
read_slice(struct transfer *t)
{
	size_t want = t->left < FILES_SLICE ? (size_t)t->left : FILES_SLICE;
	ssize_t n;

	do
		n = pread(t->fd, t->bytes.data, want, t->at);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : (int)n;
}

static void send_next(struct transfer *t);

static bool
give(struct transfer *t, const char *bytes, size_t len)
{
	t->left -= len;
	return http_req_write(t->req, bytes, len);
}

static void
on_slice(struct transfer *t, int n)
{
	if (n <= 0) {			/* it is shorter now than was said */
		fail(t, FAULT_UNAVAILABLE, "The file cannot be read");
		return;
	}
	t->at += n;
	if (give(t, t->bytes.data, (size_t)n))
		send_next(t);
}

/* Until the client takes no more for now: on_drain goes on. */
static void
send_next(struct transfer *t)
{
	size_t n;

	if (t->left > 0 && t->fd >= 0) {
		run(t, read_slice, on_slice);
		return;
	}
	while (t->left > 0) {
		n = t->left < FILES_SLICE ? (size_t)t->left : FILES_SLICE;
		if (!give(t, t->bytes.data + t->bytes.len - t->left, n))
			return;
	}
	http_req_end(t->req);
	over(t);
}

static void
on_drain(struct http_req *req)
{
	send_next(http_req_data(req));
}

static void
begin(struct transfer *t, int status, const struct http_field *fields, size_t nfields, int64_t len)
{
	http_req_on_drain(t->req, on_drain);
	http_req_begin(t->req, status, fields, nfields, len);
	t->left = is_method(t, "HEAD") ? 0 : (uint64_t)len;
	if (t->left > 0 && t->fd >= 0 && buf_reserve(&t->bytes, FILES_SLICE) < 0)
		fail(t, FAULT_UNAVAILABLE, "Out of memory");
	else
		send_next(t);
}

/* Never waits: neither for the other end of a pipe nor for a lease. */
static int
open_file(struct transfer *t)
{
	struct stat st;

	t->fd = beneath_open(t->dir, buf_str(&t->path), O_RDONLY | O_NONBLOCK | O_NOCTTY);
	if (t->fd < 0)
		return t->fd;
	if (fstat(t->fd, &st) < 0)
		return -errno;
	t->size = st.st_size;
	return S_ISREG(st.st_mode) ? 0 : S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
}

static void
on_open(struct transfer *t, int r)
{
	const char *range = is_method(t, "GET") ? http_head_get(http_req_head(t->req), "Range") : NULL;
	struct http_field fields[] = {
		{ "Content-Type", "application/octet-stream" }, { "Accept-Ranges", "bytes" }, { "Content-Range", NULL },
	};
	enum range_kind kind = RANGE_WHOLE;
	char text[80];
	int64_t len;

	if (r < 0) {
		fail_by_errno(t, r);
		return;
	}
	/* There is no validator that If-Range could have: then the whole is what is asked for. */
	if (range && !http_head_get(http_req_head(t->req), "If-Range"))
		kind = range_parse(range, t->size, &t->at, &len);
	fields[2].value = text;
	if (kind == RANGE_WHOLE)
		begin(t, 200, fields, 2, t->size);
	else if (kind == RANGE_PART) {
		snprintf(text, sizeof text, "bytes %lld-%lld/%lld", (long long)t->at, (long long)(t->at + len - 1),
		    (long long)t->size);
		begin(t, 206, fields, 3, len);
	} else {
		snprintf(text, sizeof text, "bytes */%lld", (long long)t->size);
		http_req_fail_with(t->req, 416, fault_word(FAULT_BAD_REQUEST), "The range is outside of the file", &fields[2], 1);
		over(t);
	}
}

static int
list(struct transfer *t)
{
	struct buf shown = BUF_INIT;
	int r = beneath_open(t->dir, buf_str(&t->path), O_RDONLY | O_DIRECTORY);

	if (r < 0)
		return r;
	if (t->path.len > 0)
		buf_printf(&shown, "%s/", buf_str(&t->path));
	r = listing_format(r, buf_str(&shown), &t->bytes);
	buf_release(&shown);
	return r;
}

static void
on_listed(struct transfer *t, int r)
{
	static const struct http_field type = { "Content-Type", "application/json" };

	if (r < 0)
		fail_by_errno(t, r);
	else
		begin(t, 200, &type, 1, (int64_t)t->bytes.len);
}

static void
do_get(struct transfer *t)
{
	if (t->is_dir)
		run(t, list, on_listed);
	else
		run(t, open_file, on_open);
}

/* ---- PUT ---- */

static int
finish(struct transfer *t)
{
	return upload_finish(&t->upload, buf_str(&t->path), &t->is_new);
}

static void
on_finished(struct transfer *t, int r)
{
	struct buf b = BUF_INIT;

	if (r < 0) {
		fail_by_errno(t, r);
		return;
	}
	json_put_open(&b, '{');
	put_path(&b, t);
	json_put_key(&b, "size");
	json_put_int(&b, t->upload.size);
	json_put_close(&b, '}');
	http_req_reply_json(t->req, t->is_new ? 201 : 200, &b);
	over(t);
}

static int
write_slice(struct transfer *t)
{
	return upload_write(&t->upload, t->bytes.data, t->bytes.len);
}

static void on_written(struct transfer *t, int r);

/* The thread gets what has come; what comes meanwhile is kept beside it. */
static void
write_next(struct transfer *t)
{
	struct buf written = t->bytes;

	if (t->body.len > 0) {
		t->bytes = t->body;
		t->body = written;
		buf_reset(&t->body);
		run(t, write_slice, on_written);
	} else if (t->complete)
		run(t, finish, on_finished);
	else
		http_req_resume(t->req);
}

static void
on_written(struct transfer *t, int r)
{
	if (r < 0)
		fail_by_errno(t, r);
	else
		write_next(t);
}

static void
fail_as_too_large(struct transfer *t)
{
	struct buf why = BUF_INIT;

	buf_printf(&why, "The file is larger than %lld bytes", (long long)t->routes->max_files_bytes);
	fail(t, FAULT_TOO_LARGE, buf_str(&why));
	buf_release(&why);
}

static void
on_data(struct http_req *req, const char *bytes, size_t len)
{
	struct transfer *t = http_req_data(req);

	t->received += len;
	if (t->received > (uint64_t)t->routes->max_files_bytes) {
		fail_as_too_large(t);
		return;
	}
	buf_add(&t->body, bytes, len);
	if (buf_error(&t->body) < 0) {
		fail(t, FAULT_UNAVAILABLE, "Out of memory");
		return;
	}
	http_req_pause(req);
	if (!t->working)
		write_next(t);
}

static void
on_end(struct http_req *req)
{
	struct transfer *t = http_req_data(req);

	t->complete = true;
	if (!t->working)
		write_next(t);
}

static int
begin_upload(struct transfer *t)
{
	return upload_begin(&t->upload, t->dir, buf_str(&t->path));
}

static void
on_begun(struct transfer *t, int r)
{
	if (r < 0)
		fail_by_errno(t, r);
	else
		http_req_read(t->req, on_data, on_end);
}

static void
do_put(struct transfer *t)
{
	const struct http_head *head = http_req_head(t->req);

	if (t->is_dir)
		fail(t, FAULT_BAD_REQUEST, "A file's path has no slash at its end");
	else if (http_head_get(head, "Content-Range"))		/* RFC 9110, 14.4: never taken for a whole file */
		fail(t, FAULT_BAD_REQUEST, "A part of a file cannot be put");
	else if (head->length > (uint64_t)t->routes->max_files_bytes)
		fail_as_too_large(t);
	else
		run(t, begin_upload, on_begun);
}

/* ---- DELETE ---- */

static int
remove_entry(struct transfer *t, int dir, const char *name)
{
	struct stat st;
	int r;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return t->begun && errno == ENOENT ? 0 : -errno;
	if (t->is_dir && !S_ISDIR(st.st_mode))
		return -ENOTDIR;
	if (unlinkat(dir, name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0) == 0)
		return 0;
	if (!t->recursive || (errno != ENOTEMPTY && errno != EEXIST))
		return -errno;
	t->begun = true;
	r = scratch_remove_at(dir, name, FILES_REMOVED_MAX);
	return r == -EAGAIN ? 1 : r;
}

/* 1: more is left, and others have a turn. */
static int
remove_some(struct transfer *t)
{
	const char *name;
	int dir = beneath_parent(t->dir, buf_str(&t->path), false, &name), r;

	if (dir < 0)
		return dir;
	r = remove_entry(t, dir, name);
	close(dir);
	return r;
}

static void
on_removed(struct transfer *t, int r)
{
	if (r < 0)
		fail_by_errno(t, r);
	else if (r > 0)
		run(t, remove_some, on_removed);
	else {
		http_req_reply(t->req, 204, NULL, NULL, 0, NULL, 0);
		over(t);
	}
}

static void
do_delete(struct transfer *t)
{
	struct buf value = BUF_INIT;
	int r = uri_query(http_req_head(t->req)->target, "recursive", &value);

	t->recursive = r > 0 && strcmp(buf_str(&value), "1") == 0;
	if (r < 0 || (r > 0 && !t->recursive && strcmp(buf_str(&value), "0") != 0))
		fail(t, r == -ENOMEM ? FAULT_UNAVAILABLE : FAULT_BAD_REQUEST, "The parameter recursive must be 0 or 1");
	else if (t->path.len == 0)
		fail(t, FAULT_BAD_REQUEST, "The working directory itself cannot be removed");
	else
		run(t, remove_some, on_removed);
	buf_release(&value);
}

/* ---- dispatch ---- */

static const struct {
	const char	*method;
	void		(*handle)(struct transfer *t);
} methods[] = {
	{ "GET", do_get }, { "HEAD", do_get }, { "PUT", do_put }, { "DELETE", do_delete },
};

bool
files_is_path(const char *path, size_t len)
{
	return len >= sizeof PREFIX - 1 && memcmp(path, PREFIX, sizeof PREFIX - 1) == 0;
}

/* NULL: the request was answered. */
static struct transfer *
new_transfer(struct routes *rt, struct http_req *req)
{
	struct transfer *t;
	int dir = runner_work_dir(rt->runner);

	if (dir < 0) {
		http_req_fail(req, FAULT_UNAVAILABLE, "The kernel is not ready");
		return NULL;
	}
	if (rt->ntransfers >= FILES_TRANSFERS_MAX) {
		http_req_fail(req, FAULT_BUSY, "%d files are on their way already", FILES_TRANSFERS_MAX);
		return NULL;
	}
	dir = fcntl(dir, F_DUPFD_CLOEXEC, 0);
	t = calloc(1, sizeof *t);
	if (dir < 0 || !t) {
		http_req_fail(req, FAULT_UNAVAILABLE, "Out of %s", t ? "descriptors" : "memory");
		free(t);
		if (dir >= 0)
			close(dir);
		return NULL;
	}
	*t = (struct transfer){ .routes = rt, .req = req, .dir = dir, .fd = -1, .upload = UPLOAD_INIT };
	LIST_INSERT_HEAD(&rt->transfers, t, link);
	rt->ntransfers++;
	http_req_set_data(req, t);
	http_req_on_gone(req, on_gone);
	return t;
}

static void
start(struct routes *rt, struct http_req *req, void (*handle)(struct transfer *))
{
	const char *target = http_req_head(req)->target, *why;
	size_t n = sizeof PREFIX - 1;
	struct transfer *t = new_transfer(rt, req);
	int r;

	if (!t)
		return;
	r = beneath_parse(target + n, uri_path_len(target) - n, &t->path, &t->is_dir, &why);
	if (r == 0)
		handle(t);
	else
		fail(t, r == -EINVAL ? FAULT_BAD_REQUEST : FAULT_UNAVAILABLE, r == -EINVAL ? why : "Out of memory");
}

void
files_end_all(struct routes *rt)
{
	struct transfer *t;

	LIST_FOREACH(t, &rt->transfers, link)	/* none is freed before its clean-up was in the thread */
		if (t->req)
			fail(t, FAULT_UNAVAILABLE, "The kernel was replaced, and its files are gone");
}

void
files(struct routes *rt, struct http_req *req)
{
	static const struct http_field allow = { "Allow", "GET, HEAD, PUT, DELETE" };
	const char *method = http_req_head(req)->method;

	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
		if (strcmp(methods[i].method, method) == 0) {
			start(rt, req, methods[i].handle);
			return;
		}
	http_req_fail_with(req, 405, fault_word(FAULT_METHOD_NOT_ALLOWED), "This method is not allowed here", &allow, 1);
}
