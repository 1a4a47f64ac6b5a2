/*
 * executor - a scriptable fake: one process plays many executors, well or badly, as it is told at run time.
 *
 *	executor [-n N] [-t TYPE[:COUNT],…] [-u DIR] [-c FILE] [-i FIRST]
 *
 * Each of N executors listens on a port of its own (-u: on DIR/ID.sock).  -c writes a container_config.json that names them all,
 * in one step.  On stdout: "control URL", then a line "ID URL" for each, then "ready".  Ends on SIGTERM.
 *
 * Without a script each keeps the contract: /health, /ready, /execute (counts, and says its own id), /restart, /restart-status,
 * /info; /echo… answers what it was sent (method, target, fields, and length and FNV-1a sum of the body).
 *
 * Script: POST /fake {…} at the executor itself, or POST /fake/ID (/fake/all) at the control url, which works also while the
 * executor refuses.  GET the same for its counts.  Members, each optional:
 *	"refuse":true			no listener, open connections cut; false: a new process listens, nothing executed
 *	"restart_ms":N			time from /restart until ready (default 0); "ready":false / true / "reason" by hand
 *	"health" "ready_call" "execute" "restart" "restart_status" "info" "echo": how that call behaves; null: well again
 *	    "delay_ms":N		think first; "hang":true: for ever
 *	    "status":N "body":"…" "type":"…" "fields":"Name: value\r\n"	another answer
 *	    "raw":"…"			these bytes in place of HTTP, then close
 *	    "close":true		close without a byte
 *	    "length":N			what Content-Length claims; "close_after":N: close after N bytes of the body
 *	    "reset_after_head":true	RST once the head is out
 *	    "interim":N			that many 102 first; -1: without end
 *	    "flood_bytes":N		a body of N bytes, "chunked":true: in chunks
 *	    "read_bytes":N		stop reading after N bytes of the request's body
 *	    "times":N			behave so for N calls only
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <unistd.h>
#include <uv.h>

#include "base/buf.h"
#include "base/diag.h"
#include "base/json.h"
#include "base/opt.h"
#include "base/uri.h"

enum call { C_HEALTH, C_READY, C_EXECUTE, C_RESTART, C_RESTART_STATUS, C_INFO, C_ECHO, C_CALLS };

static const char *const call_path[C_CALLS] = {
	"/health", "/ready", "/execute", "/restart", "/restart-status", "/info", "/echo"
};
static const char *const call_member[C_CALLS] = {
	"health", "ready_call", "execute", "restart", "restart_status", "info", "echo"
};

struct rule {
	bool	 hang, close, reset_after_head, chunked;
	int64_t	 delay_ms, status, length, close_after, interim, flood_bytes, read_bytes, times;	/* -1: not set */
	char	*body, *type, *fields, *raw;
};

#define RULE_INIT { .delay_ms = -1, .status = -1, .length = -1, .close_after = -1, .interim = 0, .flood_bytes = -1, \
    .read_bytes = -1, .times = -1 }

struct conn;

struct executor {
	int		 id;		/* -1: the control listener */
	char		 type[64];
	union { uv_handle_t handle; uv_stream_t stream; uv_tcp_t tcp; uv_pipe_t pipe; } *listener;
	int		 port;
	char		 path[108];
	struct conn	*conns;
	struct rule	 rule[C_CALLS];
	uint64_t	 count[C_CALLS], other, accepted, open, aborted, bytes_in, bytes_out;
	int64_t		 generation, executions, restart_ms;
	uint64_t	 ready_at;	/* uv_now() */
	bool		 not_ready;
	char		 reason[64];
};

enum at { AT_HEAD, AT_BODY, AT_CHUNK_SIZE, AT_CHUNK, AT_CHUNK_END, AT_TRAILER, AT_ANSWER, AT_DEAF };

struct conn {
	struct executor	*ex;
	struct conn	*prev, *next;
	union { uv_handle_t handle; uv_stream_t stream; uv_tcp_t tcp; uv_pipe_t pipe; } u;
	uv_timer_t	 timer;
	unsigned	 handles;	/* not closed yet */
	struct buf	 in;
	enum at		 at;
	uint64_t	 left;		/* of the body or chunk */
	uint64_t	 body_bytes;
	uint32_t	 sum;
	char		*method, *target;
	struct buf	 fields;	/* JSON array of [name, value] */
	struct buf	 body;		/* kept for /fake only */
	bool		 keep;		/* the connection may live on */
	bool		 closing;
	struct rule	 rule;		/* of this call */
	int64_t		 flood_left;
	unsigned	 writing;
};

