/* http_req - a request in its handler's hands, and its answer; see http_server.h and http_conn.h. */
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"
#include "http/http_conn.h"

#define UNREAD_MAX	65536	/* a body the handler did not read: thrown away up to this, else the connection is closed */

/* ---- heads ---- */

static void
put(struct conn *c, const char *text)
{
	http_io_put(&c->io, text, strlen(text));
}

static void
put_field(struct conn *c, const char *name, const char *value)
{
	put(c, name);
	http_io_put(&c->io, ": ", 2);
	put(c, value);
	http_io_put(&c->io, "\r\n", 2);
}

/* Digits of n before `end`; returns the first. */
static char *
digits(uint64_t n, unsigned base, char *end)
{
	*end = '\0';
	do
		*--end = "0123456789abcdef"[n % base];
	while ((n /= base) > 0);
	return end;
}

static void
put_number_field(struct conn *c, const char *name, uint64_t n)
{
	char text[24];

	put_field(c, name, digits(n, 10, text + sizeof(text) - 1));
}

static void
put_status(struct conn *c, int status)
{
	char text[24];

	http_io_put(&c->io, "HTTP/1.1 ", 9);
	put(c, digits((uint64_t)status, 10, text + sizeof(text) - 1));
	http_io_put(&c->io, " ", 1);
	put(c, http_reason(status));
	http_io_put(&c->io, "\r\n", 2);
}

static void
put_date(struct conn *c)
{
	struct http_server *s = c->server;
	int64_t now_s = clock_wall_ms() / 1000;

	if (now_s != s->date_s) {
		time_t t = (time_t)now_s;
		struct tm tm;

		s->date_s = now_s;
		gmtime_r(&t, &tm);
		strftime(s->date, sizeof(s->date), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &tm);
	}
	put(c, s->date);
}

/* Fields that are made here from what the answer is. */
static bool
is_ours(const char *name)
{
	switch (name[0] | 0x20) {
	case 'c':
		return strcasecmp(name, "Content-Length") == 0 || strcasecmp(name, "Connection") == 0;
	case 't':
		return strcasecmp(name, "Transfer-Encoding") == 0;
	}
	return false;
}

bool
conn_unread_is_small(const struct conn *c)
{
	const struct http_head *head = http_parser_head(c->parser);

	return head->body == HTTP_BODY_LENGTH && head->length <= UNREAD_MAX &&
	    (!head->expect_continue || c->req.continued);
}

/* Status, fields, framing; length as in http_req_begin().  Leaves it waiting in io. */
static void
put_head(struct conn *c, int status, const char *type, const struct http_field *fields, size_t nfields, int64_t length)
{
	struct http_req *req = &c->req;
	const struct http_head *head = http_parser_head(c->parser);
	bool has_date = false, none = status / 100 == 1 || status == 204;
	bool is_head = head->method != NULL && strcmp(head->method, "HEAD") == 0;

	req->begun = true;
	req->no_body = none || status == 304 || is_head;
	req->left = req->no_body ? 0 : length;
	req->chunked = length < 0 && !req->no_body && head->minor > 0;
	if (c->server->draining || (length < 0 && !req->no_body && head->minor == 0) ||
	    (!http_parser_complete(c->parser) && (!req->reading || req->all_error != 0) && !conn_unread_is_small(c)))
		req->close = true;
	put_status(c, status);
	for (size_t i = 0; i < nfields; i++) {
		if (is_ours(fields[i].name) || !http_is_value(fields[i].value))
			continue;
		if (strcasecmp(fields[i].name, "Date") == 0)
			has_date = true;
		put_field(c, fields[i].name, fields[i].value);
	}
	if (!has_date)
		put_date(c);
	if (type != NULL)
		put_field(c, "Content-Type", type);
	if (length >= 0 && !none)
		put_number_field(c, "Content-Length", (uint64_t)length);
	else if (req->chunked)
		put(c, "Transfer-Encoding: chunked\r\n");
	if (req->close)
		put(c, "Connection: close\r\n");
	else if (head->minor == 0)
		put(c, "Connection: keep-alive\r\n");
	http_io_put(&c->io, "\r\n", 2);
}

/* ---- whole answers ---- */

