/* http_client - calls to HTTP/1.1 servers over pooled connections; see http_client.h. */
#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <strings.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "http/http_client_impl.h"
#include "http/http_io.h"

#define TICK_MS		100
#define TRIM_TICKS	10
#define INTERIM_MAX	64	/* 1xx answers before the final one */
#define POOLS		256	/* buckets */

enum link_state { LINK_CONNECTING, LINK_BUSY, LINK_IDLE, LINK_CLOSED };

/* One connection to a server.  Has a call unless IDLE or CLOSED. */
struct link {
	struct http_io		 io;		/* first: what libuv's handles point to */
	struct http_client	*client;
	struct pool		*pool;
	struct http_parser	*parser;
	struct http_call	*call;
	enum link_state		 state;
	bool			 reading;	/* uv_read_start() is in force */
	uint64_t		 idle_since;	/* tick */
	uint64_t		 idle_ms;	/* the loop's clock */
	TAILQ_ENTRY(link)	 all;
	TAILQ_ENTRY(link)	 pooled;	/* in its pool, the last used first */
	TAILQ_ENTRY(link)	 idle;		/* in the client, the longest idle first */
};

TAILQ_HEAD(links, link);

/* The connections to one endpoint. */
struct pool {
	struct endpoint		 to;
	struct buf		 host;		/* its Host field */
	struct links		 idle;
	unsigned		 nidle;
	unsigned		 users;		/* links and calls; with the last one it goes */
	unsigned		 bucket;
	TAILQ_ENTRY(pool)	 next;
};

/* The way to a new connection: a name's addresses, tried in turn.  Outlives its call while libuv looks up. */
struct dial {
	struct http_client	*client;
	struct http_call	*call;		/* NULL: nobody waits any more */
	struct link		*link;		/* being connected */
	uv_getaddrinfo_t	 lookup;
	uv_connect_t		 connect;
	struct addrinfo		*list, *next;
	struct addrinfo		 numeric;	/* next, where the host is an address */
	union {
		struct sockaddr		sa;
		struct sockaddr_in	in;
		struct sockaddr_in6	in6;
	} addr;
	bool			 looking_up, connecting;	/* libuv holds it */
	int			 error;		/* of the last address */
	uint64_t		 since;		/* tick */
	TAILQ_ENTRY(dial)	 all;
};

struct http_call {
	struct http_client	*client;
	struct http_call_spec	 spec;		/* callbacks and arg only are used after the start */
	struct pool		*pool;
	struct link		*link;		/* NULL until connected */
	struct dial		*dial;
	struct buf		 out;		/* to go out once there is a connection */
	int64_t			 left;		/* body bytes still to come; -1: chunked */
	int			 error;		/* on_end is due with it */
	unsigned		 interim;
	bool			 to_head;
	bool			 finished;	/* the request is complete */
	bool			 sent;		/* some byte of it went out */
	bool			 choked;	/* http_call_write() said false */
	bool			 paused;
	bool			 is_later;
	TAILQ_ENTRY(http_call)	 all, later;
};

struct http_client {
	uv_loop_t		*loop;
	struct http_client_conf	 conf;
	TAILQ_HEAD(, pool)	 pools[POOLS];
	struct links		 links;		/* all of them, open */
	size_t			 nlinks, links_cap;
	struct links		 idle;		/* of all pools, the longest idle first */
	TAILQ_HEAD(, dial)	 dials;
	TAILQ_HEAD(, http_call)	 calls, later;
	struct http_fetches	 fetches;
	uv_prepare_t		 prepare;
	uv_idle_t		 idler;		/* active where `later` is not empty, to keep the loop from waiting */
	uv_timer_t		 timer;
	uint64_t		 tick;
	size_t			 handles;	/* libuv holds: with the last one a freed client goes */
	bool			 freed;
	char			 bytes[65536];	/* what was just read */
};

static void	on_later(uv_prepare_t *h);
static void	on_idle(uv_idle_t *h);
static void	on_tick(uv_timer_t *t);
static void	dial_next(struct dial *d);

static bool
passed(const struct http_client *c, uint64_t since, int64_t ms)
{
	return (int64_t)(c->tick - since) * TICK_MS >= ms;
}

static void
client_unref(struct http_client *c)
{
	if (--c->handles == 0 && c->freed)
		free(c);
}

