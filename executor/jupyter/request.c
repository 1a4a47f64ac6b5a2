/* request - the body of POST /execute; see request.h. */
#include <errno.h>
#include <math.h>

#include "base/json.h"
#include "request.h"

static int
refuse(struct buf *why, const char *sentence)
{
	buf_puts(why, sentence);
	return -EINVAL;
}

static int
get_bool(struct json body, const char *key, bool *ret, struct buf *why)
{
	struct json v;

	if (!json_get(body, key, &v))
		return 0;
	if (v.kind != JSON_TRUE && v.kind != JSON_FALSE) {
		buf_printf(why, "Member %s must be true or false", key);
		return -EINVAL;
	}
	*ret = v.kind == JSON_TRUE;
	return 0;
}

static int
get_timeout(struct json body, int64_t limit_ms, int64_t *ret_ms, struct buf *why)
{
	struct json v;
	double s;
	int r;

	*ret_ms = limit_ms;
	if (!json_get(body, "timeout", &v))
		return 0;
	r = json_double(v, &s);
	if (r == -ERANGE)		/* 1e999: longer than any limit; a negative one is none */
		s = v.p[0] == '-' ? -1 : INFINITY;
	else if (r < 0)
		return refuse(why, "Member timeout must be a number of seconds");
	if (!(s > 0))
		return refuse(why, "Member timeout must be more than 0");
	if (s * 1000 < (double)limit_ms)
		*ret_ms = s * 1000 < 1 ? 1 : (int64_t)ceil(s * 1000);
	return 0;
}

/* What is kept costs memory, what is sent does not: a stream has no limit but its own. */
static int
get_max_bytes(struct json body, const struct request_limits *limits, bool stream, size_t *ret, struct buf *why)
{
	size_t most = stream ? SIZE_MAX : limits->max_bytes;
	struct json v;
	int64_t n;
	int r;

	*ret = !stream && limits->default_bytes < most ? limits->default_bytes : most;
	if (!json_get(body, "max_output_bytes", &v))
		return 0;
	r = json_int(v, 1, INT64_MAX, &n);
	if (r == -ERANGE && v.p[0] != '-' && v.p[0] != '0')
		n = INT64_MAX;
	else if (r < 0)
		return refuse(why, "Member max_output_bytes must be a whole number above 0");
	*ret = (uint64_t)n < most ? (size_t)n : most;
	return 0;
}

static int
get_input(struct json body, struct cell_spec *spec, struct buf *why)
{
	struct json v;

	if (!json_get(body, "stdin", &v))
		return 0;
	if (v.kind != JSON_STRING)
		return refuse(why, "Member stdin must be a string");
	spec->has_input = true;
	return json_text(v, &spec->input);
}

static int
get_on_disconnect(struct json body, struct cell_spec *spec, struct buf *why)
{
	struct json v;

	if (!json_get(body, "on_disconnect", &v))
		return 0;
	spec->interrupt_on_leave = json_equals(v, "interrupt");
	if (!spec->interrupt_on_leave && !json_equals(v, "continue"))
		return refuse(why, "Member on_disconnect must be \"interrupt\" or \"continue\"");
	return 0;
}

/*
 * The code goes to the kernel as the JSON string that came, unread; but half a surrogate pair, which JSON may hold and no
 * kernel can encode, becomes U+FFFD.
 */
static int
put_request(struct json code, bool silent, struct cell_spec *spec)
{
	struct buf text = BUF_INIT, clean = BUF_INIT;
	int r = 0;

	if (memmem(code.p, code.len, "\\ud", 3) || memmem(code.p, code.len, "\\uD", 3)) {
		r = json_text(code, &text);
		json_put_string(&clean, buf_str(&text), text.len);
		code.p = buf_str(&clean);
		code.len = clean.len;
		if (r == 0)
			r = buf_error(&clean);
	}
	if (r == 0)
		kernel_format_request(&spec->request, code.p, code.len, silent, !silent, spec->has_input);
	buf_release(&text);
	buf_release(&clean);
	return r < 0 ? r : buf_error(&spec->request);
}

int
request_parse(const char *text, size_t len, const struct request_limits *limits, struct cell_spec *spec, struct buf *why)
{
	struct json_error err;
	struct json body, code;
	bool silent = false;
	int r;

	r = json_scan(text, len, JSON_UNIQUE, &body, &err);
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		buf_printf(why, "The body is not JSON: line %u, column %u: %s", err.line, err.column, err.what);
		return -EINVAL;
	}
	if (body.kind != JSON_OBJECT)
		return refuse(why, "The body must be a JSON object with a member code");
	if (!json_get(body, "code", &code))
		return refuse(why, "Member code is missing");
	if (code.kind != JSON_STRING)
		return refuse(why, "Member code must be a string");
	spec->max_bundle = limits->max_bytes;
	if ((r = get_timeout(body, limits->timeout_ms, &spec->timeout_ms, why)) < 0 ||
	    (r = get_max_bytes(body, limits, spec->on_lines != NULL, &spec->max_bytes, why)) < 0 ||
	    (r = get_bool(body, "silent", &silent, why)) < 0 ||
	    (r = get_bool(body, "ansi", &spec->ansi, why)) < 0 ||
	    (r = get_on_disconnect(body, spec, why)) < 0 || (r = get_input(body, spec, why)) < 0)
		return r;
	return put_request(code, silent, spec);
}
