/* http_server - connections of an HTTP/1.1 server: reading, deadlines; see http_server.h and http_conn.h. */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "http/http_conn.h"

#define LINGER_MS	5000	/* for a client to read its last answer while it still sends */
#define PROBE_FIRST_MS	1000	/* after a client's FIN: quick answers meet no probe … */
#define PROBE_NEXT_MS	2000	/* … and one that was killed is noticed in time */
#define TURN_REQUESTS	64	/* pipelined requests of one connection served before the others have a turn */
#define TRIM_MS		1000	/* idle this long: memory is given back */

static void	update_reading(struct conn *c);
static void	on_later(uv_prepare_t *h);

/* Only keeps the loop from waiting: a prepare handle that is started by another one's callback is not called in that turn. */
static void
on_idle(uv_idle_t *h)
{
	(void)h;
}

/* ---- time ---- */

static bool
passed(const struct http_server *s, uint64_t since, int64_t ms)
{
	return (int64_t)((s->tick - since) * s->tick_ms) >= ms;
}

/* ---- the end of a connection ---- */

void
server_unref(struct http_server *s)
{
	if (--s->handles == 0 && s->freed)
		free(s);
}

static void
on_conn_closed(uv_handle_t *h)
{
	struct conn *c = (struct conn *)h;
	struct http_server *s = c->server;

	http_io_release(&c->io);
	http_parser_free(&c->parser);
	buf_release(&c->stash);
	buf_release(&c->req.all);
	free(c);
	server_unref(s);
}

static void
set_state(struct conn *c, enum conn_state to)
{
	struct http_server *s = c->server;

	if (c->state == CONN_IDLE)
		TAILQ_REMOVE(&s->idle, c, idle);
	c->state = to;
	c->since = s->tick;
	if (to == CONN_IDLE) {
		TAILQ_INSERT_TAIL(&s->idle, c, idle);
		if (s->accept_paused)
			listeners_resume(s);	/* there is one to be evicted again */
	}
}

/* Where nothing is under way any more: no handler is called. */
void
conn_close(struct conn *c, bool reset)
{
	struct http_server *s = c->server;

	if (c->state == CONN_CLOSED)
		return;
	set_state(c, CONN_CLOSED);
	TAILQ_REMOVE(&s->all, c, all);
	s->nconns--;
	if (c->is_later) {
		TAILQ_REMOVE(&s->later, c, later);
		s->nlater--;
		c->is_later = false;
	}
	if (reset && !c->io.is_unix && uv_tcp_close_reset(&c->io.u.tcp, on_conn_closed) == 0)
		;
	else
		uv_close(&c->io.u.handle, on_conn_closed);
	if (s->accept_paused)
		listeners_resume(s);
}

/* The request's client has left, or is cut: the last its handler hears of it. */
static void
tell_gone(struct conn *c)
{
	if (c->state != CONN_REQUEST)
		return;
	set_state(c, CONN_LINGER);
	c->server->nrequests--;
	if (c->req.on_gone != NULL)
		c->req.on_gone(&c->req);
	buf_release(&c->req.all);
}

static void
conn_lost(struct conn *c)
{
	tell_gone(c);
	conn_close(c, false);
}

/* ---- requests, one after the other ---- */

void
conn_later(struct conn *c)
{
	struct http_server *s = c->server;

	if (c->is_later || c->state == CONN_CLOSED)
		return;
	c->is_later = true;
	if (TAILQ_EMPTY(&s->later)) {
		uv_prepare_start(&s->prepare, on_later);
		uv_idle_start(&s->idler, on_idle);
	}
	TAILQ_INSERT_TAIL(&s->later, c, later);
	s->nlater++;
}

static void
next_message(struct conn *c)
{
	http_parser_next(c->parser, false);
	c->fresh = false;
	set_state(c, CONN_IDLE);
}

void
conn_answered(struct conn *c)
{
	assert(c->state == CONN_REQUEST);
	c->server->nrequests--;
	buf_release(&c->req.all);
	if (c->req.close || (!http_parser_complete(c->parser) && !conn_unread_is_small(c)))
		set_state(c, CONN_LINGER);
	else if (http_parser_complete(c->parser))
		next_message(c);
	else
		set_state(c, CONN_DRAIN);
	if (!c->busy && (c->stash.len > 0 || c->io.error != 0 || c->eof || c->state != CONN_IDLE ||
	    c->server->draining))
		conn_later(c);
	else if (!c->busy)
		update_reading(c);
}