static void
start_ticking(struct http_client *c)
{
	if (!uv_is_active((uv_handle_t *)&c->timer))
		uv_timer_start(&c->timer, on_tick, TICK_MS, TICK_MS);
}

/* ---- pools ---- */

static unsigned
bucket_of(const struct endpoint *to)
{
	const char *s = to->is_unix ? to->path : to->host;
	unsigned h = 2166136261u ^ to->port;		/* FNV-1a */

	for (; *s != '\0'; s++)
		h = (h ^ (unsigned char)*s) * 16777619u;
	return (h ^ h >> 16) % POOLS;
}

static bool
same_endpoint(const struct endpoint *a, const struct endpoint *b)
{
	if (a->is_unix || b->is_unix)
		return a->is_unix && b->is_unix && strcmp(a->path, b->path) == 0;
	return a->port == b->port && strcmp(a->host, b->host) == 0;
}

static struct pool *
pool_get(struct http_client *c, const struct endpoint *to)
{
	unsigned bucket = bucket_of(to);
	struct pool *p;

	TAILQ_FOREACH(p, &c->pools[bucket], next) {
		if (same_endpoint(&p->to, to)) {
			p->users++;
			return p;
		}
	}
	if ((p = calloc(1, sizeof(*p))) == NULL)
		return NULL;
	uri_format_host(to, &p->host);
	if (p->host.failed) {
		free(p);
		return NULL;
	}
	p->to = *to;
	p->users = 1;
	p->bucket = bucket;
	TAILQ_INIT(&p->idle);
	TAILQ_INSERT_HEAD(&c->pools[bucket], p, next);
	return p;
}

static void
pool_put(struct http_client *c, struct pool *p)
{
	if (--p->users > 0)
		return;
	TAILQ_REMOVE(&c->pools[p->bucket], p, next);
	buf_release(&p->host);
	free(p);
}

/* ---- connections ---- */

static void
on_link_closed(uv_handle_t *h)
{
	struct link *l = (struct link *)h;
	struct http_client *c = l->client;

	http_io_release(&l->io);
	http_parser_free(&l->parser);
	free(l);
	client_unref(c);
}

static void
leave_idle(struct link *l)
{
	TAILQ_REMOVE(&l->pool->idle, l, pooled);
	TAILQ_REMOVE(&l->client->idle, l, idle);
	l->pool->nidle--;
}

/* reset: so that the server sees at once that nobody waits for its answer. */
static void
link_close(struct link *l, bool reset)
{
	if (l->state == LINK_CLOSED)
		return;
	if (l->state == LINK_IDLE)
		leave_idle(l);
	if (l->call != NULL)
		l->call->link = NULL;
	l->call = NULL;
	reset = reset && l->state == LINK_BUSY && !l->io.is_unix;
	l->state = LINK_CLOSED;
	TAILQ_REMOVE(&l->client->links, l, all);
	l->client->nlinks--;
	pool_put(l->client, l->pool);
	if (!reset || uv_tcp_close_reset(&l->io.u.tcp, on_link_closed) < 0)
		uv_close(&l->io.u.handle, on_link_closed);
}

static void
link_to_pool(struct link *l)
{
	struct http_client *c = l->client;

	if (l->pool->nidle >= c->conf.idle_per_endpoint || c->freed) {
		link_close(l, false);
		return;
	}
	http_parser_next(l->parser, false);
	l->state = LINK_IDLE;
	l->idle_since = c->tick;
	l->idle_ms = uv_now(c->loop);
	l->pool->nidle++;
	TAILQ_INSERT_HEAD(&l->pool->idle, l, pooled);
	TAILQ_INSERT_TAIL(&c->idle, l, idle);
	start_ticking(c);
}

/* Has the server closed it, and the loop not told us yet? */
static bool
link_is_stale(struct link *l)
{
	uv_os_fd_t fd;
	char byte;

	if (l->idle_ms == uv_now(l->client->loop))
		return false;
	return uv_fileno(&l->io.u.handle, &fd) < 0 || recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 ||
	    (errno != EAGAIN && errno != EWOULDBLOCK);
}

static struct link *
link_from_pool(struct pool *p)
{
	struct link *l;

	while ((l = TAILQ_FIRST(&p->idle)) != NULL) {
		if (!link_is_stale(l)) {
			leave_idle(l);
			l->state = LINK_BUSY;
			return l;
		}
		link_close(l, false);
	}
	return NULL;
}