static struct executor *all;
static size_t nall;
static struct executor control = { .id = -1 };
static uv_loop_t loop;
static char flood[65536];

static void advance(struct conn *c);

/* ---- connections ---- */

static void
conn_closed(uv_handle_t *h)
{
	struct conn *c = h->data;

	if (--c->handles > 0)
		return;
	free(c->rule.body);
	free(c->rule.type);
	free(c->rule.fields);
	free(c->rule.raw);
	free(c->method);
	free(c->target);
	buf_release(&c->in);
	buf_release(&c->fields);
	buf_release(&c->body);
	free(c);
}

static void
conn_close(struct conn *c, bool reset)
{
	if (c->closing)
		return;
	c->closing = true;
	*(c->prev ? &c->prev->next : &c->ex->conns) = c->next;
	if (c->next)
		c->next->prev = c->prev;
	c->ex->open--;
	uv_close((uv_handle_t *)&c->timer, conn_closed);
	if (reset && c->u.handle.type == UV_TCP && uv_tcp_close_reset(&c->u.tcp, conn_closed) == 0)
		return;
	uv_close(&c->u.handle, conn_closed);
}

struct write {
	uv_write_t	 req;
	struct conn	*c;
	void	       (*then)(struct conn *);
	char		 bytes[];
};

static void
written(uv_write_t *req, int status)
{
	struct write *w = (struct write *)req;
	struct conn *c = w->c;

	c->writing--;
	if (!c->closing) {
		if (status < 0)
			conn_close(c, false);
		else if (w->then)
			w->then(c);
	}
	free(w);
}

/* then (may be NULL) is called from the loop once the bytes are out. */
static void
send_then(struct conn *c, const void *bytes, size_t len, void (*then)(struct conn *))
{
	struct write *w = malloc(sizeof(*w) + len);
	uv_buf_t b;

	if (w == NULL)
		abort();
	memcpy(w->bytes, bytes, len);
	w->c = c;
	w->then = then;
	b = uv_buf_init(w->bytes, (unsigned)len);
	c->writing++;
	if (uv_write(&w->req, &c->u.stream, &b, 1, written) < 0) {
		c->writing--;
		free(w);
		conn_close(c, false);
	}
}

static void
send_bytes(struct conn *c, const void *bytes, size_t len)
{
	uv_buf_t b = uv_buf_init((char *)bytes, (unsigned)len);
	int n = c->writing ? 0 : uv_try_write(&c->u.stream, &b, 1);

	c->ex->bytes_out += len;
	n = n < 0 ? 0 : n;
	if ((size_t)n < len)
		send_then(c, (const char *)bytes + n, len - (size_t)n, NULL);
}

static void
send_and_close(struct conn *c)
{
	conn_close(c, false);
}

/* ---- answers ---- */

static const char *
reason_of(int64_t status)
{
	return status == 200 ? "OK" : "As Told";
}

/* The answer is out: on to the next request. */
static void
answered(struct conn *c)
{
	if (!c->keep) {
		send_then(c, "", 0, send_and_close);
		return;
	}
	c->at = AT_HEAD;
	advance(c);
}

static void
answer_head(struct conn *c, int64_t status, const char *type, const char *fields, int64_t length)
{
	struct buf b = BUF_INIT;

	buf_printf(&b, "HTTP/1.1 %" PRId64 " %s\r\nContent-Type: %s\r\n%s%s", status, reason_of(status), type,
	    fields ? fields : "", c->keep ? "" : "Connection: close\r\n");
	if (length < 0)
		buf_puts(&b, "Transfer-Encoding: chunked\r\n\r\n");
	else
		buf_printf(&b, "Content-Length: %" PRId64 "\r\n\r\n", length);
	send_bytes(c, buf_str(&b), b.len);
	buf_release(&b);
}

static void
answer(struct conn *c, int64_t status, const char *body, size_t len)
{
	struct buf b = BUF_INIT;

	/* Head and body in one write: a fake must not be slower than the real thing. */
	buf_printf(&b, "HTTP/1.1 %" PRId64 " %s\r\nContent-Type: application/json\r\n%sContent-Length: %zu\r\n\r\n", status,
	    reason_of(status), c->keep ? "" : "Connection: close\r\n", len);
	if (strcmp(c->method, "HEAD") != 0)
		buf_add(&b, body, len);
	send_bytes(c, buf_str(&b), b.len);
	buf_release(&b);
	answered(c);
}