static void
start_request(struct conn *c)
{
	const struct http_head *head = http_parser_head(c->parser);

	set_state(c, CONN_REQUEST);
	c->req = (struct http_req){ .left = -1, .close = !head->keep_alive };
	if (strcmp(head->method, "CONNECT") == 0 || strcmp(head->method, "TRACE") == 0) {
		conn_refuse(c, 405, "method_not_allowed", "This method is not served",
		    "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
		return;
	}
	c->server->nrequests++;
	c->server->conf.on_request(c->server->conf.arg, &c->req);
}

static void
on_data(void *arg, const char *bytes, size_t len)
{
	struct conn *c = arg;
	struct http_req *req = &c->req;

	if (c->state != CONN_REQUEST)
		return;
	if (req->on_data != NULL) {
		req->on_data(req, bytes, len);
	} else if (req->all.len + len > req->max) {
		req->all_error = -EFBIG;
	} else {
		buf_add(&req->all, bytes, len);
		if (req->all.failed)
			req->all_error = -ENOMEM;
	}
}

/* The body is complete, or more than the handler wants of it: say so, once. */
static void
deliver_end(struct conn *c)
{
	struct http_req *req = &c->req;
	struct buf all = req->all;

	if (c->state != CONN_REQUEST || req->delivered || !req->reading)
		return;					/* the last piece of the body may have been answered: req is gone */
	if (!http_parser_complete(c->parser) && req->all_error == 0)
		return;
	req->delivered = true;
	if (req->on_all == NULL) {
		if (req->on_end != NULL)
			req->on_end(req);
		return;
	}
	req->all = (struct buf)BUF_INIT;		/* borrowed for the call */
	req->on_all(req, req->all_error, req->all_error == 0 ? buf_str(&all) : NULL, req->all_error == 0 ? all.len : 0);
	buf_release(&all);
}

/* The handler gets no body yet, or no more of it. */
static bool
body_waits(const struct conn *c)
{
	return c->state == CONN_REQUEST &&
	    (http_parser_complete(c->parser) || !c->req.reading || c->req.paused || c->req.all_error != 0);
}

static void
refuse_message(struct conn *c, int error)
{
	int status = http_parser_status(c->parser);

	if (c->state == CONN_REQUEST && c->req.begun) {
		conn_lost(c);				/* too late for another answer */
		return;
	}
	tell_gone(c);
	if (c->state == CONN_CLOSED)
		return;
	if (error == -ENOMEM)
		conn_refuse(c, 503, "unavailable", "Out of memory", NULL);
	else
		conn_refuse(c, status, status == 400 ? "bad_request" : "too_large", http_parser_why(c->parser), NULL);
}

/* Keep what is not due yet. */
static void
stash(struct conn *c, const char *bytes, size_t len)
{
	if (c->stash.len > 0) {				/* they come out of it */
		c->stash_at = (size_t)(bytes - c->stash.data);
		if (len == 0)
			buf_reset(&c->stash);
		return;
	}
	buf_add(&c->stash, bytes, len);
	c->stash_at = 0;
	if (c->stash.failed)
		conn_lost(c);
}

/* Take len bytes of what the client sent, as far as the state lets. */
static void
conn_feed(struct conn *c, const char *bytes, size_t len)
{
	unsigned requests = 0;
	size_t used;
	int got;

	c->busy = true;
	for (;;) {
		deliver_end(c);
		if (c->state == CONN_CLOSED || (c->state == CONN_REQUEST && body_waits(c)))
			break;
		if (c->state == CONN_LINGER) {
			len = 0;
			break;
		}
		if (c->state == CONN_IDLE && (requests == TURN_REQUESTS || http_io_pending(&c->io) >= HTTP_IO_HIGH))
			break;				/* the others' turn; or it asks, and does not read its answers */
		if (c->state == CONN_IDLE && len > 0) {
			uint64_t since = c->fresh ? c->since : c->server->tick;

			set_state(c, CONN_HEAD);
			c->since = since;
		}
		if (len == 0 && !http_parser_complete(c->parser))
			break;
		got = http_parser_run(c->parser, bytes, len, &used);
		bytes += used;
		len -= used;
		if (c->state == CONN_REQUEST || c->state == CONN_DRAIN)
			c->since = c->server->tick;
		if (got < 0) {
			if (c->state == CONN_DRAIN)
				conn_close(c, false);
			else if (c->state != CONN_LINGER && c->state != CONN_CLOSED)
				refuse_message(c, got);
		} else if (got == HTTP_GOT_HEAD) {
			requests++;
			start_request(c);
		} else if (got == HTTP_GOT_END && c->state == CONN_DRAIN) {
			next_message(c);
		}
	}
	c->busy = false;
	if (c->state != CONN_CLOSED)
		stash(c, bytes, len);
	if (c->state != CONN_CLOSED && !c->io.writing)
		http_io_flush(&c->io);
}

/* ---- reading ---- */

static void
on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
	struct http_server *s = ((struct conn *)h)->server;

	(void)suggested;
	*buf = uv_buf_init(s->bytes, sizeof(s->bytes));
}

