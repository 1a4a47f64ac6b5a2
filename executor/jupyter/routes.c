/* routes - the executor's HTTP calls; see routes.h. */
#include <errno.h>
#include <strings.h>

#include "ask.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/version.h"
#include "files.h"
#include "request.h"
#include "routes.h"
#include "stream.h"

/* A cell on its way, as its request knows it. */
struct call {
	struct routes	*routes;
	struct http_req	*req;
	struct cell	*cell;		/* NULL until it was submitted */
	struct stream	*stream;	/* NULL: one answer, at the end */
	size_t		 held_bytes;
};

static void
free_call(struct call *call)
{
	call->routes->held_bytes -= call->held_bytes;
	free(call);
}

static void
put_member(struct buf *b, const char *key, const char *value)
{
	json_put_key(b, key);
	json_put_str(b, value);
}

static void
reply_status(struct http_req *req, const char *status)
{
	struct buf b = BUF_INIT;

	json_put_open(&b, '{');
	put_member(&b, "status", status);
	json_put_close(&b, '}');
	http_req_reply_json(req, 200, &b);
}

/* ---- POST /execute ---- */

static void
on_done(void *arg, struct buf *answer)
{
	struct call *call = arg;

	if (call->stream)
		stream_end(&call->stream, answer);
	else
		http_req_reply_json(call->req, 200, answer);
	free_call(call);
}

/* Answer with a failure; the call is over. */
static void
refuse(struct call *call, enum fault fault, const char *detail)
{
	stream_drop(&call->stream);
	if (http_req_begun(call->req))
		http_req_abort(call->req);	/* out of memory for a stream's last line: it must not look complete */
	else
		http_req_fail(call->req, fault, "%s", detail);
	free_call(call);
}

static void
on_refused(void *arg, enum fault fault, const char *detail)
{
	refuse(arg, fault, detail);
}

static void
leave(void *arg)
{
	struct call *call = arg;

	if (call->cell)
		runner_leave(call->routes->runner, call->cell);
	free_call(call);
}

static void
on_gone(struct http_req *req)
{
	leave(http_req_data(req));
}

static void
on_start(void *arg)
{
	stream_start(((struct call *)arg)->stream);
}

static bool
on_lines(void *arg, struct buf *lines)
{
	return stream_put(((struct call *)arg)->stream, lines);
}

static void
on_full(void *arg, bool full)
{
	struct call *call = arg;

	runner_hold(call->routes->runner, call->cell, full);
}

static void
submit(struct call *call, struct cell_spec *spec)
{
	struct runner *runner = call->routes->runner;
	struct buf why = BUF_INIT;
	enum fault fault;
	int r;

	if (spec->on_lines) {
		call->stream = stream_new(&(struct stream_conf){
			.loop = call->routes->loop, .req = call->req, .arg = call, .on_full = on_full, .on_gone = leave,
		});
		if (!call->stream) {
			refuse(call, FAULT_UNAVAILABLE, "Out of memory");
			return;
		}
	}
	spec->arg = call;
	spec->on_done = on_done;
	spec->on_refused = on_refused;
	if ((r = runner_submit(runner, spec, &call->cell)) < 0) {
		fault = runner_refusal(runner, r, &why);
		refuse(call, fault, buf_str(&why));
	}
	buf_release(&why);
}

static void
on_execute_body(struct http_req *req, int err, const char *body, size_t len)
{
	struct call *call = http_req_data(req);
	struct request_limits limits = {
		.timeout_ms = call->routes->timeout_ms, .default_bytes = ROUTES_OUTPUT_DEFAULT,
		.max_bytes = (size_t)call->routes->max_output_bytes,
	};
	struct cell_spec spec = { .request = BUF_INIT };
	struct buf why = BUF_INIT;
	int r;

	if (err == -EFBIG) {
		refuse(call, FAULT_TOO_LARGE, "The body is larger than 32 MiB");
		return;
	}
	if (stream_is_wanted(http_req_head(req))) {
		spec.on_start = on_start;
		spec.on_lines = on_lines;
	}
	r = err < 0 ? err : request_parse(body, len, &limits, &spec, &why);
	if (r == 0)
		submit(call, &spec);
	else
		refuse(call, r == -EINVAL ? FAULT_BAD_REQUEST : FAULT_UNAVAILABLE,
		    r == -EINVAL ? buf_str(&why) : "Out of memory");
	buf_release(&spec.request);
	buf_release(&spec.input);
	buf_release(&why);
}