static void
flood_on(struct conn *c)
{
	char size[32];
	size_t n = sizeof(flood);

	if ((int64_t)n > c->flood_left)
		n = (size_t)c->flood_left;
	if (n == 0) {
		if (c->rule.chunked)
			send_bytes(c, "0\r\n\r\n", 5);
		answered(c);
		return;
	}
	c->flood_left -= (int64_t)n;
	if (c->rule.chunked)
		send_bytes(c, size, (size_t)snprintf(size, sizeof(size), "%zx\r\n", n));
	c->ex->bytes_out += n;
	if (!c->rule.chunked) {
		send_then(c, flood, n, flood_on);
		return;
	}
	send_then(c, flood, n, NULL);
	send_then(c, "\r\n", 2, flood_on);
}

static void
interim_on(struct conn *c)
{
	send_then(c, "HTTP/1.1 102 Processing\r\n\r\n", 27, interim_on);
}

static void
reset(struct conn *c)
{
	conn_close(c, true);
}

/* A scripted answer; body is what a well-behaved executor would have said. */
static void
answer_as_told(struct conn *c, int64_t status, const char *body, size_t len)
{
	const struct rule *r = &c->rule;

	if (r->raw) {
		send_then(c, r->raw, strlen(r->raw), send_and_close);
		return;
	}
	for (int64_t i = 0; i < r->interim; i++)
		send_bytes(c, "HTTP/1.1 102 Processing\r\n\r\n", 27);
	if (r->interim < 0) {
		interim_on(c);
		return;
	}
	if (r->body) {
		body = r->body;
		len = strlen(body);
	}
	if (r->flood_bytes >= 0) {
		answer_head(c, 200, "application/octet-stream", r->fields, r->chunked ? -1 : r->flood_bytes);
		c->flood_left = r->flood_bytes;
		flood_on(c);
		return;
	}
	answer_head(c, r->status >= 0 ? r->status : status, r->type ? r->type : "application/json", r->fields,
	    r->length >= 0 ? r->length : r->chunked ? -1 : (int64_t)len);
	if (r->reset_after_head) {
		send_then(c, "", 0, reset);
		return;
	}
	if (r->close_after >= 0) {
		send_then(c, body, (size_t)r->close_after < len ? (size_t)r->close_after : len, send_and_close);
		return;
	}
	if (strcmp(c->method, "HEAD") != 0 && !r->chunked)
		send_bytes(c, body, len);
	if (r->chunked) {
		char size[32];

		send_bytes(c, size, (size_t)snprintf(size, sizeof(size), "%zx\r\n", len));
		send_bytes(c, body, len);
		send_bytes(c, "\r\n0\r\n\r\n", 7);
	}
	answered(c);
}

static bool
is_ready(const struct executor *ex)
{
	return !ex->not_ready && uv_now(&loop) >= ex->ready_at;
}

static void
put_ready(const struct executor *ex, struct buf *b)
{
	const char *reason = ex->not_ready ? ex->reason : "kernel_restarting";

	json_put_open(b, '{');
	json_put_key(b, "ready");
	json_put_bool(b, is_ready(ex));
	json_put_key(b, "reason");
	json_put_str(b, is_ready(ex) ? NULL : reason);
	json_put_close(b, '}');
}

static void
put_echo(const struct conn *c, struct buf *b)
{
	json_put_open(b, '{');
	json_put_key(b, "id");
	json_put_int(b, c->ex->id);
	json_put_key(b, "method");
	json_put_str(b, c->method);
	json_put_key(b, "target");
	json_put_str(b, c->target);
	json_put_key(b, "fields");
	json_put_raw(b, buf_str(&c->fields), c->fields.len);
	json_put_key(b, "body_bytes");
	json_put_int(b, (int64_t)c->body_bytes);
	json_put_key(b, "sum");
	json_put_int(b, c->sum);
	json_put_close(b, '}');
}

static void
put_execution(struct executor *ex, struct buf *b)
{
	char text[64];

	snprintf(text, sizeof(text), "executor %d\n", ex->id);
	ex->executions++;
	json_put_open(b, '{');
	json_put_key(b, "outputs");
	json_put_open(b, '[');
	json_put_open(b, '{');
	json_put_key(b, "type");
	json_put_str(b, "stream");
	json_put_key(b, "name");
	json_put_str(b, "stdout");
	json_put_key(b, "text");
	json_put_str(b, text);
	json_put_close(b, '}');
	json_put_close(b, ']');
	json_put_key(b, "status");
	json_put_str(b, "ok");
	json_put_key(b, "execution_count");
	json_put_int(b, ex->executions);
	json_put_key(b, "generation");
	json_put_int(b, ex->generation);
	json_put_close(b, '}');
}

static void
restart(struct executor *ex)
{
	ex->ready_at = uv_now(&loop) + (uint64_t)ex->restart_ms;
	ex->generation++;
	ex->executions = 0;
}

