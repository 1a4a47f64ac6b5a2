/* pipes - a kernel's descriptors 1 and 2; see pipes.h. */
#include <errno.h>
#include <unistd.h>

#include "marks.h"
#include "pipes.h"

#define READ_BYTES	65536
#define RELEASE_MAX	8	/* times that a pipe is read at the end of a cell, if marks keep it from being read whole */
#define READ_MAX	(1 << 20)	/* of a pipe in one go */

struct pipe {
	uv_poll_t	 poll;
	struct pipes	*owner;
	int		 fd;		/* -1: ended */
	enum outputs_stream name;
	struct marks_pipe marks;
};

struct pipes {
	struct pipes_conf conf;
	struct pipe	 pipe[2];
	struct marks	 marks;
	unsigned	 handles;	/* libuv still holds */
	bool		 closing, held;
	char		 buffer[READ_BYTES];
};

static void
on_bytes(void *arg, const char *bytes, size_t len)
{
	struct pipe *p = arg;

	p->owner->conf.on_bytes(p->owner->conf.arg, p->name, bytes, len);
}

/* All that is there, up to max or so. */
static void
read_pipe(struct pipe *p, size_t max)
{
	struct pipes *o = p->owner;
	size_t total = 0;
	ssize_t n;

	while (p->fd >= 0 && total < max && p->marks.waiting == 0 && !o->held) {
		n = read(p->fd, o->buffer, sizeof o->buffer);
		if (n > 0) {
			marks_feed(&o->marks, &p->marks, o->buffer, (size_t)n, on_bytes, p);
			total += (size_t)n;
		} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
			uv_poll_stop(&p->poll);
			close(p->fd);
			p->fd = -1;
		} else if (errno == EAGAIN)
			return;
	}
}

static void on_pipe(uv_poll_t *poll, int status, int events);

/* Look at the descriptor as long as what comes from it may be passed on. */
static void
watch_pipe(struct pipe *p)
{
	if (p->fd < 0)
		return;
	if (p->marks.waiting > 0 || p->owner->held)
		uv_poll_stop(&p->poll);
	else
		uv_poll_start(&p->poll, UV_READABLE, on_pipe);
}

static void
on_pipe(uv_poll_t *poll, int status, int events)
{
	struct pipe *p = poll->data;

	(void)status;
	(void)events;
	p->owner->conf.on_readable(p->owner->conf.arg);
	if (!p->owner->closing) {
		read_pipe(p, READ_MAX);
		watch_pipe(p);
	}
}

void
pipes_read(struct pipes *o)
{
	read_pipe(&o->pipe[0], READ_MAX);
	read_pipe(&o->pipe[1], READ_MAX);
}

void
pipes_mark(struct pipes *o, uint64_t n)
{
	if (n <= o->marks.seen)
		return;
	o->marks.seen = n;
	for (int i = 0; i < 2; i++) {
		marks_feed(&o->marks, &o->pipe[i].marks, NULL, 0, on_bytes, &o->pipe[i]);
		watch_pipe(&o->pipe[i]);
	}
}

void
pipes_release(struct pipes *o)
{
	for (int i = 0; i < 2; i++) {
		struct pipe *p = &o->pipe[i];
		bool more = true;

		marks_end(&o->marks, &p->marks, on_bytes, p);
		for (int n = 0; more && n < RELEASE_MAX; n++) {
			read_pipe(p, READ_MAX);
			more = p->marks.waiting > 0;
			marks_end(&o->marks, &p->marks, on_bytes, p);
		}
		watch_pipe(p);
	}
}

void
pipes_hold(struct pipes *o, bool hold)
{
	o->held = hold;
	watch_pipe(&o->pipe[0]);
	watch_pipe(&o->pipe[1]);
}

void
pipes_expect_marks(struct pipes *o, const char *token)
{
	marks_init(&o->marks, token);
}

bool
pipes_have_marks(const struct pipes *o)
{
	return o->marks.len > 0;
}

int
pipes_new(const struct pipes_conf *conf, int fd[2], struct pipes **ret)
{
	struct pipes *o = calloc(1, sizeof *o);
	int r;

	if (!o)
		return -ENOMEM;
	o->conf = *conf;
	for (int i = 0; i < 2; i++)
		o->pipe[i] = (struct pipe){ .owner = o, .fd = -1, .name = (enum outputs_stream)i };
	*ret = o;
	for (int i = 0; i < 2; i++) {
		struct pipe *p = &o->pipe[i];

		if ((r = uv_poll_init(conf->loop, &p->poll, fd[i])) < 0) {
			pipes_free(ret);
			return r;
		}
		p->poll.data = p;
		o->handles++;
		p->fd = fd[i];
		fd[i] = -1;
		uv_poll_start(&p->poll, UV_READABLE, on_pipe);
	}
	return 0;
}

static void
on_closed(uv_handle_t *handle)
{
	struct pipe *p = handle->data;

	if (--p->owner->handles == 0)
		free(p->owner);
}

void
pipes_free(struct pipes **op)
{
	struct pipes *o = *op;

	if (!o)
		return;
	*op = NULL;
	o->closing = true;
	for (int i = 0; i < 2; i++) {
		struct pipe *p = &o->pipe[i];

		if (p->poll.data)
			uv_close((uv_handle_t *)&p->poll, on_closed);
		if (p->fd >= 0)
			close(p->fd);
		p->fd = -1;
		buf_release(&p->marks.held);
	}
	if (o->handles == 0)
		free(o);
}
