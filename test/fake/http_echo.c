/*
 * http_echo - a server on http_server and http_client, to test them.
 *
 *   /hello            "hello\n"
 *   /head             the request's method, target and fields as text
 *   /echo             the body, streamed back (chunked where its length was not declared)
 *   /first            how many bytes the first piece of the body has, with no look at the rest; writes "late" on stdout where
 *                     more of the request is delivered after that
 *   /sink             the body thrown away; how many bytes it had
 *   /all?max=N        the body read whole, at most N bytes (413 beyond)
 *   /flood?bytes=N    N bytes, as fast as the client takes them
 *   /slow?ms=N        "slow\n" after N ms; writes "gone" on stdout where the client left before
 *   /never            no answer; writes "gone" on stdout when the client leaves
 *   /refuse           403 without reading the body
 *   /fetch/PATH       what http_fetch() of PATH at the -u server says
 *   /proxy/PATH       PATH at the -u server, streamed both ways
 *   /stats            requests and connections under way
 *
 * SIGUSR1 drains the server.  SIGUSR2 makes every --fail-every'th allocation fail, and again not.
 */
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "base/diag.h"
#include "base/opt.h"
#include "http/http_client.h"
#include "http/http_server.h"

static struct http_server *server;
static struct http_client *client;
static struct endpoint upstream;
static uv_loop_t loop;
static uv_signal_t on_term, on_int, on_usr1, on_usr2;

static const char *bind_addr = "127.0.0.1", *upstream_url;
static int64_t port, connections = 1000, header_ms = 10000, idle_ms = 75000, write_ms = 75000, connect_ms = 5000, fail_every = 7;

static const struct opt table[] = {
	{ 'b', "bind", "ADDR", "listen here, or on unix:/path", OPT_STRING, &bind_addr, 0, 0, NULL },
	{ 'p', "port", "PORT", "TCP port, 0: a free one", OPT_INT, &port, 0, 65535, NULL },
	{ 'u', "upstream", "URL", "server behind /proxy and /fetch", OPT_STRING, &upstream_url, 0, 0, NULL },
	{ 'c', "connections", "N", "cap on connections", OPT_INT, &connections, 1, 100000, NULL },
	{ 0, "header-ms", "MS", "deadline of a head", OPT_INT, &header_ms, 10, 100000, NULL },
	{ 0, "idle-ms", "MS", "deadline between requests", OPT_INT, &idle_ms, 10, 100000, NULL },
	{ 0, "write-ms", "MS", "deadline of a write", OPT_INT, &write_ms, 10, 100000, NULL },
	{ 0, "connect-ms", "MS", "deadline of a connection", OPT_INT, &connect_ms, 10, 100000, NULL },
	{ 0, "fail-every", "N", "after SIGUSR2, the N-th allocation fails", OPT_INT, &fail_every, 1, 1000000, NULL },
	{ 0, NULL, NULL, NULL, OPT_FLAG, NULL, 0, 0, NULL },
};

static const struct opt_usage usage = { "http_echo", "a test server", "[-b ADDR] [-p PORT] [-u URL]", table, false };

/* ---- memory that is sometimes not there: our own only, libuv has another ---- */

static bool failing;

#ifndef __SANITIZE_ADDRESS__
void	*__libc_malloc(size_t);
void	*__libc_calloc(size_t, size_t);
void	*__libc_realloc(void *, size_t);
void	 __libc_free(void *);

static bool
fails(void)
{
	static int64_t n;

	return failing && ++n % fail_every == 0;
}

void *
malloc(size_t size)
{
	return fails() ? NULL : __libc_malloc(size);
}

void *
calloc(size_t n, size_t size)
{
	return fails() ? NULL : __libc_calloc(n, size);
}

void *
realloc(void *p, size_t size)
{
	return fails() ? NULL : __libc_realloc(p, size);
}

static void
keep_libuv_out(void)
{
	uv_replace_allocator(__libc_malloc, __libc_realloc, __libc_calloc, __libc_free);
}
#else
static void
keep_libuv_out(void)
{
}
#endif

/* For a request's own memory; the request fails without it. */
static void *
memory_for(struct http_req *req, size_t size)
{
	void *p = calloc(1, size);

	if (p == NULL)
		http_req_fail(req, FAULT_UNAVAILABLE, "out of memory");
	else
		http_req_set_data(req, p);
	return p;
}

static int64_t
query_number(const struct http_req *req, const char *key, int64_t otherwise)
{
	struct buf b = BUF_INIT;
	int64_t n = otherwise;

	if (uri_query(http_req_head(req)->target, key, &b) == 1 && opt_number(buf_str(&b), 0, INT64_MAX / 2, &n) < 0)
		n = otherwise;
	buf_release(&b);
	return n;
}

