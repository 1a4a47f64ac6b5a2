/* ask - questions about code; see ask.h. */
#include <errno.h>

#include "ask.h"

struct asking {
	struct routes	*routes;
	struct http_req	*req;
	enum question	 what;
	struct cell	*cell;		/* NULL until it was submitted */
	uv_timer_t	 limit;
	bool		 asked;		/* the kernel has the question */
	size_t		 held_bytes;
};

static const char *const types[] = {
	[ASK_COMPLETE] = "complete_request", [ASK_INSPECT] = "inspect_request", [ASK_IS_COMPLETE] = "is_complete_request",
};

static void
on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void
end(struct asking *a)
{
	a->routes->held_bytes -= a->held_bytes;
	uv_close((uv_handle_t *)&a->limit, on_closed);
}

static void
refuse(struct asking *a, enum fault fault, const char *detail)
{
	http_req_fail(a->req, fault, "%s", detail);
	end(a);
}

/* ---- the answer ---- */

/* A member of the reply as it came, where it is of the right kind. */
static void
put(struct buf *out, const char *key, struct json reply, enum json_kind kind, const char *otherwise)
{
	struct json v;

	json_put_key(out, key);
	if (json_get(reply, key, &v) && v.kind == kind)
		json_put_raw(out, v.p, v.len);
	else
		json_put_raw(out, otherwise, strlen(otherwise));
}

static void
put_position(struct buf *out, const char *key, struct json reply)
{
	struct json v;
	int64_t n = 0;

	if (json_get(reply, key, &v) && json_int(v, 0, INT64_MAX, &n) < 0)
		n = 0;
	json_put_key(out, key);
	json_put_int(out, n);
}

static void
format_is_complete(struct json reply, struct buf *out)
{
	static const char *const words[] = { "complete", "incomplete", "invalid" };
	const char *status = "unknown";
	struct json v;

	if (json_get(reply, "status", &v))
		for (size_t i = 0; i < sizeof words / sizeof *words; i++)
			if (json_equals(v, words[i]))
				status = words[i];
	json_put_key(out, "status");
	json_put_str(out, status);
	put(out, "indent", reply, JSON_STRING, "\"\"");
}

static void
format(enum question what, struct json reply, struct buf *out)
{
	struct json v;

	json_put_open(out, '{');
	switch (what) {
	case ASK_COMPLETE:
		put(out, "matches", reply, JSON_ARRAY, "[]");
		put_position(out, "cursor_start", reply);
		put_position(out, "cursor_end", reply);
		put(out, "metadata", reply, JSON_OBJECT, "{}");
		break;
	case ASK_INSPECT:
		json_put_key(out, "found");
		json_put_bool(out, json_get(reply, "found", &v) && v.kind == JSON_TRUE);
		put(out, "data", reply, JSON_OBJECT, "{}");
		put(out, "metadata", reply, JSON_OBJECT, "{}");
		break;
	case ASK_IS_COMPLETE:
		format_is_complete(reply, out);
		break;
	}
	json_put_close(out, '}');
}

static void
on_reply(void *arg, struct json reply)
{
	struct asking *a = arg;
	struct buf out = BUF_INIT;
	struct json status;

	if (reply.len > ASK_ANSWER_MAX) {
		refuse(a, FAULT_UNAVAILABLE, "The kernel's answer is larger than 16 MiB");
		return;
	}
	if (a->what != ASK_IS_COMPLETE && (!json_get(reply, "status", &status) || !json_equals(status, "ok"))) {
		refuse(a, FAULT_UNAVAILABLE, "The kernel could not answer the question");
		return;
	}
	format(a->what, reply, &out);
	http_req_reply_json(a->req, 200, &out);
	end(a);
}

/* ---- the question ---- */

static void
on_refused(void *arg, enum fault fault, const char *detail)
{
	refuse(arg, fault, detail);
}

static void
on_start(void *arg)
{
	((struct asking *)arg)->asked = true;
}

static void
on_limit(uv_timer_t *timer)
{
	struct asking *a = timer->data;
	struct runner *runner = a->routes->runner;
	struct cell *cell = a->cell;

	if (a->asked)
		refuse(a, FAULT_UNAVAILABLE, "The kernel did not answer within 10 seconds");
	else if (runner_is_ready(runner))
		refuse(a, FAULT_BUSY, "The kernel is running code");
	else
		refuse(a, FAULT_UNAVAILABLE, "The kernel is not ready");
	runner_leave(runner, cell);
}

static void
on_gone(struct http_req *req)
{
	struct asking *a = http_req_data(req);

	if (a->cell)
		runner_leave(a->routes->runner, a->cell);
	end(a);
}

static void
submit(struct asking *a, struct cell_spec *spec)
{
	struct buf why = BUF_INIT;
	enum fault fault;
	int r;

	spec->question = types[a->what];
	spec->arg = a;
	spec->on_start = on_start;
	spec->on_reply = on_reply;
	spec->on_refused = on_refused;
	if ((r = runner_submit(a->routes->runner, spec, &a->cell)) < 0) {
		fault = runner_refusal(a->routes->runner, r, &why);
		refuse(a, fault, buf_str(&why));
	} else
		uv_timer_start(&a->limit, on_limit, ASK_MS, 0);
	buf_release(&why);
}

static void
on_body(struct http_req *req, int err, const char *body, size_t len)
{
	struct asking *a = http_req_data(req);
	struct cell_spec spec = { .request = BUF_INIT };
	struct buf why = BUF_INIT;
	int r = err < 0 ? err : request_parse_question(body, len, a->what, &spec.request, &why);

	if (r == 0)
		submit(a, &spec);
	else if (r == -EFBIG)
		refuse(a, FAULT_TOO_LARGE, "The body is larger than 32 MiB");
	else if (r == -EINVAL)
		refuse(a, FAULT_BAD_REQUEST, buf_str(&why));
	else
		refuse(a, FAULT_UNAVAILABLE, "Out of memory");
	buf_release(&spec.request);
	buf_release(&why);
}

void
ask(struct routes *rt, struct http_req *req, enum question what)
{
	struct asking *a;
	size_t bytes;

	if (!routes_admit(rt, req, &bytes))
		return;
	a = calloc(1, sizeof *a);
	if (!a) {
		rt->held_bytes -= bytes;
		http_req_fail(req, FAULT_UNAVAILABLE, "Out of memory");
		return;
	}
	*a = (struct asking){ .routes = rt, .req = req, .what = what, .held_bytes = bytes };
	uv_timer_init(rt->loop, &a->limit);
	a->limit.data = a;
	http_req_set_data(req, a);
	http_req_on_gone(req, on_gone);
	http_req_read_all(req, ROUTES_BODY_MAX, on_body);
}