bool
routes_admit(struct routes *rt, struct http_req *req, size_t *ret_bytes)
{
	const struct http_head *head = http_req_head(req);

	*ret_bytes = head->body == HTTP_BODY_CHUNKED ? ROUTES_CHUNKED_BYTES
	    : head->body == HTTP_BODY_NONE ? 0 : head->length < ROUTES_BODY_MAX ? (size_t)head->length : ROUTES_BODY_MAX;
	if (rt->held_bytes + *ret_bytes > ROUTES_HELD_MAX) {
		http_req_fail(req, FAULT_BUSY, "Too much code is waiting already");
		return false;
	}
	rt->held_bytes += *ret_bytes;
	return true;
}

static void
do_execute(struct routes *rt, struct http_req *req)
{
	struct call *call;
	size_t bytes;

	if (!routes_admit(rt, req, &bytes))
		return;
	call = calloc(1, sizeof *call);
	if (!call) {
		rt->held_bytes -= bytes;
		http_req_fail(req, FAULT_UNAVAILABLE, "Out of memory");
		return;
	}
	*call = (struct call){ .routes = rt, .req = req, .held_bytes = bytes };
	http_req_set_data(req, call);
	http_req_on_gone(req, on_gone);
	http_req_read_all(req, ROUTES_BODY_MAX, on_execute_body);
}

/* ---- POST /stdin ---- */

static void
on_stdin_body(struct http_req *req, int err, const char *body, size_t len)
{
	struct routes *rt = http_req_data(req);
	struct buf line = BUF_INIT, why = BUF_INIT;
	bool eof = false;
	int r = err < 0 ? err : request_parse_input(body, len, &line, &eof, &why);

	if (r == -EFBIG)
		http_req_fail(req, FAULT_TOO_LARGE, "The body is larger than 1 MiB");
	else if (r < 0)
		http_req_fail(req, r == -EINVAL ? FAULT_BAD_REQUEST : FAULT_UNAVAILABLE, "%s",
		    r == -EINVAL ? buf_str(&why) : "Out of memory");
	else if (!runner_input(rt->runner, eof ? NULL : buf_str(&line), line.len))
		http_req_fail(req, FAULT_BAD_REQUEST, "No code waits for input");
	else
		reply_status(req, "ok");
	buf_release(&line);
	buf_release(&why);
}

static void
do_stdin(struct routes *rt, struct http_req *req)
{
	http_req_set_data(req, rt);
	http_req_read_all(req, ROUTES_INPUT_MAX, on_stdin_body);
}

/* ---- the others ---- */

static void
do_complete(struct routes *rt, struct http_req *req)
{
	ask(rt, req, ASK_COMPLETE);
}

static void
do_inspect(struct routes *rt, struct http_req *req)
{
	ask(rt, req, ASK_INSPECT);
}

static void
do_is_complete(struct routes *rt, struct http_req *req)
{
	ask(rt, req, ASK_IS_COMPLETE);
}

static void
do_health(struct routes *rt, struct http_req *req)
{
	(void)rt;
	reply_status(req, "ok");
}

static void
do_ready(struct routes *rt, struct http_req *req)
{
	const char *why = runner_why(rt->runner);
	struct buf b = BUF_INIT;

	json_put_open(&b, '{');
	json_put_key(&b, "ready");
	json_put_bool(&b, runner_is_ready(rt->runner));
	put_member(&b, "reason", runner_reason(rt->runner));
	if (*why)
		put_member(&b, "detail", why);
	json_put_close(&b, '}');
	http_req_reply_json(req, 200, &b);
}

static void
do_restart(struct routes *rt, struct http_req *req)
{
	reply_status(req, runner_restart(rt->runner) ? "restarting" : "already_restarting");
}

static void
do_restart_status(struct routes *rt, struct http_req *req)
{
	struct buf b = BUF_INIT;

	json_put_open(&b, '{');
	json_put_key(&b, "restarting");
	json_put_bool(&b, runner_is_restarting(rt->runner));
	json_put_close(&b, '}');
	http_req_reply_json(req, 200, &b);
}

static void
do_interrupt(struct routes *rt, struct http_req *req)
{
	reply_status(req, runner_interrupt(rt->runner) ? "interrupted" : "idle");
}

static void
put_limits(struct buf *b, const struct routes *rt)
{
	json_put_key(b, "limits");
	json_put_open(b, '{');
	json_put_key(b, "execution_timeout");
	buf_printf(b, "%g", (double)rt->timeout_ms / 1000);
	json_put_key(b, "start_timeout");
	buf_printf(b, "%g", (double)rt->start_ms / 1000);
	json_put_key(b, "max_output_bytes");
	json_put_int(b, rt->max_output_bytes);
	json_put_key(b, "max_body_bytes");
	json_put_int(b, ROUTES_BODY_MAX);
	json_put_key(b, "max_files_bytes");
	json_put_int(b, rt->max_files_bytes);
	json_put_key(b, "queue");
	json_put_int(b, RUNNER_QUEUE_MAX);
	json_put_close(b, '}');
}