static void
say_gone(const struct http_req *req)
{
	printf("gone %s\n", http_req_head(req)->target);
	fflush(stdout);
}

/* ---- /head ---- */

static void
answer_head(struct http_req *req)
{
	const struct http_head *h = http_req_head(req);
	struct buf b = BUF_INIT;

	buf_printf(&b, "%s %s %d\n", h->method, h->target, h->minor);
	for (size_t i = 0; i < h->nfields; i++)
		buf_printf(&b, "%s=%s\n", h->fields[i].name, h->fields[i].value);
	http_req_reply(req, 200, "text/plain", b.data, b.len, NULL, 0);
	buf_release(&b);
}

/* ---- /echo ---- */

static void
echo_drain(struct http_req *req)
{
	http_req_resume(req);
}

static void
echo_data(struct http_req *req, const char *bytes, size_t len)
{
	if (!http_req_write(req, bytes, len))
		http_req_pause(req);
}

static void
echo_end(struct http_req *req)
{
	http_req_end(req);
}

static void
answer_echo(struct http_req *req)
{
	const struct http_head *h = http_req_head(req);

	http_req_on_drain(req, echo_drain);
	http_req_read(req, echo_data, echo_end);	/* before the answer begins: "100 Continue" comes first */
	http_req_begin(req, 200, NULL, 0, h->body == HTTP_BODY_CHUNKED ? -1 : (int64_t)h->length);
}

/* ---- /first, /sink, /all ---- */

static bool first_answered;

static void
first_data(struct http_req *req, const char *bytes, size_t len)
{
	char text[32];

	(void)bytes;
	first_answered = true;
	http_req_reply(req, 200, "text/plain", text, (size_t)snprintf(text, sizeof(text), "%zu\n", len), NULL, 0);
}

static void
first_end(struct http_req *req)
{
	if (first_answered)
		puts("late"), fflush(stdout);
	else
		http_req_reply(req, 200, "text/plain", "0\n", 2, NULL, 0);
}

static void
answer_first(struct http_req *req)
{
	first_answered = false;
	http_req_read(req, first_data, first_end);
}

static void
sink_data(struct http_req *req, const char *bytes, size_t len)
{
	uint64_t *n = http_req_data(req);

	(void)bytes;
	*n += len;
}

static void
sink_gone(struct http_req *req)
{
	free(http_req_data(req));
	say_gone(req);
}

static void
sink_end(struct http_req *req)
{
	uint64_t *n = http_req_data(req);
	char text[32];
	int len = snprintf(text, sizeof(text), "%llu\n", (unsigned long long)*n);

	free(n);
	http_req_reply(req, 200, "text/plain", text, (size_t)len, NULL, 0);
}

static void
answer_sink(struct http_req *req)
{
	uint64_t *n = memory_for(req, sizeof(*n));

	if (n == NULL)
		return;
	http_req_on_gone(req, sink_gone);
	http_req_read(req, sink_data, sink_end);
}

static void
all_done(struct http_req *req, int err, const char *body, size_t len)
{
	if (err == -EFBIG)
		http_req_fail(req, FAULT_TOO_LARGE, "the body is too large");
	else if (err < 0)
		http_req_fail(req, FAULT_UNAVAILABLE, "out of memory");
	else
		http_req_reply(req, 200, "text/plain", body, len, NULL, 0);
}

/* ---- /flood ---- */

struct flood { int64_t left; };

static void
flood_on(struct http_req *req)
{
	static char block[32768];
	struct flood *f = http_req_data(req);

	while (f->left > 0) {
		size_t n = f->left < (int64_t)sizeof(block) ? (size_t)f->left : sizeof(block);

		f->left -= (int64_t)n;
		if (!http_req_write(req, block, n))
			return;
	}
	free(f);
	http_req_end(req);
}

static void
flood_gone(struct http_req *req)
{
	free(http_req_data(req));
	say_gone(req);
}

static void
answer_flood(struct http_req *req)
{
	struct flood *f = memory_for(req, sizeof(*f));

	if (f == NULL)
		return;
	f->left = query_number(req, "bytes", 1);
	http_req_on_gone(req, flood_gone);
	http_req_on_drain(req, flood_on);
	http_req_begin(req, 200, NULL, 0, query_number(req, "chunked", 0) ? -1 : f->left);
	flood_on(req);
}

/* ---- /slow, /never ---- */

static void
free_timer(uv_handle_t *h)
{
	free(h);
}