short
conn_events(const struct conn *c)
{
	struct pollfd p = { .fd = -1, .events = POLLRDHUP };
	uv_os_fd_t fd;

	if (uv_fileno(&c->io.u.handle, &fd) < 0)
		return POLLERR;
	p.fd = fd;
	return poll(&p, 1, 0) > 0 ? p.revents : 0;
}

/*
 * The client sends no more.  One that shut its writing side down after a complete request still gets its answer; one that
 * has closed its socket looks the same on TCP until something is sent to it: see probe().
 */
static void
on_eof(struct conn *c)
{
	c->eof = c->fin = true;
	c->probed = c->server->tick;
	switch (c->state) {
	case CONN_REQUEST:
		if (!http_parser_complete(c->parser) || (conn_events(c) & (POLLHUP | POLLERR)))
			conn_lost(c);
		break;
	case CONN_HEAD:
		conn_close(c, false);
		break;
	default:
		break;					/* settle() ends it */
	}
}

/* What must hold after anything happened to a connection. */
static void
settle(struct conn *c)
{
	if (c->state == CONN_CLOSED)
		return;
	if (c->io.error != 0) {
		conn_lost(c);
		return;
	}
	if (c->req.choked && c->state == CONN_REQUEST && http_io_pending(&c->io) == 0) {
		c->req.choked = false;
		if (c->req.on_drain != NULL)
			c->req.on_drain(&c->req);
		if (c->state == CONN_CLOSED)
			return;
	}
	if (http_io_pending(&c->io) == 0 && c->state == CONN_LINGER && !c->shut) {
		uv_os_fd_t fd;

		if (c->eof || (http_parser_complete(c->parser) && c->stash.len == 0)) {
			conn_close(c, false);
			return;
		}
		/* It may be sending still: closing now would reset the connection, and the answer with it. */
		c->shut = true;
		c->since = c->server->tick;
		if (uv_fileno(&c->io.u.handle, &fd) < 0 || shutdown(fd, SHUT_WR) < 0) {
			conn_close(c, false);
			return;
		}
	}
	if (c->eof && c->stash.len == 0 && http_io_pending(&c->io) == 0 && c->state != CONN_REQUEST) {
		conn_close(c, false);
		return;
	}
	if (c->server->draining && c->state == CONN_IDLE && c->stash.len == 0 && http_io_pending(&c->io) == 0) {
		conn_close(c, false);
		return;
	}
	if ((c->io.waiting.len > 0 && !c->io.writing) ||
	    (c->stash.len > 0 && c->state == CONN_IDLE && http_io_pending(&c->io) < HTTP_IO_HIGH))
		conn_later(c);
	update_reading(c);
}

static void
on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct conn *c = (struct conn *)stream;

	if (n == 0)
		return;
	if (n == UV_EOF) {
		on_eof(c);
	} else if (n < 0) {
		conn_lost(c);
	} else if (c->stash.len > 0) {
		buf_add(&c->stash, buf->base, (size_t)n);
		if (c->stash.failed)
			conn_lost(c);
	} else {
		conn_feed(c, buf->base, (size_t)n);
	}
	settle(c);
}

/*
 * Read where the bytes can be used; and while an answer is pending, to see the client leave.  Where bytes wait already,
 * look_after() watches the socket instead.
 */
static void
update_reading(struct conn *c)
{
	bool want;

	if (c->state == CONN_CLOSED)
		return;
	want = !c->eof && (c->state == CONN_LINGER || (c->stash.len == 0 &&
	    (c->state != CONN_REQUEST || http_parser_complete(c->parser) || !body_waits(c))));
	if (want == c->reading)
		return;
	c->reading = want;
	if (!want)
		uv_read_stop(&c->io.u.stream);
	else if (uv_read_start(&c->io.u.stream, on_alloc, on_read) < 0)
		conn_lost(c);
}

static void
on_written(struct http_io *io)
{
	settle((struct conn *)io);
}

