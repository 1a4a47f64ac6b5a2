/* stream - one streaming answer; see stream.h. */
#include "stream.h"

#define SLICE	65536		/* bytes handed to the connection at a time: it says after each whether it takes more */

struct stream {
	struct stream_conf conf;
	uv_timer_t	 keepalive;
	uint64_t	 last_ms;	/* of the last line; uv_now() */
	struct buf	 pending;	/* not yet the connection's … */
	size_t		 at;		/* … from here */
	bool		 choked;	/* the connection takes no more for now */
	bool		 full;		/* on_full(true) was called */
	bool		 ended;
};

bool
stream_is_wanted(const struct http_head *head)
{
	int lines = http_head_quality(head, STREAM_TYPE);

	return lines > 0 && lines >= http_head_quality(head, "application/json");
}

static void
on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void
release(struct stream *s)
{
	buf_release(&s->pending);
	uv_close((uv_handle_t *)&s->keepalive, on_closed);
}

static size_t
waiting(const struct stream *s)
{
	return s->pending.len - s->at;
}

/* Give the connection what it takes of these bytes; returns how many. */
static size_t
pass(struct stream *s, const char *bytes, size_t len)
{
	size_t done = 0, n;

	while (done < len && !s->choked) {
		n = len - done < SLICE ? len - done : SLICE;
		s->choked = !http_req_write(s->conf.req, bytes + done, n);
		done += n;
	}
	return done;
}

static void
finish(struct stream *s)
{
	struct http_req *req = s->conf.req;

	release(s);
	http_req_end(req);
}

static void
tell(struct stream *s)
{
	bool full = waiting(s) > (s->full ? STREAM_ROOM : STREAM_FULL);

	if (full == s->full || s->ended)
		return;
	s->full = full;
	s->conf.on_full(s->conf.arg, full);
}

static void
on_drain(struct http_req *req)
{
	struct stream *s = http_req_data(req);

	s->choked = false;
	s->at += pass(s, buf_str(&s->pending) + s->at, waiting(s));
	if (waiting(s) == 0) {
		buf_release(&s->pending);
		s->at = 0;
	} else if (s->at > s->pending.len / 2) {
		buf_consume(&s->pending, s->at);
		s->at = 0;
	}
	if (s->ended && waiting(s) == 0)
		finish(s);
	else
		tell(s);
}

static void
on_gone(struct http_req *req)
{
	struct stream *s = http_req_data(req);

	if (!s->ended)
		s->conf.on_gone(s->conf.arg);
	release(s);
}

static void
begin(struct stream *s)
{
	/* The second one tells nginx not to hold lines back. */
	static const struct http_field fields[] = {
		{ "Content-Type", STREAM_TYPE }, { "X-Accel-Buffering", "no" },
	};

	if (!http_req_begun(s->conf.req))
		http_req_begin(s->conf.req, 200, fields, sizeof fields / sizeof *fields, -1);
}

static void
on_keepalive(uv_timer_t *timer)
{
	static const char line[] = "{\"type\":\"keepalive\"}\n";
	struct stream *s = timer->data;
	uint64_t due = s->last_ms + STREAM_KEEPALIVE_MS, now = uv_now(s->conf.loop);

	if (now >= due && waiting(s) == 0 && !s->choked) {
		begin(s);
		s->last_ms = now;
		pass(s, line, sizeof line - 1);
	}
	uv_timer_start(timer, on_keepalive, due > now ? due - now : STREAM_KEEPALIVE_MS, 0);
}

struct stream *
stream_new(const struct stream_conf *conf)
{
	struct stream *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->conf = *conf;
	uv_timer_init(conf->loop, &s->keepalive);
	s->keepalive.data = s;
	http_req_set_data(conf->req, s);
	http_req_on_gone(conf->req, on_gone);
	http_req_on_drain(conf->req, on_drain);
	return s;
}

void
stream_start(struct stream *s)
{
	s->last_ms = uv_now(s->conf.loop);
	uv_timer_start(&s->keepalive, on_keepalive, STREAM_KEEPALIVE_MS, 0);
}

static bool
put(struct stream *s, struct buf *lines)
{
	size_t n;

	begin(s);
	s->last_ms = uv_now(s->conf.loop);
	n = pass(s, buf_str(lines), lines->len);
	if (n == lines->len)
		return true;
	if (waiting(s) == 0) {
		buf_release(&s->pending);
		s->pending = *lines;
		s->at = n;
		*lines = (struct buf)BUF_INIT;
	} else
		buf_add(&s->pending, lines->data + n, lines->len - n);
	if (buf_error(&s->pending) < 0) {	/* nothing of it was added: lines stay whole, since nothing of it was sent either */
		s->pending.failed = false;
		return false;
	}
	return true;
}

bool
stream_put(struct stream *s, struct buf *lines)
{
	if (waiting(s) > STREAM_MAX || !put(s, lines))
		return false;
	tell(s);
	return true;
}

void
stream_end(struct stream **sp, struct buf *last)
{
	struct stream *s = *sp;

	*sp = NULL;
	s->ended = true;
	uv_timer_stop(&s->keepalive);
	if (!put(s, last)) {		/* without it the answer must not look complete */
		http_req_abort(s->conf.req);
		release(s);
	} else if (waiting(s) == 0)
		finish(s);
}

void
stream_drop(struct stream **sp)
{
	struct stream *s = *sp;

	if (!s)
		return;
	*sp = NULL;
	http_req_on_gone(s->conf.req, NULL);
	http_req_on_drain(s->conf.req, NULL);
	release(s);
}
