/* http_ask - one small GET, waited for; see http_ask.h. */
#include <errno.h>

#include "http/http_ask.h"
#include "http/http_client.h"

struct ask {
	int		 err;
	int		 status;
	struct buf	*body;
};

static void
on_answer(void *arg, int err, const struct http_head *head, const char *body, size_t len)
{
	struct ask *a = arg;

	a->err = err;
	if (err != 0)
		return;
	a->status = head->status;
	buf_add(a->body, body, len);
	a->err = buf_error(a->body);
}

/* The address to call where a server listens on it. */
static struct endpoint
reachable(const struct endpoint *at)
{
	struct endpoint to = *at;

	if (!to.is_unix && strcmp(to.host, "0.0.0.0") == 0)
		snprintf(to.host, sizeof to.host, "127.0.0.1");
	else if (!to.is_unix && strcmp(to.host, "::") == 0)
		snprintf(to.host, sizeof to.host, "::1");
	return to;
}

int
http_ask(const struct endpoint *at, const char *target, int64_t timeout_ms, int *ret_status, struct buf *body)
{
	struct http_client_conf conf = HTTP_CLIENT_CONF_INIT;
	struct endpoint to = reachable(at);
	struct ask a = { .err = -EINPROGRESS, .body = body };
	struct http_client *client;
	uv_loop_t loop;
	int r;

	if ((r = uv_loop_init(&loop)) < 0)
		return r;
	conf.connect_ms = timeout_ms;
	client = http_client_new(&loop, &conf);
	if (client == NULL || http_fetch(client, &to, "GET", target, NULL, 0, HTTP_ASK_BYTES, timeout_ms, on_answer, &a) == NULL)
		a.err = -ENOMEM;
	while (a.err == -EINPROGRESS && uv_run(&loop, UV_RUN_ONCE) != 0)
		;
	http_client_free(&client);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
	if (a.err == 0)
		*ret_status = a.status;
	return a.err;
}