/* What a good executor does and says. */
static void
perform(struct conn *c, enum call call, struct buf *b)
{
	struct executor *ex = c->ex;

	switch (call) {
	case C_HEALTH:
		buf_puts(b, "{\"status\":\"ok\"}");
		break;
	case C_READY:
		put_ready(ex, b);
		break;
	case C_EXECUTE:
		put_execution(ex, b);
		break;
	case C_RESTART:
		restart(ex);
		buf_puts(b, "{\"status\":\"restarting\"}");
		break;
	case C_RESTART_STATUS:
		buf_printf(b, "{\"restarting\":%s}", uv_now(&loop) < ex->ready_at ? "true" : "false");
		break;
	case C_INFO:
		buf_printf(b, "{\"kernel\":\"fake\",\"generation\":%" PRId64 ",\"executions\":%" PRId64 "}", ex->generation,
		    ex->executions);
		break;
	default:
		put_echo(c, b);
		break;
	}
}

static int
call_of(const char *target)
{
	size_t n = uri_path_len(target);

	for (int i = 0; i < C_ECHO; i++)
		if (strlen(call_path[i]) == n && strncmp(target, call_path[i], n) == 0)
			return i;
	return strncmp(target, "/echo", 5) == 0 ? C_ECHO : -1;
}

static void
serve(struct conn *c)
{
	int call = call_of(c->target);
	struct buf b = BUF_INIT;

	if (c->rule.close) {
		conn_close(c, false);
		return;
	}
	if (call < 0) {
		c->ex->other++;
		buf_puts(&b, "{\"detail\":\"No such path\",\"error\":\"not_found\"}");
		answer(c, 404, buf_str(&b), b.len);
		buf_release(&b);
		return;
	}
	perform(c, (enum call)call, &b);
	if (c->rule.times != 0)
		answer_as_told(c, 200, buf_str(&b), b.len);
	else
		answer(c, 200, buf_str(&b), b.len);
	buf_release(&b);
}

static void
delay_over(uv_timer_t *t)
{
	serve(t->data);
}

/* ---- the script ---- */

static void
rule_release(struct rule *r)
{
	free(r->body);
	free(r->type);
	free(r->fields);
	free(r->raw);
	*r = (struct rule)RULE_INIT;
}

static char *
text_of(struct json v)
{
	struct buf b = BUF_INIT;

	if (json_text(v, &b) < 0) {
		buf_release(&b);
		return NULL;
	}
	return b.data ? b.data : strdup("");
}

static void
get_flag(struct json from, const char *key, bool *to)
{
	struct json v;

	if (json_get(from, key, &v))
		*to = v.kind == JSON_TRUE;
}

static void
get_int(struct json from, const char *key, int64_t *to)
{
	struct json v;

	if (json_get(from, key, &v))
		json_int(v, -1, INT64_MAX / 2, to);
}

static void
get_text(struct json from, const char *key, char **to)
{
	struct json v;

	if (json_get(from, key, &v)) {
		free(*to);
		*to = text_of(v);
	}
}

static void
set_rule(struct rule *r, struct json v)
{
	rule_release(r);
	if (v.kind != JSON_OBJECT) {
		r->times = 0;
		return;
	}
	get_flag(v, "hang", &r->hang);
	get_flag(v, "close", &r->close);
	get_flag(v, "reset_after_head", &r->reset_after_head);
	get_flag(v, "chunked", &r->chunked);
	get_int(v, "delay_ms", &r->delay_ms);
	get_int(v, "status", &r->status);
	get_int(v, "length", &r->length);
	get_int(v, "close_after", &r->close_after);
	get_int(v, "interim", &r->interim);
	get_int(v, "flood_bytes", &r->flood_bytes);
	get_int(v, "read_bytes", &r->read_bytes);
	get_int(v, "times", &r->times);
	get_text(v, "body", &r->body);
	get_text(v, "type", &r->type);
	get_text(v, "fields", &r->fields);
	get_text(v, "raw", &r->raw);
}

static int	listener_open(struct executor *);
static void	listener_close(struct executor *);

