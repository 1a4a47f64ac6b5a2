/* http_fetch - a small call as a whole; see http_client.h. */
#include <errno.h>

#include "http/http_client_impl.h"

static void
fetch_end(struct http_fetch *f, int err)
{
	TAILQ_REMOVE(f->list, f, link);
	if (err != 0)
		f->cb(f->arg, err, NULL, NULL, 0);
	else
		f->cb(f->arg, 0, f->head, buf_str(&f->body), f->body.len);
	buf_release(&f->body);
	free(f);
}

static void
give_up(struct http_fetch *f, int err)
{
	http_call_cancel(f->call);
	fetch_end(f, err);
}

static void
on_head(void *arg, const struct http_head *head)
{
	((struct http_fetch *)arg)->head = head;
}

static void
on_data(void *arg, const char *bytes, size_t len)
{
	struct http_fetch *f = arg;

	if (f->body.len + len > f->max) {
		give_up(f, -EFBIG);
		return;
	}
	buf_add(&f->body, bytes, len);
	if (f->body.failed)
		give_up(f, -ENOMEM);
}

static void
on_end(void *arg, int err, bool sent)
{
	(void)sent;
	fetch_end(arg, err);
}

struct http_fetch *
http_fetch(struct http_client *c, const struct endpoint *to, const char *method, const char *target,
    const char *body, size_t len, size_t max, int64_t timeout_ms,
    void (*cb)(void *arg, int err, const struct http_head *head, const char *body, size_t len), void *arg)
{
	static const struct http_field type = { "Content-Type", "application/json" };
	struct http_fetch *f = calloc(1, sizeof(*f));
	struct http_call_spec spec = {
		.to = to, .method = method, .target = target, .fields = &type, .nfields = body != NULL ? 1 : 0,
		.length = (int64_t)len, .arg = f, .on_head = on_head, .on_data = on_data, .on_end = on_end,
	};

	if (f == NULL)
		return NULL;
	if ((f->call = http_call_start(c, &spec)) == NULL) {
		free(f);
		return NULL;
	}
	f->max = max;
	f->left_ms = timeout_ms;
	f->cb = cb;
	f->arg = arg;
	f->list = http_client_fetches(c);
	TAILQ_INSERT_TAIL(f->list, f, link);
	if (len > 0) {
		http_call_write(f->call, body, len);
		http_call_finish(f->call);
	}
	return f;
}

void
http_fetch_cancel(struct http_fetch *f)
{
	http_call_cancel(f->call);
	TAILQ_REMOVE(f->list, f, link);
	buf_release(&f->body);
	free(f);
}

void
http_fetch_tick(struct http_fetches *list, int64_t ms)
{
	struct http_fetch *f, *next;

	for (f = TAILQ_FIRST(list); f != NULL; f = TAILQ_NEXT(f, link))
		f->left_ms -= ms;
	/* cb may start and cancel fetches: begin anew after each. */
	for (f = TAILQ_FIRST(list); f != NULL; f = next) {
		next = TAILQ_NEXT(f, link);
		if (f->left_ms <= 0) {
			give_up(f, -ETIMEDOUT);
			next = TAILQ_FIRST(list);
		}
	}
}
