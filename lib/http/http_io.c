/* http_io - one stream socket of http_server or http_client; see http_io.h. */
#include <errno.h>
#include <unistd.h>

#include "http/http_io.h"

int
http_io_init(struct http_io *io, uv_loop_t *loop, bool is_unix, void (*on_written)(struct http_io *io))
{
	memset(io, 0, sizeof(*io));
	io->is_unix = is_unix;
	io->on_written = on_written;
	return is_unix ? uv_pipe_init(loop, &io->u.pipe, 0) : uv_tcp_init(loop, &io->u.tcp);
}

int
http_io_open(struct http_io *io, int fd)
{
	int r = io->is_unix ? uv_pipe_open(&io->u.pipe, fd) : uv_tcp_open(&io->u.tcp, fd);

	if (r < 0)
		(void)close(fd);
	return r;
}

static void
io_fail(struct http_io *io, int error)
{
	if (io->error == 0)
		io->error = error;
	io->waiting.len = 0;
}

static void	start_write(struct http_io *io, size_t from);

static void
written(uv_write_t *w, int status)
{
	struct http_io *io = w->data;

	io->writing = false;
	io->flying.len = 0;
	if (status < 0) {
		io_fail(io, status);
	} else if (io->waiting.len > 0) {
		struct buf b = io->flying;

		io->flying = io->waiting;
		io->waiting = b;
		start_write(io, 0);
	}
	if (!io->writing && !uv_is_closing(&io->u.handle))
		io->on_written(io);
}

/* Let libuv write `flying` from its byte `from` on. */
static void
start_write(struct http_io *io, size_t from)
{
	uv_buf_t b = uv_buf_init(io->flying.data + from, (unsigned)(io->flying.len - from));
	int r;

	io->write.data = io;
	io->writing = true;
	r = uv_write(&io->write, &io->u.stream, &b, 1, written);
	if (r < 0) {
		io->writing = false;
		io_fail(io, r);
	}
}

/* Bytes that the kernel took of what waits, of `bytes` and of `tail`; -1: error is set. */
static ssize_t
try_send(struct http_io *io, const void *bytes, size_t len, const char *tail)
{
	uv_buf_t b[3];
	unsigned n = 0;
	int r;

	if (io->waiting.len > 0)
		b[n++] = uv_buf_init(io->waiting.data, (unsigned)io->waiting.len);
	if (len > 0)
		b[n++] = uv_buf_init((char *)(uintptr_t)bytes, len < INT32_MAX ? (unsigned)len : INT32_MAX);
	if (tail != NULL && len < INT32_MAX)
		b[n++] = uv_buf_init((char *)(uintptr_t)tail, (unsigned)strlen(tail));
	if (n == 0)
		return 0;
	r = uv_try_write(&io->u.stream, b, n);
	if (r == UV_EAGAIN)
		return 0;
	if (r < 0)
		io_fail(io, r);
	return r;
}

/* Nothing is flying, and `waiting` holds the rest: libuv writes it. */
static void
fly_rest(struct http_io *io, size_t from)
{
	struct buf b = io->flying;

	if (io->waiting.failed) {
		io_fail(io, -ENOMEM);
		return;
	}
	io->flying = io->waiting;
	io->waiting = b;
	io->waiting.len = 0;
	start_write(io, from);
}

void
http_io_put(struct http_io *io, const void *bytes, size_t len)
{
	if (io->error != 0)
		return;
	buf_add(&io->waiting, bytes, len);
	if (io->waiting.failed) {
		buf_reset(&io->waiting);
		io_fail(io, -ENOMEM);
	}
}

/* Add to what waits, without the first *skip bytes of it; *skip is what is left to skip. */
static void
put_rest(struct http_io *io, const char *bytes, size_t len, size_t *skip)
{
	size_t n = *skip < len ? *skip : len;

	*skip -= n;
	if (len > n)
		http_io_put(io, bytes + n, len - n);
}

void
http_io_send_with(struct http_io *io, const void *bytes, size_t len, const char *tail)
{
	size_t waits = io->waiting.len, from = 0, n = 0;
	ssize_t r;

	if (io->error != 0)
		return;
	if (!io->writing) {
		if ((r = try_send(io, bytes, len, tail)) < 0)
			return;
		n = (size_t)r;
	}
	if (n < waits) {				/* then nothing of the rest went */
		from = n;
		n = 0;
	} else {
		n -= waits;
		io->waiting.len = 0;
	}
	put_rest(io, bytes, len, &n);
	put_rest(io, tail, tail != NULL ? strlen(tail) : 0, &n);
	if (!io->writing && io->error == 0 && io->waiting.len > from)
		fly_rest(io, from);
}

void
http_io_send(struct http_io *io, const void *bytes, size_t len)
{
	http_io_send_with(io, bytes, len, NULL);
}

void
http_io_send_own(struct http_io *io, struct buf *own)
{
	size_t head = io->waiting.len;
	ssize_t r;

	if (io->error != 0 || io->writing || own->len < HTTP_IO_SMALL) {
		http_io_send(io, own->data, own->len);
	} else if ((r = try_send(io, own->data, own->len, NULL)) >= 0) {
		if ((size_t)r < head) {
			buf_consume(&io->waiting, (size_t)r);
			buf_add(&io->waiting, own->data, own->len);
			fly_rest(io, 0);
		} else if ((size_t)r < head + own->len) {
			buf_release(&io->waiting);
			io->waiting = *own;
			*own = (struct buf)BUF_INIT;
			fly_rest(io, (size_t)r - head);
		} else {
			io->waiting.len = 0;
		}
	}
	buf_release(own);
}

void
http_io_flush(struct http_io *io)
{
	if (io->waiting.len > 0 && !io->writing)
		http_io_send(io, NULL, 0);
}

size_t
http_io_pending(const struct http_io *io)
{
	return io->waiting.len + (io->writing ? uv_stream_get_write_queue_size(&io->u.stream) : 0);
}

void
http_io_release(struct http_io *io)
{
	buf_release(&io->waiting);
	buf_release(&io->flying);
}

void
http_io_trim(struct http_io *io)
{
	if (io->waiting.len == 0)
		buf_release(&io->waiting);
	if (!io->writing)
		buf_release(&io->flying);
}