static void
set_script(struct executor *ex, struct json v, struct conn *spare)
{
	struct json m;
	char *reason = NULL;

	for (int i = 0; i < C_CALLS; i++)
		if (json_get(v, call_member[i], &m))
			set_rule(&ex->rule[i], m);
	get_int(v, "restart_ms", &ex->restart_ms);
	get_text(v, "reason", &reason);
	if (reason)
		snprintf(ex->reason, sizeof(ex->reason), "%s", reason);
	free(reason);
	if (json_get(v, "ready", &m))
		ex->not_ready = m.kind == JSON_FALSE;
	if (!json_get(v, "refuse", &m))
		return;
	if (m.kind == JSON_TRUE && ex->listener != NULL) {
		listener_close(ex);
		for (struct conn *c = ex->conns, *next; c != NULL; c = next) {
			next = c->next;
			if (c != spare)
				conn_close(c, true);
		}
	} else if (m.kind != JSON_TRUE && ex->listener == NULL) {
		ex->generation = 1;
		ex->executions = 0;
		ex->ready_at = uv_now(&loop) + (uint64_t)ex->restart_ms;
		if (listener_open(ex) < 0)
			diag(DIAG_ERROR, "executor %d: cannot listen again", ex->id);
	}
}

static void
put_counts(const struct executor *ex, struct buf *b)
{
	json_put_open(b, '{');
	json_put_key(b, "id");
	json_put_int(b, ex->id);
	for (int i = 0; i < C_CALLS; i++) {
		json_put_key(b, call_member[i]);
		json_put_int(b, (int64_t)ex->count[i]);
	}
	json_put_key(b, "other");
	json_put_int(b, (int64_t)ex->other);
	json_put_key(b, "connections");
	json_put_int(b, (int64_t)ex->open);
	json_put_key(b, "accepted");
	json_put_int(b, (int64_t)ex->accepted);
	json_put_key(b, "aborted");
	json_put_int(b, (int64_t)ex->aborted);
	json_put_key(b, "bytes_in");
	json_put_int(b, (int64_t)ex->bytes_in);
	json_put_key(b, "bytes_out");
	json_put_int(b, (int64_t)ex->bytes_out);
	json_put_key(b, "generation");
	json_put_int(b, ex->generation);
	json_put_key(b, "executions");
	json_put_int(b, ex->executions);
	json_put_close(b, '}');
}

/* POST or GET /fake, /fake/ID, /fake/all. */
static void
control_call(struct conn *c)
{
	const char *who = c->target + strlen("/fake");
	size_t from = 0, to = nall;
	struct json v;
	struct json_error err;
	struct buf b = BUF_INIT;
	int64_t id;

	if (*who == '/' && opt_number(who + 1, 0, (int64_t)nall - 1 + all[0].id, &id) == 0 && id >= all[0].id) {
		from = (size_t)(id - all[0].id);
		to = from + 1;
	} else if (*who == '\0' && c->ex->id >= 0) {
		from = (size_t)(c->ex - all);
		to = from + 1;
	}
	if (strcmp(c->method, "POST") == 0) {
		if (json_scan(buf_str(&c->body), c->body.len, 0, &v, &err) < 0) {
			buf_printf(&b, "column %u: %s\n", err.column, err.what);
			answer(c, 400, buf_str(&b), b.len);
			buf_release(&b);
			return;
		}
		for (size_t i = from; i < to; i++)
			set_script(&all[i], v, c);
	}
	if (to - from != 1)
		json_put_open(&b, '[');
	for (size_t i = from; i < to; i++)
		put_counts(&all[i], &b);
	if (to - from != 1)
		json_put_close(&b, ']');
	answer(c, 200, buf_str(&b), b.len);
	buf_release(&b);
}

/* ---- requests ---- */

static bool
is_control(const struct conn *c)
{
	return c->ex->id < 0 || strncmp(c->target, "/fake", 5) == 0;
}

static void
request_complete(struct conn *c)
{
	c->at = AT_ANSWER;
	if (is_control(c)) {
		control_call(c);
		return;
	}
	if (c->rule.hang)
		return;
	if (c->rule.delay_ms > 0)
		uv_timer_start(&c->timer, delay_over, (uint64_t)c->rule.delay_ms, 0);
	else
		serve(c);
}

static void
body_bytes(struct conn *c, const char *p, size_t n)
{
	c->body_bytes += n;
	c->ex->bytes_in += n;
	if (is_control(c)) {
		buf_add(&c->body, p, n);
		return;
	}
	for (size_t i = 0; i < n && call_of(c->target) == C_ECHO; i++)
		c->sum = (c->sum ^ (unsigned char)p[i]) * 16777619u;
	if (c->rule.read_bytes >= 0 && c->body_bytes >= (uint64_t)c->rule.read_bytes) {
		c->at = AT_DEAF;
		uv_read_stop(&c->u.stream);
	}
}

/* The next line of the input without its end, NUL-terminated and consumed by the caller; NULL: not all there yet. */
static char *
line_of(struct buf *in, size_t from, size_t *ret_after)
{
	char *p = in->len > from ? memchr(in->data + from, '\n', in->len - from) : NULL;

	if (p == NULL)
		return NULL;
	*ret_after = (size_t)(p - in->data) + 1;
	*p = '\0';
	if (p > in->data + from && p[-1] == '\r')
		p[-1] = '\0';
	return in->data + from;
}

