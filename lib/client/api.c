/* api - calls to the manager; see api.h. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <sys/socket.h>
#include <unistd.h>

#include <curl/curl.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/fault.h"
#include "base/uri.h"
#include "base/version.h"
#include "client/api.h"

#define STREAM_TYPE	"application/x-ndjson"
#define CONNECT_MS	5000
#define OWN_MS		30000			/* the manager answers its own calls at once … */
#define RESET_MS	90000			/* … but for a reset, which takes it up to 30 s */
#define WAIT_SLACK_MS	60000			/* an allocation may include the reset of a used container */
#define LINGER_MS	1000			/* for an answer that is on its way when we are interrupted */
#define OWN_MAX		((size_t)16 << 20)	/* /containers of 10,000 is 4 MiB */
#define OUTPUT_MAX	((size_t)1 << 30)	/* an executor's 128 MiB of output, every byte written as \u00xx */

struct api {
	CURLM			*multi;
	CURL			*easy;
	struct curl_slist	*fields, *stream_fields;
	struct endpoint		 at;
	struct buf		 url;		/* as given */
	struct buf		 base;		/* what libcurl gets: "http://host:port" */
	struct buf		 error;
	int			 watch;
	curl_socket_t		 sock;		/* of the call under way, -1: none */
};

struct call {
	const char	*method, *target;
	const char	*body;		/* NULL: none */
	size_t		 len;
	size_t		 max;		/* bytes of answer */
	int64_t		 limit_ms;	/* 0: none */
	bool		 linger;	/* the answer matters even if we are interrupted */
	int		(*on_line)(void *arg, struct json line);	/* NULL: no stream is wanted */
	void		*arg;
};

struct sink {
	struct api	*api;
	const struct call *call;
	struct buf	*to;		/* the answer; of a stream, what is not passed on yet */
	size_t		 searched;	/* bytes of that without a newline */
	bool		 begun, stream;
	bool		 over;		/* more than the call's max */
	int		 result;	/* of on_line, or why a line is none */
};

void
api_answer_release(struct api_answer *ans)
{
	buf_release(&ans->body);
	*ans = (struct api_answer)API_ANSWER_INIT;
}

const char *
api_url(const struct api *a)
{
	return buf_str(&a->url);
}

const char *
api_error(const struct api *a)
{
	return buf_str(&a->error);
}

void
api_watch(struct api *a, int fd)
{
	a->watch = fd;
}

static int __attribute__((format(printf, 3, 4)))
fail(struct api *a, int ex, const char *fmt, ...)
{
	va_list ap;

	buf_reset(&a->error);
	va_start(ap, fmt);
	buf_vprintf(&a->error, fmt, ap);
	va_end(ap);
	return ex;
}