/* ---- the end of a call ---- */

static void
call_later(struct http_call *call)
{
	struct http_client *c = call->client;

	if (call->is_later)
		return;
	call->is_later = true;
	if (TAILQ_EMPTY(&c->later)) {
		uv_prepare_start(&c->prepare, on_later);
		uv_idle_start(&c->idler, on_idle);
	}
	TAILQ_INSERT_TAIL(&c->later, call, later);
}

static void
dial_free(struct dial *d)
{
	if (d->looking_up || d->connecting)
		return;					/* libuv holds it: its callback comes here again */
	if (d->list != NULL)
		uv_freeaddrinfo(d->list);
	TAILQ_REMOVE(&d->client->dials, d, all);
	client_unref(d->client);
	free(d);
}

/* Nobody waits for it any more. */
static void
dial_drop(struct dial *d)
{
	if (d->call != NULL)
		d->call->dial = NULL;
	d->call = NULL;
	if (d->link != NULL) {
		link_close(d->link, false);
		d->link = NULL;
	}
	if (d->looking_up)
		uv_cancel((uv_req_t *)&d->lookup);
	dial_free(d);
}

/* Let go of all that belongs to the call; link_close() or link_to_pool() was called before. */
static void
call_free(struct http_call *call)
{
	struct http_client *c = call->client;

	assert(call->link == NULL);
	if (call->dial != NULL)
		dial_drop(call->dial);
	if (call->is_later)
		TAILQ_REMOVE(&c->later, call, later);
	TAILQ_REMOVE(&c->calls, call, all);
	pool_put(c, call->pool);
	buf_release(&call->out);
	free(call);
}

static void
call_fail(struct http_call *call, int error)
{
	void (*on_end)(void *, int, bool) = call->spec.on_end;
	void *arg = call->spec.arg;
	bool sent = call->sent;

	if (call->link != NULL)
		link_close(call->link, false);
	call_free(call);
	on_end(arg, error, sent);
}

/* The answer is complete; `rest` bytes came after it. */
static void
call_complete(struct http_call *call, size_t rest)
{
	struct link *l = call->link;
	void (*on_end)(void *, int, bool) = call->spec.on_end;
	void *arg = call->spec.arg;
	bool reuse = http_parser_head(l->parser)->keep_alive && call->finished && rest == 0 &&
	    http_io_pending(&l->io) == 0 && l->io.error == 0 && l->reading;

	/* The head is borrowed for the life of the call: what on_end is told may come from there. */
	call->link = NULL;
	l->call = NULL;
	call_free(call);
	on_end(arg, 0, true);
	if (l->state != LINK_BUSY)
		return;					/* the client was freed meanwhile */
	if (reuse)
		link_to_pool(l);
	else
		link_close(l, false);
}

/* ---- an answer ---- */

static void
on_data(void *arg, const char *bytes, size_t len)
{
	struct link *l = arg;

	if (l->call != NULL && l->call->spec.on_data != NULL)
		l->call->spec.on_data(l->call->spec.arg, bytes, len);
}

/* A head is complete.  0, -EPROTO. */
static int
take_head(struct link *l)
{
	struct http_call *call = l->call;
	const struct http_head *head = http_parser_head(l->parser);

	if (head->status / 100 != 1) {
		if (call->spec.on_head != NULL)
			call->spec.on_head(call->spec.arg, head);
		return 0;
	}
	if (head->status == 101 || ++call->interim > INTERIM_MAX)
		return -EPROTO;
	http_parser_next(l->parser, call->to_head);
	return 0;
}

static void
link_feed(struct link *l, const char *bytes, size_t len)
{
	size_t used;
	int got;

	while (l->call != NULL && (len > 0 || http_parser_complete(l->parser))) {
		got = http_parser_run(l->parser, bytes, len, &used);
		bytes += used;
		len -= used;
		if (l->call == NULL)
			break;
		if (got == HTTP_GOT_HEAD)
			got = take_head(l);
		else if (got == HTTP_GOT_END) {
			call_complete(l->call, len);
			return;
		}
		if (got < 0 && l->call != NULL)
			call_fail(l->call, got);
	}
}

