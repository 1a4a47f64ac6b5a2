/* member - a process that is kept running; see member.h. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/diag.h"
#include "local/member.h"

#define PAUSE_MIN_MS	100
#define PAUSE_MAX_MS	30000
#define LONG_LIFE_MS	60000
#define LINE_MAX_BYTES	1000	/* a longer line is said in pieces */
#define TAIL_LINES	8
#define DRAIN_BYTES	(1 << 20)	/* as much as a pipe may hold */

struct member_out {
	uv_pipe_t	 pipe;
	struct member	*member;	/* NULL: it has let go */
	struct buf	 line;		/* not ended yet */
	char		 bytes[4096];
};

static void
say_line(const struct member *m, struct buf *line)
{
	if (line->len > 0)
		diag(DIAG_INFO, "%s: %s", m->name, buf_str(line));
	buf_reset(line);
}

static void
keep_tail(struct member *m, const char *bytes, size_t len)
{
	size_t drop;

	if (len > MEMBER_TAIL) {
		bytes += len - MEMBER_TAIL;
		len = MEMBER_TAIL;
	}
	if (m->tail_len + len > MEMBER_TAIL) {
		drop = m->tail_len + len - MEMBER_TAIL;
		memmove(m->tail, m->tail + drop, m->tail_len - drop);
		m->tail_len -= drop;
	}
	memcpy(m->tail + m->tail_len, bytes, len);
	m->tail_len += len;
}

static void
on_closed(uv_handle_t *h)
{
	struct member_out *o = h->data;

	buf_release(&o->line);
	free(o);
}

static void
close_out(struct member_out *o)
{
	if (o->member) {
		say_line(o->member, &o->line);
		o->member->out = NULL;
		o->member = NULL;
	}
	if (!uv_is_closing((uv_handle_t *)&o->pipe))
		uv_close((uv_handle_t *)&o->pipe, on_closed);
}

static void
on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *ret)
{
	struct member_out *o = h->data;

	(void)suggested;
	*ret = uv_buf_init(o->bytes, sizeof o->bytes);
}

static void
on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *b)
{
	struct member_out *o = stream->data;

	if (n < 0) {
		close_out(o);
		return;
	}
	if (!o->member)
		return;
	keep_tail(o->member, b->base, (size_t)n);
	for (ssize_t i = 0; i < n; i++) {
		if (b->base[i] != '\n')
			buf_putc(&o->line, b->base[i]);
		if (b->base[i] == '\n' || o->line.len >= LINE_MAX_BYTES)
			say_line(o->member, &o->line);
	}
}

/* What a member wrote just before its end may still be in the pipe.  What it has left behind may still fill that. */
static void
drain(struct member *m)
{
	size_t left = DRAIN_BYTES;
	uv_os_fd_t fd;
	uv_buf_t b;
	ssize_t n;

	while (m->out && left > 0 && uv_fileno((uv_handle_t *)&m->out->pipe, &fd) == 0) {
		b = uv_buf_init(m->out->bytes, sizeof m->out->bytes);
		n = read(fd, b.base, b.len);
		if (n <= 0)
			break;
		on_read((uv_stream_t *)&m->out->pipe, n, &b);
		left -= (size_t)n < left ? (size_t)n : left;
	}
}

/* Its output comes through a pipe, so that a member that floods us costs no disk. */
static int
open_out(struct member *m, uv_loop_t *loop, int fd)
{
	struct member_out *o = calloc(1, sizeof *o);
	int r;

	if (!o)
		return -ENOMEM;
	o->member = m;
	uv_pipe_init(loop, &o->pipe, 0);
	o->pipe.data = o;
	m->out = o;
	if ((r = uv_pipe_open(&o->pipe, fd)) < 0 || (r = uv_read_start((uv_stream_t *)&o->pipe, on_alloc, on_read)) < 0)
		close_out(o);
	return r;
}

int
member_start(struct member *m, uv_loop_t *loop, struct child_spec *spec, int64_t now_ms, const char **ret_step)
{
	int fds[2], r;

	*ret_step = "pipe";
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	member_close(m);
	m->tail_len = 0;
	m->starts++;
	m->started_ms = now_ms;
	spec->out = spec->err = fds[1];
	r = child_start(spec, &m->pid, ret_step);
	close(fds[1]);
	if (r < 0) {
		close(fds[0]);
		return r;
	}
	return open_out(m, loop, fds[0]);
}

void
member_ended(struct member *m, int status, int64_t now_ms)
{
	drain(m);
	m->pid = 0;
	m->status = status;
	if (m->pause_ms == 0 || now_ms - m->started_ms >= LONG_LIFE_MS)
		m->pause_ms = PAUSE_MIN_MS;
	m->due_ms = now_ms + m->pause_ms;
	m->pause_ms = m->pause_ms * 2 < PAUSE_MAX_MS ? m->pause_ms * 2 : PAUSE_MAX_MS;
}

void
member_say_tail(const struct member *m)
{
	const char *p = m->tail + m->tail_len, *end;
	int lines = 0;

	while (p > m->tail && lines < TAIL_LINES + (m->tail[m->tail_len - 1] == '\n'))
		lines += *--p == '\n';
	if (p < m->tail + m->tail_len && *p == '\n')
		p++;
	for (; p < m->tail + m->tail_len; p = end + 1) {
		end = memchr(p, '\n', (size_t)(m->tail + m->tail_len - p));
		if (!end)
			end = m->tail + m->tail_len;
		if (end > p)
			diag(DIAG_ERROR, "%s: %.*s", m->name, (int)(end - p), p);
	}
}

void
member_close(struct member *m)
{
	if (m->out)
		close_out(m->out);
}