int
http_req_reply(struct http_req *req, int status, const char *type, const void *body, size_t len,
    const struct http_field *extra, size_t nextra)
{
	struct conn *c = conn_of(req);
	int r;

	assert(c->state == CONN_REQUEST && !req->begun);
	put_head(c, status, type, extra, nextra, (int64_t)len);
	if (req->no_body)
		len = 0;
	http_io_send(&c->io, body, len);
	r = c->io.error;
	conn_answered(c);
	return r;
}

int
http_req_reply_json(struct http_req *req, int status, struct buf *body)
{
	struct conn *c = conn_of(req);
	int r;

	assert(c->state == CONN_REQUEST && !req->begun);
	if (body->failed) {
		buf_release(body);
		http_req_fail(req, FAULT_UNAVAILABLE, "Out of memory");
		return -ENOMEM;
	}
	put_head(c, status, "application/json", NULL, 0, (int64_t)body->len);
	if (req->no_body)
		buf_release(body);
	http_io_send_own(&c->io, body);
	r = c->io.error;
	conn_answered(c);
	return r;
}

void
http_req_fail_with(struct http_req *req, int status, const char *word, const char *detail,
    const struct http_field *extra, size_t nextra)
{
	static const char no_memory[] = "{\"detail\":\"Out of memory\",\"error\":\"unavailable\"}";
	struct buf b = BUF_INIT;

	fault_format(&b, word, detail);
	if (b.failed)
		http_req_reply(req, 503, "application/json", no_memory, sizeof(no_memory) - 1, NULL, 0);
	else
		http_req_reply(req, status, "application/json", b.data, b.len, extra, nextra);
	buf_release(&b);
}

void
http_req_fail(struct http_req *req, enum fault fault, const char *fmt, ...)
{
	struct buf detail = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&detail, fmt, ap);
	va_end(ap);
	if (detail.len > 0)
		detail.data[0] = (char)toupper((unsigned char)detail.data[0]);
	http_req_fail_with(req, fault_status(fault), fault_word(fault), buf_str(&detail), NULL, 0);
	buf_release(&detail);
}

/* An answer of the server's own, where there is no request or no handler; the connection goes with it. */
void
conn_refuse(struct conn *c, int status, const char *word, const char *detail, const char *allow)
{
	struct http_field field = { "Allow", allow };

	if (c->state == CONN_CLOSED)
		return;
	if (c->state != CONN_REQUEST) {			/* conn_answered() expects one */
		if (c->state == CONN_IDLE)
			TAILQ_REMOVE(&c->server->idle, c, idle);
		c->req = (struct http_req){ 0 };
		c->state = CONN_REQUEST;
	}
	c->server->nrequests++;
	c->req.close = true;
	c->req.reading = false;
	http_req_fail_with(&c->req, status, word, detail, allow != NULL ? &field : NULL, allow != NULL ? 1 : 0);
}

/* ---- streamed answers ---- */

void
http_req_begin(struct http_req *req, int status, const struct http_field *fields, size_t nfields, int64_t length)
{
	struct conn *c = conn_of(req);

	assert(c->state == CONN_REQUEST && !req->begun);
	put_head(c, status, NULL, fields, nfields, length);
	conn_later(c);					/* leaves with the first bytes, or before the loop waits */
}

static void
put_chunk(struct conn *c, const void *bytes, size_t len)
{
	char text[24], *p = digits(len, 16, text + sizeof(text) - 3);

	memcpy(text + sizeof(text) - 3, "\r\n", 2);
	http_io_put(&c->io, p, (size_t)(text + sizeof(text) - 1 - p));
	if (len < HTTP_IO_SMALL) {
		http_io_put(&c->io, bytes, len);
		http_io_put(&c->io, "\r\n", 2);
		conn_later(c);
	} else {
		http_io_send_with(&c->io, bytes, len, "\r\n");
	}
}