static void
on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
	struct http_client *c = ((struct link *)h)->client;

	(void)suggested;
	*buf = uv_buf_init(c->bytes, sizeof(c->bytes));
}

static void
on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct link *l = (struct link *)stream;

	if (n == 0)
		return;
	if (l->call == NULL) {				/* pooled: the server closes it, or says what nobody asked for */
		link_close(l, false);
	} else if (n > 0) {
		link_feed(l, buf->base, (size_t)n);
	} else if (n == UV_EOF && http_parser_begun(l->parser) && http_parser_eof(l->parser) == 0) {
		call_complete(l->call, 0);
	} else {
		call_fail(l->call, -ECONNRESET);
	}
}

static void
update_reading(struct link *l)
{
	bool want = l->call == NULL || !l->call->paused;

	if (l->state == LINK_CLOSED || want == l->reading)
		return;
	l->reading = want;
	if (!want)
		uv_read_stop(&l->io.u.stream);
	else if (uv_read_start(&l->io.u.stream, on_alloc, on_read) < 0 && l->call != NULL) {
		l->call->error = -ECONNRESET;
		call_later(l->call);
	}
}

/* ---- a request ---- */

/* After something was handed to the link: did it leave, is there room again? */
static void
settle(struct http_call *call)
{
	struct link *l = call->link;

	if (l == NULL)
		return;
	/*
	 * A server may answer and close without reading all of a request: its answer, or the reset, is still to be read.  But if
	 * nothing went out there is none.
	 */
	if (l->io.error != 0 && !call->sent) {
		call->error = -ECONNRESET;
		call_later(call);
	}
	if (l->io.error == 0 && l->io.waiting.len == 0)
		call->sent = true;
}

static void
on_written(struct http_io *io)
{
	struct link *l = (struct link *)io;
	struct http_call *call = l->call;

	if (call == NULL)
		return;
	settle(call);
	if (call->choked && (l->io.error != 0 || http_io_pending(&l->io) == 0)) {
		call->choked = false;
		if (call->spec.on_drain != NULL)
			call->spec.on_drain(call->spec.arg);
	}
}

/* A connection is there: the call's bytes go out. */
static void
call_on_link(struct http_call *call, struct link *l)
{
	call->link = l;
	l->call = call;
	http_parser_next(l->parser, call->to_head);
	update_reading(l);
	if (call->out.len > 0) {
		http_io_send(&l->io, call->out.data, call->out.len);
		buf_release(&call->out);
		settle(call);
	}
	if (call->choked && http_io_pending(&l->io) == 0)
		call_later(call);
}

static void
add_request_line(struct http_call *call, struct buf *b, const struct http_call_spec *spec)
{
	buf_puts(b, spec->method);
	buf_putc(b, ' ');
	buf_puts(b, spec->target);
	buf_add(b, " HTTP/1.1\r\nHost: ", 17);
	buf_add(b, call->pool->host.data, call->pool->host.len);
	buf_add(b, "\r\n", 2);
}

/* Fields that are made here. */
static bool
is_ours(const char *name)
{
	switch (name[0] | 0x20) {
	case 'h':
		return strcasecmp(name, "Host") == 0;
	case 'c':
		return strcasecmp(name, "Content-Length") == 0 || strcasecmp(name, "Connection") == 0;
	case 't':
		return strcasecmp(name, "Transfer-Encoding") == 0;
	}
	return false;
}

static void
add_head(struct http_call *call, struct buf *b, const struct http_call_spec *spec)
{
	add_request_line(call, b, spec);
	for (size_t i = 0; i < spec->nfields; i++) {
		const struct http_field *f = &spec->fields[i];

		if (is_ours(f->name) || !http_is_value(f->value))
			continue;
		buf_puts(b, f->name);
		buf_add(b, ": ", 2);
		buf_puts(b, f->value);
		buf_add(b, "\r\n", 2);
	}
	if (spec->length < 0)
		buf_puts(b, "Transfer-Encoding: chunked\r\n");
	else if (spec->length > 0)
		buf_printf(b, "Content-Length: %lld\r\n", (long long)spec->length);
	else if (spec->method[0] == 'P')		/* POST, PUT, PATCH: RFC 9110, 8.6 */
		buf_puts(b, "Content-Length: 0\r\n");
	buf_add(b, "\r\n", 2);
}