int
api_new(const char *url, struct api **ret, const char **ret_why)
{
	struct api *a = calloc(1, sizeof *a);
	int r;

	if (a == NULL)
		return -ENOMEM;
	a->watch = -1;
	a->sock = -1;
	if ((r = uri_parse_endpoint(url, &a->at, ret_why)) < 0)
		goto out;
	r = -ENOMEM;
	buf_puts(&a->url, url);
	if (a->at.is_unix)
		buf_puts(&a->base, "http://localhost");
	else
		uri_format_endpoint(&a->at, &a->base);
	if (buf_error(&a->url) < 0 || buf_error(&a->base) < 0 || curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
		goto out;
	a->multi = curl_multi_init();
	a->easy = curl_easy_init();
	/* "Expect: 100-continue" would make a server that does not know it cost a second a call. */
	a->fields = curl_slist_append(NULL, "Expect:");
	a->stream_fields = curl_slist_append(NULL, "Expect:");
	if (a->multi == NULL || a->easy == NULL || a->fields == NULL || a->stream_fields == NULL ||
	    curl_slist_append(a->fields, "Content-Type: application/json") == NULL ||
	    curl_slist_append(a->fields, "Accept: application/json") == NULL ||
	    curl_slist_append(a->stream_fields, "Content-Type: application/json") == NULL ||
	    curl_slist_append(a->stream_fields, "Accept: " STREAM_TYPE ", application/json;q=0.9") == NULL)
		goto out;
	*ret = a;
	return 0;
out:
	api_free(&a);
	return r;
}

void
api_free(struct api **a)
{
	if (*a == NULL)
		return;
	curl_slist_free_all((*a)->fields);
	curl_slist_free_all((*a)->stream_fields);
	curl_easy_cleanup((*a)->easy);
	curl_multi_cleanup((*a)->multi);
	buf_release(&(*a)->url);
	buf_release(&(*a)->base);
	buf_release(&(*a)->error);
	free(*a);
	*a = NULL;
}

/* An executor that streams says so; one that does not know it answers as always, and an error is an answer. */
static bool
is_stream(struct api *a)
{
	const char *type = NULL;
	long status = 0;

	curl_easy_getinfo(a->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(a->easy, CURLINFO_CONTENT_TYPE, &type);
	return status == 200 && type != NULL && strncasecmp(type, STREAM_TYPE, strlen(STREAM_TYPE)) == 0 &&
	    strchr("; ", type[strlen(STREAM_TYPE)]) != NULL;
}

/* Pass on the lines that are complete. */
static int
pass_lines(struct sink *s)
{
	const char *p = buf_str(s->to), *end = p + s->to->len, *newline;
	const char *from = p + s->searched;
	struct json_error err;
	struct json line;
	int r = 0;

	while (r == 0 && (newline = memchr(from, '\n', (size_t)(end - from))) != NULL) {
		if (json_scan(p, (size_t)(newline - p), 0, &line, &err) < 0 || line.kind != JSON_OBJECT)
			r = fail(s->api, EX_PROTOCOL, "%s: a line of the answer is not a JSON object", buf_str(&s->api->url));
		else
			r = s->call->on_line(s->call->arg, line);
		p = from = newline + 1;
	}
	buf_consume(s->to, (size_t)(p - buf_str(s->to)));
	s->searched = s->to->len;
	return r;
}

static size_t
on_data(char *bytes, size_t one, size_t n, void *arg)
{
	struct sink *s = arg;

	if (!s->begun)
		s->stream = s->call->on_line != NULL && is_stream(s->api);
	s->begun = true;
	s->over = n > s->call->max - s->to->len;
	if (s->over)
		return 0;
	buf_add(s->to, bytes, one * n);
	if (buf_error(s->to) < 0)
		return 0;
	if (s->stream)
		s->result = pass_lines(s);
	return s->result != 0 ? 0 : n;
}

static curl_socket_t
on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
	struct api *a = arg;

	(void)purpose;
	return a->sock = socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

static int
on_close(void *arg, curl_socket_t sock)
{
	struct api *a = arg;

	if (a->sock == sock)
		a->sock = -1;
	return close(sock);
}

static void
prepare(struct api *a, const struct call *c, const struct buf *url, struct sink *sink)
{
	CURL *e = a->easy;

	curl_easy_reset(e);
	curl_easy_setopt(e, CURLOPT_URL, buf_str(url));
	if (a->at.is_unix)
		curl_easy_setopt(e, CURLOPT_UNIX_SOCKET_PATH, a->at.path);
	curl_easy_setopt(e, CURLOPT_PROXY, "");
	curl_easy_setopt(e, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http");
	curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(e, CURLOPT_USERAGENT, "execmgr/" EXECMGR_VERSION);
	curl_easy_setopt(e, CURLOPT_HTTPHEADER, c->on_line != NULL ? a->stream_fields : a->fields);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(e, CURLOPT_FORBID_REUSE, 1L);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)c->limit_ms);
	curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(e, CURLOPT_TCP_KEEPIDLE, 30L);
	curl_easy_setopt(e, CURLOPT_TCP_KEEPINTVL, 10L);
	curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_open);
	curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, a);
	curl_easy_setopt(e, CURLOPT_CLOSESOCKETFUNCTION, on_close);
	curl_easy_setopt(e, CURLOPT_CLOSESOCKETDATA, a);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, sink);
	if (strcmp(c->method, "POST") == 0) {
		curl_easy_setopt(e, CURLOPT_POSTFIELDS, c->body != NULL ? c->body : "");
		curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)c->len);
	}
}