bool
http_req_write(struct http_req *req, const void *bytes, size_t len)
{
	struct conn *c = conn_of(req);

	assert(c->state == CONN_REQUEST && req->begun);
	if (req->no_body || len == 0)
		return true;
	if (req->left >= 0) {
		assert(len <= (uint64_t)req->left);
		req->left -= (int64_t)len;
	}
	if (req->chunked) {
		put_chunk(c, bytes, len);
	} else if (len < HTTP_IO_SMALL && req->left != 0) {
		http_io_put(&c->io, bytes, len);
		conn_later(c);
	} else {
		http_io_send(&c->io, bytes, len);
	}
	if (c->io.error != 0) {				/* no more is wanted: on_gone follows */
		conn_later(c);
		return false;
	}
	/* Who was told to stop is told to go on, though what comes after that word may leave at once. */
	if (http_io_pending(&c->io) >= HTTP_IO_HIGH)
		req->choked = true;
	else if (req->choked && http_io_pending(&c->io) == 0)
		conn_later(c);
	return !req->choked;
}

void
http_req_end(struct http_req *req)
{
	struct conn *c = conn_of(req);

	assert(c->state == CONN_REQUEST && req->begun);
	if (req->left > 0) {				/* less than it promised */
		http_req_abort(req);
		return;
	}
	if (req->chunked)
		http_io_put(&c->io, "0\r\n\r\n", 5);
	else if (!req->no_body && req->left < 0)
		req->close = true;			/* HTTP/1.0: the end of the connection is the end of the body */
	http_io_flush(&c->io);
	conn_answered(c);
}

void
http_req_abort(struct http_req *req)
{
	struct conn *c = conn_of(req);

	assert(c->state == CONN_REQUEST);
	c->server->nrequests--;
	http_io_flush(&c->io);				/* what there is of it */
	/* A body that ends with the connection must not look complete. */
	conn_close(c, req->begun && !req->chunked && req->left < 0);
}

bool
http_req_is_present(const struct http_req *req)
{
	const struct conn *c = conn_of(req);
	short events = conn_events(c);

	if (c->io.error != 0 || (events & (POLLERR | POLLHUP)))
		return false;
	return (events & POLLRDHUP) == 0 || c->io.is_unix || req->vouched;
}

bool
http_req_begun(const struct http_req *req)
{
	return req->begun;
}

void
http_req_on_drain(struct http_req *req, void (*on_drain)(struct http_req *req))
{
	req->on_drain = on_drain;
}

/* ---- the request ---- */

const struct http_head *
http_req_head(const struct http_req *req)
{
	return http_parser_head(conn_of(req)->parser);
}

void
http_req_set_data(struct http_req *req, void *data)
{
	req->data = data;
}

void *
http_req_data(const struct http_req *req)
{
	return req->data;
}

const struct sockaddr *
http_req_peer(const struct http_req *req)
{
	return &conn_of(req)->peer.sa;
}

bool
http_req_half_closed(const struct http_req *req)
{
	return conn_of(req)->eof || conn_of(req)->fin;
}

void
http_req_on_gone(struct http_req *req, void (*on_gone)(struct http_req *req))
{
	req->on_gone = on_gone;
}

/* The handler begins to read. */
static void
start_reading(struct conn *c)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct http_req *req = &c->req;
	const struct http_head *head = http_parser_head(c->parser);

	assert(c->state == CONN_REQUEST && !req->reading);
	req->reading = true;
	if (head->expect_continue && !req->continued && !req->begun && !http_parser_complete(c->parser)) {
		req->continued = true;
		http_io_send(&c->io, text, sizeof(text) - 1);
	}
	c->since = c->server->tick;
	if (!c->busy)
		conn_later(c);
}

void
http_req_read_all(struct http_req *req, size_t max,
    void (*cb)(struct http_req *req, int err, const char *body, size_t len))
{
	struct conn *c = conn_of(req);
	const struct http_head *head = http_parser_head(c->parser);

	req->max = max;
	req->on_all = cb;
	if (head->length > max) {			/* not worth a "100 Continue" */
		req->all_error = -EFBIG;
		req->reading = true;
		if (!c->busy)
			conn_later(c);
		return;
	}
	start_reading(c);
}

void
http_req_read(struct http_req *req, void (*on_data)(struct http_req *req, const char *bytes, size_t len),
    void (*on_end)(struct http_req *req))
{
	req->on_data = on_data;
	req->on_end = on_end;
	start_reading(conn_of(req));
}

void
http_req_pause(struct http_req *req)
{
	req->paused = true;
	if (!conn_of(req)->busy)
		conn_later(conn_of(req));
}

void
http_req_resume(struct http_req *req)
{
	req->paused = false;
	if (!conn_of(req)->busy)
		conn_later(conn_of(req));
}