/* Bytes of the request and a text after them (NULL: none); they may wait for the end of the turn. */
static void
call_put(struct http_call *call, const void *bytes, size_t len, const char *tail, bool wait)
{
	size_t tail_len = tail != NULL ? strlen(tail) : 0;

	if (call->link == NULL) {
		buf_add(&call->out, bytes, len);
		buf_add(&call->out, tail, tail_len);
		if (call->out.failed && call->error == 0) {
			call->error = -ENOMEM;
			call_later(call);
		}
	} else if (wait) {
		http_io_put(&call->link->io, bytes, len);
		http_io_put(&call->link->io, tail, tail_len);
		call_later(call);
	} else {
		http_io_send_with(&call->link->io, bytes, len, tail);
		settle(call);
	}
}

bool
http_call_write(struct http_call *call, const void *bytes, size_t len)
{
	bool small = len < HTTP_IO_SMALL;
	char size[24];
	size_t pending;

	assert(!call->finished);
	if (call->left >= 0) {
		assert(len <= (uint64_t)call->left);
		call->left -= (int64_t)len;
	}
	if (call->error != 0 || (call->link != NULL && call->link->io.error != 0) || len == 0)
		return true;				/* on_end is on its way */
	if (call->left >= 0) {
		call_put(call, bytes, len, NULL, small && call->left > 0);
	} else {
		call_put(call, size, (size_t)snprintf(size, sizeof(size), "%zx\r\n", len), NULL, true);
		call_put(call, bytes, len, "\r\n", small);
	}
	pending = call->link != NULL ? http_io_pending(&call->link->io) : call->out.len;
	/* Who was told to stop is told to go on, though what comes after that word may leave at once. */
	if (pending >= HTTP_IO_HIGH)
		call->choked = true;
	else if (call->choked && pending == 0)
		call_later(call);
	return !call->choked;
}

void
http_call_finish(struct http_call *call)
{
	assert(!call->finished && call->left <= 0);
	if (call->left < 0)
		call_put(call, "0\r\n\r\n", 5, NULL, true);
	call->finished = true;
	if (call->link != NULL) {
		http_io_flush(&call->link->io);
		settle(call);
	}
}

void
http_call_pause(struct http_call *call)
{
	call->paused = true;
	if (call->link != NULL)
		update_reading(call->link);
}

void
http_call_resume(struct http_call *call)
{
	call->paused = false;
	if (call->link != NULL)
		update_reading(call->link);
}

void
http_call_cancel(struct http_call *call)
{
	if (call->link != NULL)
		link_close(call->link, true);
	call_free(call);
}

/* ---- connecting ---- */

/* The longest idle goes.  False: none is. */
static bool
evict(struct http_client *c)
{
	if (TAILQ_EMPTY(&c->idle))
		return false;
	link_close(TAILQ_FIRST(&c->idle), false);
	return true;
}

static struct link *
link_new(struct http_client *c, const struct endpoint *to)
{
	struct link *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	if (c->nlinks >= c->links_cap)
		evict(c);
	l->client = c;
	l->parser = http_parser_new(HTTP_ANSWERS, c->conf.header_bytes, 0, on_data, l);
	l->pool = l->parser != NULL ? pool_get(c, to) : NULL;
	if (l->pool == NULL || http_io_init(&l->io, c->loop, to->is_unix, on_written) < 0) {
		if (l->pool != NULL)
			pool_put(c, l->pool);
		http_parser_free(&l->parser);
		free(l);
		return NULL;
	}
	c->handles++;
	c->nlinks++;
	TAILQ_INSERT_TAIL(&c->links, l, all);
	return l;
}

static void
dial_fail(struct dial *d, int error)
{
	struct http_call *call = d->call;

	dial_drop(d);
	if (call != NULL) {
		call->error = error;
		call_later(call);
	}
}

static void
on_connected(uv_connect_t *req, int status)
{
	struct dial *d = req->data;
	struct link *l = d->link;
	struct http_call *call = d->call;

	d->connecting = false;
	if (call == NULL) {
		dial_free(d);
		return;
	}
	d->link = NULL;
	if (status < 0) {
		d->error = status;
		link_close(l, false);
		dial_next(d);
		return;
	}
	if (!l->io.is_unix)
		uv_tcp_nodelay(&l->io.u.tcp, 1);
	l->state = LINK_BUSY;
	dial_drop(d);
	call_on_link(call, l);
}