static void
note_field(struct conn *c, char *line, bool *chunked)
{
	char *value = strchr(line, ':');
	int64_t n;

	if (value == NULL)
		return;
	*value++ = '\0';
	value += strspn(value, " \t");
	json_put_open(&c->fields, '[');
	json_put_str(&c->fields, line);
	json_put_str(&c->fields, value);
	json_put_close(&c->fields, ']');
	if (strcasecmp(line, "Content-Length") == 0 && opt_number(value, 0, INT64_MAX / 2, &n) == 0)
		c->left = (uint64_t)n;
	else if (strcasecmp(line, "Transfer-Encoding") == 0)
		*chunked = true;
	else if (strcasecmp(line, "Connection") == 0 && strcasecmp(value, "close") == 0)
		c->keep = false;
	else if (strcasecmp(line, "Expect") == 0)
		send_bytes(c, "HTTP/1.1 100 Continue\r\n\r\n", 25);
}

static char *
copy_of(const char *s)
{
	return s ? strdup(s) : NULL;
}

static void
request_begins(struct conn *c)
{
	int call = call_of(c->target);
	struct rule *r;

	rule_release(&c->rule);
	c->rule.times = 0;
	if (call < 0 || is_control(c))
		return;
	c->ex->count[call]++;
	r = &c->ex->rule[call];
	if (r->times == 0)
		return;
	c->rule = *r;
	c->rule.body = copy_of(r->body);
	c->rule.type = copy_of(r->type);
	c->rule.fields = copy_of(r->fields);
	c->rule.raw = copy_of(r->raw);
	if (r->times > 0)
		r->times--;
}

static bool
read_head(struct conn *c)
{
	char *end = c->in.len ? memmem(c->in.data, c->in.len, "\r\n\r\n", 4) : NULL;
	size_t at = 0, stop;
	char *line, *save = NULL, *method, *target;
	bool chunked = false;

	if (end == NULL) {
		if (c->in.len > 65536)
			conn_close(c, false);
		return false;
	}
	stop = (size_t)(end - c->in.data) + 4;
	line = line_of(&c->in, 0, &at);
	method = strtok_r(line, " ", &save);
	target = strtok_r(NULL, " ", &save);
	free(c->method);
	free(c->target);
	c->method = strdup(method ? method : "");
	c->target = strdup(target ? target : "/");
	c->keep = true;
	c->left = c->body_bytes = 0;
	c->sum = 2166136261u;
	buf_reset(&c->body);
	buf_reset(&c->fields);
	json_put_open(&c->fields, '[');
	while (at < stop - 2 && (line = line_of(&c->in, at, &at)) != NULL)
		note_field(c, line, &chunked);
	json_put_close(&c->fields, ']');
	buf_consume(&c->in, stop);
	request_begins(c);
	c->at = chunked ? AT_CHUNK_SIZE : AT_BODY;
	return true;
}

static bool
read_chunk_line(struct conn *c)
{
	size_t after;
	char *line = line_of(&c->in, 0, &after);

	if (line == NULL)
		return false;
	if (c->at == AT_CHUNK_SIZE) {
		c->left = strtoull(line, NULL, 16);
		c->at = c->left > 0 ? AT_CHUNK : AT_TRAILER;
	} else if (c->at == AT_CHUNK_END) {
		c->at = AT_CHUNK_SIZE;
	} else if (*line == '\0') {
		buf_consume(&c->in, after);
		request_complete(c);
		return !c->closing;
	}
	buf_consume(&c->in, after);
	return true;
}

static bool
read_body(struct conn *c)
{
	size_t n = c->in.len < c->left ? c->in.len : (size_t)c->left;

	if (n > 0) {
		body_bytes(c, c->in.data, n);
		buf_consume(&c->in, n);
		c->left -= n;
	}
	if (c->left > 0)
		return c->at == AT_DEAF ? false : c->in.len > 0;
	if (c->at == AT_CHUNK) {
		c->at = AT_CHUNK_END;
		return true;
	}
	if (c->at == AT_BODY)
		request_complete(c);
	return !c->closing;
}

/* As far as the input goes. */
static void
advance(struct conn *c)
{
	bool on = true;

	while (on && !c->closing)
		switch (c->at) {
		case AT_HEAD:
			on = read_head(c);
			break;
		case AT_BODY:
		case AT_CHUNK:
			on = read_body(c);
			break;
		case AT_CHUNK_SIZE:
		case AT_CHUNK_END:
		case AT_TRAILER:
			on = read_chunk_line(c);
			break;
		default:
			on = false;
		}
}