static void
slow_over(uv_timer_t *t)
{
	http_req_reply(t->data, 200, "text/plain", "slow\n", 5, NULL, 0);
	uv_close((uv_handle_t *)t, free_timer);
}

static void
slow_gone(struct http_req *req)
{
	uv_close(http_req_data(req), free_timer);
	say_gone(req);
}

static void
answer_slow(struct http_req *req)
{
	uv_timer_t *t = memory_for(req, sizeof(*t));

	if (t == NULL)
		return;
	uv_timer_init(&loop, t);
	t->data = req;
	http_req_on_gone(req, slow_gone);
	uv_timer_start(t, slow_over, (uint64_t)query_number(req, "ms", 1000), 0);
}

static void
never_gone(struct http_req *req)
{
	say_gone(req);
}

/* ---- /proxy ---- */

struct proxied {
	struct http_req		*req;		/* NULL: answered */
	struct http_call	*call;		/* NULL: over */
	bool			 all_sent;
};

static void
proxy_on_head(void *arg, const struct http_head *head)
{
	struct proxied *p = arg;
	struct http_field fields[256];
	size_t n = 0;

	for (size_t i = 0; i < head->nfields && n < 256; i++)
		if (!http_head_is_hop(head, head->fields[i].name))
			fields[n++] = head->fields[i];
	http_req_begin(p->req, head->status, fields, n, http_head_length(head));
}

static void
proxy_on_data(void *arg, const char *bytes, size_t len)
{
	struct proxied *p = arg;

	if (!http_req_write(p->req, bytes, len))
		http_call_pause(p->call);
}

static void
proxy_on_drain(void *arg)
{
	http_req_resume(((struct proxied *)arg)->req);
}

static void
proxy_on_end(void *arg, int err, bool sent)
{
	struct proxied *p = arg;
	struct http_req *req = p->req;

	free(p);
	if (err == 0)
		http_req_end(req);
	else if (http_req_begun(req))
		http_req_abort(req);
	else
		http_req_fail(req, sent ? FAULT_OUTCOME_UNKNOWN : FAULT_BAD_GATEWAY, "upstream: %s", strerror(-err));
}

static void
proxy_req_drain(struct http_req *req)
{
	http_call_resume(((struct proxied *)http_req_data(req))->call);
}

static void
proxy_req_data(struct http_req *req, const char *bytes, size_t len)
{
	if (!http_call_write(((struct proxied *)http_req_data(req))->call, bytes, len))
		http_req_pause(req);
}

static void
proxy_req_end(struct http_req *req)
{
	struct proxied *p = http_req_data(req);

	if (http_req_head(req)->body != HTTP_BODY_NONE)
		http_call_finish(p->call);
}

static void
proxy_req_gone(struct http_req *req)
{
	struct proxied *p = http_req_data(req);

	http_call_cancel(p->call);
	free(p);
	say_gone(req);
}

static void
answer_proxy(struct http_req *req, const char *target)
{
	const struct http_head *h = http_req_head(req);
	struct proxied *p = memory_for(req, sizeof(*p));
	struct http_field fields[256];
	struct http_call_spec spec = {
		.to = &upstream, .method = h->method, .target = target, .fields = fields, .arg = p,
		.length = h->body == HTTP_BODY_CHUNKED ? -1 : (int64_t)h->length,
		.on_head = proxy_on_head, .on_data = proxy_on_data, .on_drain = proxy_on_drain, .on_end = proxy_on_end,
	};

	if (p == NULL)
		return;
	for (size_t i = 0; i < h->nfields; i++)
		if (!http_head_is_hop(h, h->fields[i].name))
			fields[spec.nfields++] = h->fields[i];
	p->req = req;
	if ((p->call = http_call_start(client, &spec)) == NULL) {
		free(p);
		http_req_fail(req, FAULT_UNAVAILABLE, "out of memory");
		return;
	}
	http_req_on_gone(req, proxy_req_gone);
	http_req_on_drain(req, proxy_req_drain);
	http_req_read(req, proxy_req_data, proxy_req_end);
}

/* ---- /fetch ---- */

static void
fetch_done(void *arg, int err, const struct http_head *head, const char *body, size_t len)
{
	struct http_req *req = arg;
	struct buf b = BUF_INIT;

	if (err != 0)
		buf_printf(&b, "error %s\n", strerror(-err));
	else
		buf_printf(&b, "%d %zu %.*s", head->status, len, (int)len, body);
	http_req_reply(req, 200, "text/plain", b.data, b.len, NULL, 0);
	buf_release(&b);
}