/* Run the transfer to its end: true, and *ret_result; or false: cut, since the watched descriptor is readable. */
static bool
transfer(struct api *a, const struct call *c, CURLcode *ret_result, bool *ret_interrupted)
{
	int64_t until_ms = 0;
	int running, left;
	CURLMsg *msg;

	*ret_interrupted = false;
	for (;;) {
		struct curl_waitfd watch = { .fd = a->watch, .events = CURL_WAIT_POLLIN };
		int64_t ms = *ret_interrupted ? until_ms - clock_mono_ms() : 1000;

		if (curl_multi_perform(a->multi, &running) != CURLM_OK)
			return false;
		if (running == 0)
			break;
		if (ms <= 0)
			return false;
		curl_multi_poll(a->multi, &watch, a->watch >= 0 && !*ret_interrupted, (int)ms, NULL);
		if (!(watch.revents & CURL_WAIT_POLLIN))
			continue;
		*ret_interrupted = true;
		if (!c->linger)
			return false;
		/* Say that we leave, and see whether the answer was faster. */
		if (a->sock >= 0)
			shutdown(a->sock, SHUT_WR);
		until_ms = clock_mono_ms() + LINGER_MS;
	}
	msg = curl_multi_info_read(a->multi, &left);
	*ret_result = msg != NULL ? msg->data.result : CURLE_FAILED_INIT;
	return true;
}

static int
explain(struct api *a, const struct call *c, CURLcode result, const struct sink *sink)
{
	const char *url = buf_str(&a->url);
	long os_error = 0, sent = 0;

	curl_easy_getinfo(a->easy, CURLINFO_OS_ERRNO, &os_error);
	curl_easy_getinfo(a->easy, CURLINFO_REQUEST_SIZE, &sent);
	switch (result) {
	case CURLE_OUT_OF_MEMORY:
		return fail(a, EX_OSERR, "out of memory");
	case CURLE_COULDNT_RESOLVE_HOST:
		return fail(a, EX_UNAVAILABLE, "%s: no such host", url);
	case CURLE_COULDNT_CONNECT:
		return fail(a, EX_UNAVAILABLE, "%s: %s", url,
		    os_error != 0 ? strerror((int)os_error) : "could not connect");
	case CURLE_OPERATION_TIMEDOUT:
		if (sent == 0)
			return fail(a, EX_UNAVAILABLE, "%s: no connection within %d seconds", url, CONNECT_MS / 1000);
		return fail(a, EX_UNAVAILABLE, "%s: no answer within %" PRId64 " seconds", url, c->limit_ms / 1000);
	case CURLE_WRITE_ERROR:
		if (sink->result != 0)
			return sink->result;
		if (sink->over)
			return fail(a, EX_PROTOCOL, "%s: %s is larger than %zu bytes", url,
			    sink->stream ? "a line of the answer" : "the answer", c->max);
		return fail(a, EX_OSERR, "out of memory");
	case CURLE_GOT_NOTHING: case CURLE_RECV_ERROR: case CURLE_SEND_ERROR: case CURLE_PARTIAL_FILE:
		return fail(a, EX_PROTOCOL, "%s: the connection was closed before the answer was complete", url);
	default:
		return fail(a, EX_PROTOCOL, "%s: %s", url, curl_easy_strerror(result));
	}
}

/* The manager's sentence as the end of ours: "Container 7 is not allocated" begins small. */
static int
refused(struct api *a, const struct api_answer *ans)
{
	struct json detail, word, types, type;
	struct json_iter it = { 0 };
	struct buf text = BUF_INIT, w = BUF_INIT;
	const char *sep = " (types: ";
	int ex;

	if (json_get(ans->json, "error", &word) && word.kind == JSON_STRING)
		json_text(word, &w);
	if (json_get(ans->json, "detail", &detail) && detail.kind == JSON_STRING && detail.len > 2)
		json_text(detail, &text);
	if (text.len == 0)
		buf_printf(&text, "%s: HTTP status %d", buf_str(&a->url), ans->status);
	else if (text.len > 1 && islower((unsigned char)text.data[1]))
		text.data[0] = (char)tolower((unsigned char)text.data[0]);
	if (json_get(ans->json, "types", &types) && types.kind == JSON_ARRAY) {
		while (json_next(types, &it, NULL, &type)) {
			buf_puts(&text, sep);
			json_text(type, &text);
			sep = ", ";
		}
		buf_puts(&text, it.at > 0 ? ")" : "");
	}
	ex = fault_exit(w.len > 0 ? buf_str(&w) : NULL, ans->status);
	fail(a, ex, "%s", buf_str(&text));
	buf_release(&text);
	buf_release(&w);
	return ex;
}

static int
judge(struct api *a, struct api_answer *ans)
{
	struct json_error err;
	long status = 0;

	curl_easy_getinfo(a->easy, CURLINFO_RESPONSE_CODE, &status);
	ans->status = (int)status;
	if (json_scan(buf_str(&ans->body), ans->body.len, 0, &ans->json, &err) < 0)
		return fail(a, EX_PROTOCOL, "%s: the answer (HTTP status %d) is not JSON: line %u, column %u: %s",
		    buf_str(&a->url), ans->status, err.line, err.column, err.what);
	return status / 100 == 2 ? 0 : refused(a, ans);
}