static void
on_alloc(uv_handle_t *h, size_t hint, uv_buf_t *b)
{
	static char room[65536];

	(void)h;
	(void)hint;
	*b = uv_buf_init(room, sizeof(room));
}

static void
on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
	struct conn *c = s->data;

	if (n < 0) {
		if (c->at == AT_ANSWER || c->at == AT_DEAF)
			c->ex->aborted++;
		conn_close(c, false);
		return;
	}
	buf_add(&c->in, b->base, (size_t)n);
	if (c->at != AT_ANSWER)
		advance(c);
}

static void
on_connection(uv_stream_t *listener, int status)
{
	struct executor *ex = listener->data;
	struct conn *c;

	if (status < 0 || (c = calloc(1, sizeof(*c))) == NULL)
		return;
	c->ex = ex;
	c->handles = 2;
	c->next = ex->conns;
	if (c->next)
		c->next->prev = c;
	ex->conns = c;
	ex->open++;
	ex->accepted++;
	uv_timer_init(&loop, &c->timer);
	if (ex->path[0])
		uv_pipe_init(&loop, &c->u.pipe, 0);
	else
		uv_tcp_init(&loop, &c->u.tcp);
	c->timer.data = c->u.handle.data = c;
	if (uv_accept(listener, &c->u.stream) < 0 || uv_read_start(&c->u.stream, on_alloc, on_read) < 0)
		conn_close(c, false);
	else if (!ex->path[0])
		uv_tcp_nodelay(&c->u.tcp, 1);
}

/* ---- listeners ---- */

static void
listener_closed(uv_handle_t *h)
{
	free(h);
}

static void
listener_close(struct executor *ex)
{
	if (ex->listener != NULL)
		uv_close(&ex->listener->handle, listener_closed);
	ex->listener = NULL;
}

static int
listener_open(struct executor *ex)
{
	struct sockaddr_in a;
	int len = sizeof(a), r;

	if ((ex->listener = calloc(1, sizeof(*ex->listener))) == NULL)
		return -ENOMEM;
	if (ex->path[0]) {
		unlink(ex->path);
		uv_pipe_init(&loop, &ex->listener->pipe, 0);
		r = uv_pipe_bind(&ex->listener->pipe, ex->path);
	} else {
		uv_tcp_init(&loop, &ex->listener->tcp);
		uv_ip4_addr("127.0.0.1", ex->port, &a);
		r = uv_tcp_bind(&ex->listener->tcp, (struct sockaddr *)&a, 0);
	}
	ex->listener->handle.data = ex;
	if (r == 0)
		r = uv_listen(&ex->listener->stream, 1024, on_connection);
	if (r == 0 && !ex->path[0] && uv_tcp_getsockname(&ex->listener->tcp, (struct sockaddr *)&a, &len) == 0)
		ex->port = ntohs(a.sin_port);
	return r;
}

/* ---- start and end ---- */

/* "python:2,kaggle": types in turn for the executors. */
static void
name_types(const char *spec, int64_t *ret_total)
{
	char *copy = strdup(spec), *save = NULL;
	size_t n = 0;

	for (char *item = strtok_r(copy, ",", &save); item; item = strtok_r(NULL, ",", &save)) {
		char *colon = strchr(item, ':');
		int64_t count = 1;

		if (colon)
			*colon = '\0';
		if (colon && opt_number(colon + 1, 1, 10000, &count) < 0)
			diag_die(EX_USAGE, "--types %s: bad count", spec);
		for (; count > 0; count--, n++)
			if (all != NULL && n < nall)
				snprintf(all[n].type, sizeof(all[n].type), "%s", item);
	}
	*ret_total = (int64_t)n;
	free(copy);
}

static void
put_url(const struct executor *ex, struct buf *b)
{
	if (ex->path[0])
		buf_printf(b, "unix:%s", ex->path);
	else
		buf_printf(b, "http://127.0.0.1:%d", ex->port);
}

static void
write_config(const char *path)
{
	struct buf b = BUF_INIT, url = BUF_INIT, tmp = BUF_INIT;
	char id[16];
	FILE *f;

	json_put_open(&b, '{');
	for (size_t i = 0; i < nall; i++) {
		snprintf(id, sizeof(id), "%d", all[i].id);
		buf_reset(&url);
		put_url(&all[i], &url);
		json_put_key(&b, id);
		json_put_open(&b, '{');
		json_put_key(&b, "url");
		json_put_str(&b, buf_str(&url));
		json_put_key(&b, "type");
		json_put_str(&b, all[i].type);
		json_put_close(&b, '}');
	}
	json_put_close(&b, '}');
	buf_putc(&b, '\n');
	buf_printf(&tmp, "%s.new", path);
	f = fopen(buf_str(&tmp), "w");
	if (f == NULL || fwrite(b.data, 1, b.len, f) != b.len || fclose(f) != 0 || rename(buf_str(&tmp), path) < 0)
		diag_die(EX_CANTCREAT, "%s: %s", path, strerror(errno));
	buf_release(&b);
	buf_release(&url);
	buf_release(&tmp);
}