static void
fetch_gone(struct http_req *req)
{
	http_fetch_cancel(http_req_data(req));
	say_gone(req);
}

static void
answer_fetch(struct http_req *req, const char *target)
{
	struct http_fetch *f = http_fetch(client, &upstream, "GET", target, NULL, 0, 65536,
	    query_number(req, "timeout", 2000), fetch_done, req);

	if (f == NULL) {
		http_req_fail(req, FAULT_UNAVAILABLE, "out of memory");
		return;
	}
	http_req_set_data(req, f);
	http_req_on_gone(req, fetch_gone);
}

/* ---- all ---- */

static bool
under(const char *target, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(target, prefix, n) == 0 && strchr("/?", target[n]) != NULL;
}

static void
on_request(void *arg, struct http_req *req)
{
	const char *t = http_req_head(req)->target;
	char text[128];
	int n;

	(void)arg;
	if (under(t, "/hello"))
		http_req_reply(req, 200, "text/plain", "hello\n", 6, NULL, 0);
	else if (under(t, "/head"))
		answer_head(req);
	else if (under(t, "/echo"))
		answer_echo(req);
	else if (under(t, "/first"))
		answer_first(req);
	else if (under(t, "/sink"))
		answer_sink(req);
	else if (under(t, "/all"))
		http_req_read_all(req, (size_t)query_number(req, "max", 65536), all_done);
	else if (under(t, "/flood"))
		answer_flood(req);
	else if (under(t, "/slow"))
		answer_slow(req);
	else if (under(t, "/never"))
		http_req_on_gone(req, never_gone);
	else if (under(t, "/refuse"))
		http_req_fail(req, FAULT_FORBIDDEN, "refused");
	else if (under(t, "/proxy") && upstream_url != NULL)
		answer_proxy(req, t + 6);
	else if (under(t, "/fetch") && upstream_url != NULL)
		answer_fetch(req, t + 6);
	else if (under(t, "/stats")) {
		n = snprintf(text, sizeof(text), "requests=%zu connections=%zu\n", http_server_requests(server),
		    http_server_connections(server));
		http_req_reply(req, 200, "text/plain", text, (size_t)n, NULL, 0);
	} else
		http_req_fail(req, FAULT_NOT_FOUND, "nothing at %s", t);
}

static void
on_signal(uv_signal_t *h, int sig)
{
	(void)h;
	if (sig == SIGUSR1) {
		http_server_drain(server);
		return;
	}
	if (sig == SIGUSR2) {
		failing = !failing;
		return;
	}
	http_server_free(&server);
	http_client_free(&client);
	uv_close((uv_handle_t *)&on_term, NULL);
	uv_close((uv_handle_t *)&on_int, NULL);
	uv_close((uv_handle_t *)&on_usr1, NULL);
	uv_close((uv_handle_t *)&on_usr2, NULL);
}

int
main(int argc, char **argv)
{
	struct http_server_conf conf = HTTP_SERVER_CONF_INIT;
	struct http_client_conf client_conf = HTTP_CLIENT_CONF_INIT;
	struct endpoint at;
	const char *why;

	diag_init("http_echo", DIAG_INFO);
	opt_parse(&usage, argc, argv);
	signal(SIGPIPE, SIG_IGN);
	keep_libuv_out();
	uv_loop_init(&loop);
	conf.on_request = on_request;
	conf.connections = (unsigned)connections;
	conf.header_ms = header_ms;
	conf.idle_ms = idle_ms;
	conf.write_ms = write_ms;
	client_conf.connect_ms = connect_ms;
	server = http_server_new(&loop, &conf);
	client = http_client_new(&loop, &client_conf);
	if (uri_make_endpoint(bind_addr, (uint16_t)port, &at, &why) < 0 ||
	    (upstream_url != NULL && uri_parse_endpoint(upstream_url, &upstream, &why) < 0) ||
	    http_server_listen(server, &at, &why) < 0)
		diag_die(EX_UNAVAILABLE, "%s", why);
	uv_signal_init(&loop, &on_term);
	uv_signal_init(&loop, &on_int);
	uv_signal_init(&loop, &on_usr1);
	uv_signal_init(&loop, &on_usr2);
	uv_signal_start(&on_term, on_signal, SIGTERM);
	uv_signal_start(&on_int, on_signal, SIGINT);
	uv_signal_start(&on_usr1, on_signal, SIGUSR1);
	uv_signal_start(&on_usr2, on_signal, SIGUSR2);
	printf("listening %u\n", (unsigned)http_server_port(server));
	fflush(stdout);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert(uv_loop_close(&loop) == 0);
	return 0;
}