static int
call(struct api *a, const struct call *c, struct api_answer *ret)
{
	struct buf url = BUF_INIT;
	struct sink sink = { .api = a, .call = c, .to = &ret->body };
	CURLcode result = CURLE_OK;
	bool complete, interrupted;
	int r;

	buf_release(&ret->body);
	*ret = (struct api_answer)API_ANSWER_INIT;
	buf_printf(&url, "%s%s", buf_str(&a->base), c->target);
	if (buf_error(&url) < 0)
		return fail(a, EX_OSERR, "out of memory");
	prepare(a, c, &url, &sink);
	a->sock = -1;
	if (curl_multi_add_handle(a->multi, a->easy) != CURLM_OK) {
		buf_release(&url);
		return fail(a, EX_OSERR, "out of memory");
	}
	complete = transfer(a, c, &result, &interrupted);
	if (!complete)
		r = fail(a, interrupted ? -EINTR : EX_OSERR, interrupted ? "interrupted" : "libcurl gave up");
	else if (result != CURLE_OK)
		r = explain(a, c, result, &sink);
	else if (sink.stream)
		r = ret->body.len == 0 ? 0 : fail(a, EX_PROTOCOL, "%s: the answer ends within a line", buf_str(&a->url));
	else
		r = judge(a, ret);
	curl_multi_remove_handle(a->multi, a->easy);
	buf_release(&url);
	if (interrupted && !(complete && r == 0))
		return -EINTR;
	return interrupted ? -EALREADY : r;
}

int
api_get(struct api *a, const char *target, struct api_answer *ret)
{
	const struct call c = { .method = "GET", .target = target, .max = OWN_MAX, .limit_ms = OWN_MS };

	return call(a, &c, ret);
}

int
api_allocation_id(struct json allocation)
{
	struct json id;
	int64_t n;

	if (!json_get(allocation, "container_id", &id) || json_int(id, 0, INT_MAX, &n) < 0)
		return -1;
	return (int)n;
}

int
api_allocate(struct api *a, const char *type, int64_t wait_ms, struct api_answer *ret, int *ret_id)
{
	struct buf target = BUF_INIT;
	struct call c = { .method = "POST", .max = OWN_MAX, .limit_ms = wait_ms + WAIT_SLACK_MS, .linger = true };
	int r;

	*ret_id = -1;
	buf_printf(&target, "/allocate?wait=%" PRId64, wait_ms / 1000);
	if (wait_ms % 1000 != 0)
		buf_printf(&target, ".%03d", (int)(wait_ms % 1000));
	if (type != NULL) {
		buf_puts(&target, "&container_type=");
		uri_encode(type, strlen(type), &target);
	}
	c.target = buf_str(&target);
	r = buf_error(&target) < 0 ? fail(a, EX_OSERR, "out of memory") : call(a, &c, ret);
	buf_release(&target);
	if (r != 0 && r != -EALREADY)
		return r;
	*ret_id = api_allocation_id(ret->json);
	if (r == -EALREADY)
		return -EINTR;
	return *ret_id >= 0 ? 0 : fail(a, EX_PROTOCOL, "%s: the answer to /allocate has no container_id", buf_str(&a->url));
}

int
api_deallocate(struct api *a, int id)
{
	struct api_answer ans = API_ANSWER_INIT;
	char target[40];
	const struct call c = { .method = "POST", .target = target, .max = OWN_MAX, .limit_ms = RESET_MS };
	int r;

	snprintf(target, sizeof target, "/deallocate/%d", id);
	r = call(a, &c, &ans);
	api_answer_release(&ans);
	return r;
}

int
api_execute(struct api *a, int id, const struct buf *body, struct api_answer *ret)
{
	return api_execute_stream(a, id, body, NULL, NULL, ret);
}

int
api_execute_stream(struct api *a, int id, const struct buf *body, int (*on_line)(void *arg, struct json line), void *arg,
    struct api_answer *ret)
{
	char target[40];
	const struct call c = {
		.method = "POST", .target = target, .body = buf_str(body), .len = body->len, .max = OUTPUT_MAX,
		.on_line = on_line, .arg = arg,
	};

	snprintf(target, sizeof target, "/session/%d/execute", id);
	return call(a, &c, ret);
}