static void
on_later(uv_prepare_t *h)
{
	struct http_server *s = h->data;
	struct conn *c;

	/* Once around: who has more to do comes again after the others' input. */
	for (size_t n = s->nlater; n > 0 && (c = TAILQ_FIRST(&s->later)) != NULL; n--) {
		TAILQ_REMOVE(&s->later, c, later);
		s->nlater--;
		c->is_later = false;
		if (c->state == CONN_LINGER && c->stash.len > 0)
			buf_reset(&c->stash);
		http_io_flush(&c->io);
		if (c->io.error == 0)
			conn_feed(c, c->stash.len > 0 ? c->stash.data + c->stash_at : NULL,
			    c->stash.len > 0 ? c->stash.len - c->stash_at : 0);
		settle(c);
	}
	if (s->nlater > 0)				/* s->freed: none is left */
		return;
	uv_idle_stop(&s->idler);
	uv_prepare_stop(h);
}

/* ---- deadlines ---- */

/*
 * A client that has ended its writing side while its answer is pending: has it left?  A Unix socket tells.  On TCP only
 * something sent to it does, which a closed socket answers with a reset; "100 Continue" is what a client must skip
 * (RFC 9110, 15.2), and what an HTTP/1.0 client does not know: that one counts as gone, as with nginx.
 */
static void
probe(struct conn *c)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct http_server *s = c->server;
	short events = conn_events(c);

	if (events & (POLLERR | POLLHUP)) {
		conn_lost(c);
		return;
	}
	if (!c->fin) {
		c->fin = (events & POLLRDHUP) != 0;
		c->probed = s->tick;
		return;
	}
	if (c->io.is_unix || c->req.begun)
		return;
	c->req.vouched = c->req.asked;			/* a tick ago, and no reset came */
	if (!passed(s, c->probed, c->req.asked ? PROBE_NEXT_MS : PROBE_FIRST_MS))
		return;
	if (http_parser_head(c->parser)->minor == 0) {
		conn_lost(c);
		return;
	}
	c->probed = s->tick;
	c->req.asked = c->req.continued = true;
	http_io_send(&c->io, text, sizeof(text) - 1);
	if (c->io.error != 0)
		conn_lost(c);
}

static void
trim(struct conn *c)
{
	http_parser_trim(c->parser);
	http_io_trim(&c->io);
	if (c->stash.len == 0)
		buf_release(&c->stash);
}

static bool
write_stalls(struct conn *c)
{
	struct http_server *s = c->server;
	size_t left = c->io.writing ? http_io_pending(&c->io) : 0;

	if (left == 0 || left != c->write_left)
		c->write_since = s->tick;
	c->write_left = left;
	return left > 0 && passed(s, c->write_since, s->conf.write_ms);
}

static void
look_after(struct conn *c)
{
	struct http_server *s = c->server;

	if (write_stalls(c)) {
		conn_lost(c);
		return;
	}
	switch (c->state) {
	case CONN_IDLE:
		if (http_io_pending(&c->io) > 0)
			break;				/* its last answer is still being read */
		if (passed(s, c->since, c->fresh ? s->conf.header_ms : s->conf.idle_ms))
			conn_close(c, false);
		else if (passed(s, c->since, TRIM_MS) && !http_parser_begun(c->parser))
			trim(c);
		break;
	case CONN_HEAD:
		if (passed(s, c->since, s->conf.header_ms))
			conn_refuse(c, 408, "bad_request", "The request header did not come in time", NULL);
		break;
	case CONN_REQUEST:
		if (!c->reading)
			probe(c);
		else if (!http_parser_complete(c->parser) && passed(s, c->since, s->conf.idle_ms)) {
			if (c->req.begun) {
				conn_lost(c);
				return;
			}
			tell_gone(c);
			conn_refuse(c, 408, "bad_request", "The request body did not come in time", NULL);
		}
		break;
	case CONN_DRAIN:
		if (passed(s, c->since, s->conf.idle_ms))
			conn_close(c, false);
		break;
	case CONN_LINGER:
		if (c->shut && passed(s, c->since, LINGER_MS))
			conn_close(c, false);
		break;
	case CONN_CLOSED:
		break;
	}
	if (c->state == CONN_LINGER)
		conn_later(c);
}

static void
on_tick(uv_timer_t *t)
{
	struct http_server *s = t->data;
	struct conn *c, *next;

	s->tick++;
	for (c = TAILQ_FIRST(&s->all); c != NULL; c = next) {
		next = TAILQ_NEXT(c, all);		/* memory of a closed one stays until its handle is gone */
		look_after(c);
	}
	if (s->accept_paused)
		listeners_resume(s);
	if (s->nconns == 0 && !s->accept_paused)
		uv_timer_stop(t);
}