static void
on_signal(uv_signal_t *s, int signum)
{
	(void)signum;
	uv_stop(s->loop);
}

static void
start_all(int64_t first, const char *dir)
{
	struct buf b = BUF_INIT;
	int r;

	for (size_t i = 0; i < nall; i++) {
		struct executor *ex = &all[i];

		ex->id = (int)(first + (int64_t)i);
		ex->generation = 1;
		snprintf(ex->reason, sizeof(ex->reason), "kernel_not_started");
		for (int k = 0; k < C_CALLS; k++) {
			ex->rule[k] = (struct rule)RULE_INIT;
			ex->rule[k].times = 0;
		}
		if (dir)
			snprintf(ex->path, sizeof(ex->path), "%s/%d.sock", dir, ex->id);
		if ((r = listener_open(ex)) < 0)
			diag_die(EX_OSERR, "executor %d: %s", ex->id, uv_strerror(r));
	}
	if ((r = listener_open(&control)) < 0)
		diag_die(EX_OSERR, "control: %s", uv_strerror(r));
	printf("control http://127.0.0.1:%d\n", control.port);
	for (size_t i = 0; i < nall; i++) {
		buf_reset(&b);
		put_url(&all[i], &b);
		printf("%d %s\n", all[i].id, buf_str(&b));
	}
	buf_release(&b);
}

static void
stop_all(void)
{
	for (size_t i = 0; i <= nall; i++) {
		struct executor *ex = i < nall ? &all[i] : &control;

		listener_close(ex);
		while (ex->conns != NULL)
			conn_close(ex->conns, false);
		for (int k = 0; k < C_CALLS; k++)
			rule_release(&ex->rule[k]);
		if (ex->path[0])
			unlink(ex->path);
	}
}

int
main(int argc, char **argv)
{
	int64_t n = 0, first = 0, typed;
	const char *types = "python", *dir = NULL, *config = NULL;
	const struct opt table[] = {
		{ 'n', "executors", "N", "how many (default: as --types says)", OPT_INT, &n, 1, 10000, NULL },
		{ 'i', "first", "ID", "id of the first", OPT_INT, &first, 0, 1000000, NULL },
		{ 't', "types", "TYPES", "python:2,kaggle; the last goes on", OPT_STRING, &types, 0, 0, NULL },
		{ 'u', "unix", "DIR", "sockets in DIR in place of ports", OPT_STRING, &dir, 0, 0, NULL },
		{ 'c', "config", "FILE", "write a container_config.json", OPT_STRING, &config, 0, 0, NULL },
		{ 0 }
	};
	const struct opt_usage usage = { "executor", "scriptable fake executors", "[-n N] [-t TYPES] [-u DIR] [-c FILE] [-i FIRST]",
	    table, false };
	uv_signal_t term, intr;

	diag_init("fake-executor", DIAG_WARN);
	opt_parse(&usage, argc, argv);
	signal(SIGPIPE, SIG_IGN);
	name_types(types, &typed);
	nall = (size_t)(n ? n : typed);
	if (nall == 0)
		opt_refuse(&usage, "--types %s: names none", types);
	if ((all = calloc(nall, sizeof(*all))) == NULL)
		diag_die(EX_OSERR, "no memory");
	name_types(types, &typed);
	for (size_t i = 1; i < nall; i++)
		if (all[i].type[0] == '\0')
			memcpy(all[i].type, all[i - 1].type, sizeof(all[i].type));
	memset(flood, 'x', sizeof(flood));
	uv_loop_init(&loop);
	start_all(first, dir);
	if (config)
		write_config(config);
	puts("ready");
	fflush(stdout);
	uv_signal_init(&loop, &term);
	uv_signal_init(&loop, &intr);
	uv_signal_start(&term, on_signal, SIGTERM);
	uv_signal_start(&intr, on_signal, SIGINT);
	uv_run(&loop, UV_RUN_DEFAULT);
	stop_all();
	uv_close((uv_handle_t *)&term, NULL);
	uv_close((uv_handle_t *)&intr, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
	free(all);
	return 0;
}