/* Try the next address; without any left the call fails with the last one's error. */
static void
dial_next(struct dial *d)
{
	const struct endpoint *to = &d->call->pool->to;
	int r = 0;

	for (; d->next != NULL || to->is_unix; d->next = d->next->ai_next) {
		if (to->is_unix && d->error != 0)
			break;
		if ((d->link = link_new(d->client, to)) == NULL) {
			d->error = -ENOMEM;
			break;
		}
		d->connect.data = d;
		if (to->is_unix)
			uv_pipe_connect(&d->connect, &d->link->io.u.pipe, to->path, on_connected);
		else
			do
				r = uv_tcp_connect(&d->connect, &d->link->io.u.tcp, d->next->ai_addr, on_connected);
			while ((r == -EMFILE || r == -ENFILE) && evict(d->client));
		if (r == 0) {
			d->connecting = true;
			if (d->next != NULL)
				d->next = d->next->ai_next;
			return;
		}
		d->error = r;
		link_close(d->link, false);
		d->link = NULL;
	}
	dial_fail(d, d->error != 0 ? d->error : -ENOENT);
}

static void
on_looked_up(uv_getaddrinfo_t *req, int status, struct addrinfo *list)
{
	struct dial *d = req->data;

	d->looking_up = false;
	d->list = d->next = list;
	if (d->call == NULL)
		dial_free(d);
	else if (status == UV_EAI_MEMORY || status == UV_ENOMEM)
		dial_fail(d, -ENOMEM);
	else if (status < 0)
		dial_fail(d, -ENOENT);
	else
		dial_next(d);
}

/* The host is an address: no look-up, which may have to wait for others' in libuv's threads. */
static bool
dial_numeric(struct dial *d, const struct endpoint *to)
{
	if (uv_ip4_addr(to->host, to->port, &d->addr.in) != 0 && uv_ip6_addr(to->host, to->port, &d->addr.in6) != 0)
		return false;
	d->numeric.ai_addr = &d->addr.sa;
	d->next = &d->numeric;
	return true;
}

/* Begin to connect.  0; -ENOMEM. */
static int
dial_start(struct http_call *call)
{
	struct http_client *c = call->client;
	struct dial *d = calloc(1, sizeof(*d));
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	char port[8];

	if (d == NULL)
		return -ENOMEM;
	d->client = c;
	d->call = call;
	d->since = c->tick;
	c->handles++;
	TAILQ_INSERT_TAIL(&c->dials, d, all);
	call->dial = d;
	start_ticking(c);
	if (call->pool->to.is_unix || dial_numeric(d, &call->pool->to)) {
		dial_next(d);
		return 0;
	}
	snprintf(port, sizeof(port), "%u", (unsigned)call->pool->to.port);
	d->lookup.data = d;
	if (uv_getaddrinfo(c->loop, &d->lookup, on_looked_up, call->pool->to.host, port, &hints) < 0)
		dial_fail(d, -ENOMEM);
	else
		d->looking_up = true;
	return 0;
}

struct http_call *
http_call_start(struct http_client *c, const struct http_call_spec *spec)
{
	struct http_call *call = calloc(1, sizeof(*call));
	struct link *l;

	if (call == NULL || (call->pool = pool_get(c, spec->to)) == NULL) {
		free(call);
		return NULL;
	}
	call->client = c;
	call->spec = *spec;
	call->left = spec->length;
	call->finished = spec->length == 0;
	call->to_head = strcmp(spec->method, "HEAD") == 0;
	TAILQ_INSERT_TAIL(&c->calls, call, all);
	if ((l = link_from_pool(call->pool)) != NULL) {
		call_on_link(call, l);
		add_head(call, &l->io.waiting, spec);
		if (l->io.waiting.failed) {
			http_call_cancel(call);
			return NULL;
		}
		if (call->finished) {
			http_io_flush(&l->io);
			settle(call);
		} else {
			call_later(call);
		}
		return call;
	}
	add_head(call, &call->out, spec);
	if (call->out.failed || dial_start(call) < 0) {
		call_free(call);
		return NULL;
	}
	return call;
}

/* ---- the client ---- */

/* Only keeps the loop from waiting: a prepare handle that is started by another one's callback is not called in that turn. */
static void
on_idle(uv_idle_t *h)
{
	(void)h;
}