/* How kernels come to be. */
static void
put_starts(struct buf *b, const struct runner_info *info)
{
	put_member(b, "start", info->start);
	json_put_key(b, "forked");
	json_put_bool(b, *info->not_forked == '\0');
	put_member(b, "not_forked", *info->not_forked ? info->not_forked : NULL);
	json_put_key(b, "fork_server_pid");
	json_put_int(b, info->server_pid);
	put_member(b, "spare", info->spare);
	put_member(b, "no_spare", *info->spare_why ? info->spare_why : NULL);
	json_put_key(b, "spare_pid");
	json_put_int(b, info->spare_pid);
}

static void
do_info(struct routes *rt, struct http_req *req)
{
	struct runner_info info;
	struct buf b = BUF_INIT;

	runner_info(rt->runner, &info);
	json_put_open(&b, '{');
	put_member(&b, "version", EXECMGR_VERSION);
	put_member(&b, "kernel", rt->spec->name);
	put_member(&b, "display_name", rt->spec->display_name);
	put_member(&b, "language", info.kernel && *info.kernel->language ? info.kernel->language : rt->spec->language);
	put_member(&b, "implementation", info.kernel && *info.kernel->implementation ? info.kernel->implementation : NULL);
	put_member(&b, "protocol_version", info.kernel && *info.kernel->protocol ? info.kernel->protocol : NULL);
	json_put_key(&b, "generation");
	json_put_int(&b, info.generation);
	json_put_key(&b, "executions");
	json_put_int(&b, (int64_t)info.executions);
	json_put_key(&b, "running");
	json_put_bool(&b, info.running);
	json_put_key(&b, "queued");
	json_put_int(&b, (int64_t)info.queued);
	json_put_key(&b, "pid");
	json_put_int(&b, info.pid);
	put_starts(&b, &info);
	json_put_key(&b, "messages_dropped");
	json_put_int(&b, (int64_t)info.refused);
	json_put_key(&b, "uptime_seconds");
	json_put_int(&b, (clock_mono_ms() - rt->started_ms) / 1000);
	put_limits(&b, rt);
	json_put_close(&b, '}');
	http_req_reply_json(req, 200, &b);
}

/* ---- dispatch ---- */

static const struct route {
	const char	*path;
	bool		 is_post;	/* else GET, and HEAD */
	void		(*handle)(struct routes *rt, struct http_req *req);
} table[] = {
	{ "/health",		false,	do_health },
	{ "/ready",		false,	do_ready },
	{ "/restart-status",	false,	do_restart_status },
	{ "/info",		false,	do_info },
	{ "/execute",		true,	do_execute },
	{ "/restart",		true,	do_restart },
	{ "/interrupt",		true,	do_interrupt },
	{ "/stdin",		true,	do_stdin },
	{ "/complete",		true,	do_complete },
	{ "/inspect",		true,	do_inspect },
	{ "/is_complete",	true,	do_is_complete },
};

static bool
allows(const struct route *route, const char *method)
{
	if (route->is_post)
		return strcmp(method, "POST") == 0;
	return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

/* A page in somebody's browser must not run code here (it may post JSON as text/plain). */
static bool
is_cross_site(const struct http_head *head)
{
	const char *site = http_head_get(head, "Sec-Fetch-Site");

	return site && strcasecmp(site, "cross-site") == 0;
}

static void
dispatch(struct routes *rt, struct http_req *req)
{
	const struct http_head *head = http_req_head(req);
	size_t n = uri_path_len(head->target);
	struct http_field allow = { .name = "Allow" };

	if (is_cross_site(head)) {
		http_req_fail(req, FAULT_FORBIDDEN, "Requests from other sites are refused");
		return;
	}
	if (files_is_path(head->target, n)) {
		files(rt, req);
		return;
	}
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		if (strlen(table[i].path) != n || memcmp(table[i].path, head->target, n) != 0)
			continue;
		if (allows(&table[i], head->method)) {
			table[i].handle(rt, req);
			return;
		}
		allow.value = table[i].is_post ? "POST" : "GET, HEAD";
		http_req_fail_with(req, 405, fault_word(FAULT_METHOD_NOT_ALLOWED), "This method is not allowed here",
		    &allow, 1);
		return;
	}
	http_req_fail(req, FAULT_NOT_FOUND, "There is nothing here");
}

void
routes_on_allowed(void *arg, struct http_req *req, bool allowed)
{
	if (allowed)
		dispatch(arg, req);
	else
		http_req_fail(req, FAULT_FORBIDDEN, "This executor serves its manager only");
}

void
routes_on_request(void *arg, struct http_req *req)
{
	struct routes *rt = arg;

	if (rt->allow)
		allow_ask(rt->allow, req);
	else
		dispatch(rt, req);
}