void
server_start_ticking(struct http_server *s)
{
	if (!uv_is_active((uv_handle_t *)&s->timer))
		uv_timer_start(&s->timer, on_tick, s->tick_ms, s->tick_ms);
}

/* ---- new connections ---- */

static struct conn *
conn_new(struct http_server *s, bool is_unix)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->parser = http_parser_new(HTTP_REQUESTS, s->conf.header_bytes, s->conf.url_bytes, on_data, c);
	if (c->parser == NULL || http_io_init(&c->io, s->loop, is_unix, on_written) < 0) {
		http_parser_free(&c->parser);
		free(c);
		return NULL;
	}
	c->server = s;
	c->fresh = true;
	s->handles++;
	s->nconns++;
	TAILQ_INSERT_TAIL(&s->all, c, all);
	TAILQ_INSERT_TAIL(&s->idle, c, idle);		/* CONN_IDLE is 0 */
	c->since = c->write_since = s->tick;
	return c;
}

void
conn_open(struct http_server *s, int fd, bool is_unix, const struct sockaddr *peer, socklen_t len)
{
	struct conn *c = conn_new(s, is_unix);

	if (c == NULL) {
		(void)close(fd);
		return;
	}
	if (len > 0 && len <= sizeof(c->peer))
		memcpy(&c->peer, peer, len);
	else
		c->peer.sa.sa_family = is_unix ? AF_UNIX : AF_UNSPEC;
	if (http_io_open(&c->io, fd) < 0)
		conn_close(c, false);
	else
		update_reading(c);
	server_start_ticking(s);
}

/* ---- the server ---- */

/* Half of the descriptors the process may have: requests need some of their own. */
static unsigned
connection_cap(unsigned wanted)
{
	struct rlimit rl;
	rlim_t half;

	if (getrlimit(RLIMIT_NOFILE, &rl) < 0 || rl.rlim_cur == RLIM_INFINITY)
		return wanted;
	half = rl.rlim_cur > 24 ? (rl.rlim_cur - 16) / 2 : 4;
	return wanted < half ? wanted : (unsigned)half;
}

static unsigned
tick_length(const struct http_server_conf *c)
{
	int64_t least = c->header_ms < c->idle_ms ? c->header_ms : c->idle_ms;

	if (c->write_ms < least)
		least = c->write_ms;
	return least / 4 > 500 ? 500 : least / 4 < 10 ? 10 : (unsigned)(least / 4);
}

struct http_server *
http_server_new(uv_loop_t *loop, const struct http_server_conf *conf)
{
	struct http_server *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->loop = loop;
	s->conf = *conf;
	s->conf.connections = connection_cap(conf->connections);
	s->tick_ms = tick_length(conf);
	s->date_s = -1;
	TAILQ_INIT(&s->listeners);
	TAILQ_INIT(&s->all);
	TAILQ_INIT(&s->idle);
	TAILQ_INIT(&s->later);
	uv_timer_init(loop, &s->timer);
	uv_prepare_init(loop, &s->prepare);
	uv_idle_init(loop, &s->idler);
	s->timer.data = s->prepare.data = s->idler.data = s;
	s->handles = 3;
	return s;
}

void
http_server_drain(struct http_server *s)
{
	struct conn *c, *next;

	s->draining = true;
	s->accept_paused = false;
	listeners_close(s);
	for (c = TAILQ_FIRST(&s->all); c != NULL; c = next) {
		next = TAILQ_NEXT(c, all);
		if (c->state == CONN_IDLE)
			conn_later(c);
	}
}

size_t
http_server_requests(const struct http_server *s)
{
	return s->nrequests;
}

size_t
http_server_connections(const struct http_server *s)
{
	return s->nconns;
}

static void
on_own_handle_closed(uv_handle_t *h)
{
	server_unref(h->data);
}

void
http_server_free(struct http_server **ps)
{
	struct http_server *s = *ps;
	struct conn *c;

	if (s == NULL)
		return;
	*ps = NULL;
	s->draining = s->freed = true;
	s->accept_paused = false;
	listeners_close(s);
	while ((c = TAILQ_FIRST(&s->all)) != NULL)
		conn_lost(c);
	uv_close((uv_handle_t *)&s->timer, on_own_handle_closed);
	uv_close((uv_handle_t *)&s->prepare, on_own_handle_closed);
	uv_close((uv_handle_t *)&s->idler, on_own_handle_closed);
}