static void
on_later(uv_prepare_t *h)
{
	struct http_client *c = h->data;
	struct http_call *call;

	while ((call = TAILQ_FIRST(&c->later)) != NULL) {
		TAILQ_REMOVE(&c->later, call, later);
		call->is_later = false;
		if (call->error == 0 && call->link != NULL) {
			http_io_flush(&call->link->io);
			settle(call);
		}
		if (call->error != 0) {
			call_fail(call, call->error);
		} else if (call->choked && call->link != NULL && http_io_pending(&call->link->io) == 0) {
			call->choked = false;
			if (call->spec.on_drain != NULL)
				call->spec.on_drain(call->spec.arg);
		}
	}
	uv_idle_stop(&c->idler);
	uv_prepare_stop(h);
}

/* Connections that are idle for a while keep no buffers. */
static void
trim_idle(struct http_client *c)
{
	struct link *l;

	TAILQ_FOREACH(l, &c->idle, idle) {
		if (c->tick - l->idle_since < TRIM_TICKS)
			break;
		http_parser_trim(l->parser);
		http_io_trim(&l->io);
	}
}

static void
on_tick(uv_timer_t *t)
{
	struct http_client *c = t->data;
	struct dial *d, *next;
	struct link *l;

	c->tick++;
	for (d = TAILQ_FIRST(&c->dials); d != NULL; d = next) {
		next = TAILQ_NEXT(d, all);
		if (d->call != NULL && passed(c, d->since, c->conf.connect_ms))
			dial_fail(d, -ETIMEDOUT);
	}
	while ((l = TAILQ_FIRST(&c->idle)) != NULL && passed(c, l->idle_since, c->conf.idle_ms))
		link_close(l, false);
	if (c->tick % TRIM_TICKS == 0)
		trim_idle(c);
	http_fetch_tick(&c->fetches, TICK_MS);
	if (TAILQ_EMPTY(&c->dials) && TAILQ_EMPTY(&c->idle) && TAILQ_EMPTY(&c->fetches))
		uv_timer_stop(t);
}

struct http_fetches *
http_client_fetches(struct http_client *c)
{
	start_ticking(c);
	return &c->fetches;
}

/* The other half is the server's: see http_server.c. */
static size_t
links_cap(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) < 0 || rl.rlim_cur == RLIM_INFINITY)
		return SIZE_MAX;
	return rl.rlim_cur > 24 ? (rl.rlim_cur - 16) / 2 : 4;
}

struct http_client *
http_client_new(uv_loop_t *loop, const struct http_client_conf *conf)
{
	struct http_client *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->loop = loop;
	c->conf = *conf;
	for (unsigned i = 0; i < POOLS; i++)
		TAILQ_INIT(&c->pools[i]);
	TAILQ_INIT(&c->links);
	TAILQ_INIT(&c->idle);
	TAILQ_INIT(&c->dials);
	TAILQ_INIT(&c->calls);
	TAILQ_INIT(&c->later);
	TAILQ_INIT(&c->fetches);
	uv_prepare_init(loop, &c->prepare);
	uv_idle_init(loop, &c->idler);
	uv_timer_init(loop, &c->timer);
	c->prepare.data = c->idler.data = c->timer.data = c;
	c->handles = 3;
	c->links_cap = links_cap();
	return c;
}

static void
on_own_handle_closed(uv_handle_t *h)
{
	client_unref(h->data);
}

void
http_client_free(struct http_client **pc)
{
	struct http_client *c = *pc;
	struct http_call *call;
	struct http_fetch *f;
	struct link *l;

	if (c == NULL)
		return;
	*pc = NULL;
	c->freed = true;
	while ((f = TAILQ_FIRST(&c->fetches)) != NULL)
		http_fetch_cancel(f);
	while ((call = TAILQ_FIRST(&c->calls)) != NULL)
		http_call_cancel(call);		/* NOLINT(clang-analyzer-unix.Malloc): it takes itself off the list */
	while ((l = TAILQ_FIRST(&c->links)) != NULL)
		link_close(l, false);
	uv_close((uv_handle_t *)&c->prepare, on_own_handle_closed);
	uv_close((uv_handle_t *)&c->idler, on_own_handle_closed);
	uv_close((uv_handle_t *)&c->timer, on_own_handle_closed);
}
