/* proxy - /session/{id}/…: a client's request to an executor and the answer back, streamed both ways */
#include <errno.h>
#include <strings.h>

#include "base/diag.h"
#include "health.h"
#include "proxy.h"

#define FIELDS_FEW 48		/* more than a browser sends; beyond, the heap is asked */

struct session {
	struct manager	 *m;
	struct container *ct;
	struct session	 *prev, *next;	/* ct->sessions */
	struct http_req	 *req;
	struct http_call *call;
	uv_timer_t	  timer;	/* --session-timeout only */
	bool		  timed;
	bool		  changes;	/* neither GET nor HEAD */
	bool		  restarts;	/* POST /restart: the session's own */
	int		  status;	/* of the answer, 0: none yet */
};

/* ---- fields ---- */

static bool
starts_with(const char *name, const char *prefix)
{
	return strncasecmp(name, prefix, strlen(prefix)) == 0;
}

static bool
is_private(const char *name)
{
	switch (name[0] | 0x20) {
	case 'a':
		return strcasecmp(name, "Authorization") == 0;
	case 'x':
		return starts_with(name, "X-Execmgr-") || starts_with(name, "X-Forwarded-");
	}
	return false;
}

/* What goes on of a head's fields, in `few` or on the heap (free what is not `few`).  NULL: no memory. */
static struct http_field *
pass_on(const struct http_head *head, struct http_field *few, size_t *ret_n)
{
	struct http_field *f = few;
	size_t n = 0;

	if (head->nfields > FIELDS_FEW && (f = malloc(head->nfields * sizeof(*f))) == NULL)
		return NULL;
	for (size_t i = 0; i < head->nfields; i++) {
		const char *name = head->fields[i].name;

		/* Host and Content-Length are made anew by http_client and http_server. */
		if (strcasecmp(name, "Host") == 0 || strcasecmp(name, "Content-Length") == 0 || is_private(name) ||
		    http_head_is_hop(head, name))
			continue;
		f[n++] = head->fields[i];
	}
	*ret_n = n;
	return f;
}

/* ---- the end ---- */

static void
on_timer_closed(uv_handle_t *h)
{
	free(h->data);
}

/* Request and call are gone, or will be by the caller's hand. */
static void
session_free(struct session *s)
{
	struct container *ct = s->ct;

	if (s->prev)
		s->prev->next = s->next;
	else
		ct->sessions = s->next;
	if (s->next)
		s->next->prev = s->prev;
	pool_unuse(s->m->pool, ct, s->changes);
	if (s->timed)
		uv_close((uv_handle_t *)&s->timer, on_timer_closed);
	else
		free(s);
}

/* Before the answer's head: an error; after it, nothing honest can be said but the end of the connection. */
static void
session_fail(struct session *s, enum fault fault, const char *detail)
{
	if (s->call != NULL)
		http_call_cancel(s->call);
	if (http_req_begun(s->req))
		http_req_abort(s->req);
	else
		http_req_fail(s->req, fault, "%s", detail);
	session_free(s);
}

static void
answer_ended(struct session *s)
{
	if (s->restarts && s->status / 100 == 2) {
		pool_session_restarted(s->m->pool, s->ct);
		health_session_restarted(s->ct);
	}
	http_req_end(s->req);
	session_free(s);
}

/* What the client is told when the executor let us down; sent: it may have acted on the request. */
static void
answer_failed(struct session *s, int err, bool sent)
{
	enum fault fault = FAULT_UNAVAILABLE;
	char detail[160];
	int id = s->ct->id;

	snprintf(detail, sizeof(detail), "Container %d is not available", id);
	if (!sent && err == -ETIMEDOUT) {
		fault = FAULT_GATEWAY_TIMEOUT;
		snprintf(detail, sizeof(detail), "Container %d did not accept a connection in time", id);
	} else if (sent && err == -EPROTO) {
		fault = FAULT_BAD_GATEWAY;
		snprintf(detail, sizeof(detail), "Container %d answered with something that is not HTTP", id);
	} else if (sent && s->changes) {
		fault = FAULT_OUTCOME_UNKNOWN;
		snprintf(detail, sizeof(detail), "Container %d got the request, then the connection was lost: its outcome is unknown",
		    id);
	} else if (sent) {
		fault = FAULT_BAD_GATEWAY;
		snprintf(detail, sizeof(detail), "Container %d closed the connection before it answered", id);
	}
	diag(DIAG_INFO, "container %d: %s %.200s: %s", id, http_req_head(s->req)->method, http_req_head(s->req)->target,
	    uv_strerror(err));
	health_suspect(s->ct);
	session_fail(s, fault, detail);
}

/* ---- the executor's side ---- */

static void
on_head(void *arg, const struct http_head *head)
{
	struct session *s = arg;
	struct http_field few[FIELDS_FEW], *f;
	size_t n;

	pool_heard(s->m->pool, s->ct, manager_now(s->m));
	s->status = head->status;
	if ((f = pass_on(head, few, &n)) == NULL) {
		session_fail(s, FAULT_UNAVAILABLE, "Out of memory");
		return;
	}
	http_req_begin(s->req, head->status, f, n, http_head_length(head));
	if (f != few)
		free(f);
}

static void
on_data(void *arg, const char *bytes, size_t len)
{
	struct session *s = arg;

	if (!http_req_write(s->req, bytes, len))
		http_call_pause(s->call);
}

static void
on_call_drain(void *arg)
{
	struct session *s = arg;

	http_req_resume(s->req);
}

static void
on_end(void *arg, int err, bool sent)
{
	struct session *s = arg;
	struct manager *m = s->m;

	s->call = NULL;
	if (err == 0)
		answer_ended(s);
	else
		answer_failed(s, err, sent);
	manager_turn(m);
}

/* ---- the client's side ---- */

static void
on_req_data(struct http_req *req, const char *bytes, size_t len)
{
	struct session *s = http_req_data(req);

	if (!http_call_write(s->call, bytes, len))
		http_req_pause(req);
}

static void
on_req_end(struct http_req *req)
{
	struct session *s = http_req_data(req);

	http_call_finish(s->call);
}

static void
on_req_drain(struct http_req *req)
{
	struct session *s = http_req_data(req);

	http_call_resume(s->call);
}

static void
on_gone(struct http_req *req)
{
	struct session *s = http_req_data(req);
	struct manager *m = s->m;

	http_call_cancel(s->call);
	session_free(s);
	manager_turn(m);
}

static void
on_timeout(uv_timer_t *t)
{
	struct session *s = t->data;
	struct manager *m = s->m;
	char detail[160];

	snprintf(detail, sizeof(detail), "Container %d did not finish within %g seconds", s->ct->id,
	    (double)m->conf.session_ms / 1000);
	session_fail(s, FAULT_GATEWAY_TIMEOUT, detail);
	manager_turn(m);
}

/* ---- start ---- */

static struct session *
session_new(struct manager *m, struct http_req *req, struct container *ct, const char *target)
{
	const struct http_head *head = http_req_head(req);
	struct session *s = calloc(1, sizeof(*s));
	bool is_post = strcmp(head->method, "POST") == 0;
	size_t path = uri_path_len(target);

	if (s == NULL)
		return NULL;
	s->m = m;
	s->req = req;
	s->ct = ct;
	s->changes = strcmp(head->method, "GET") != 0 && strcmp(head->method, "HEAD") != 0;
	s->restarts = is_post && path == 8 && memcmp(target, "/restart", 8) == 0;
	s->next = ct->sessions;
	if (s->next)
		s->next->prev = s;
	ct->sessions = s;
	pool_use(m->pool, ct, s->changes, is_post && path == 8 && memcmp(target, "/execute", 8) == 0);
	if (m->conf.session_ms > 0) {
		uv_timer_init(m->loop, &s->timer);
		s->timer.data = s;
		s->timed = true;
		uv_timer_start(&s->timer, on_timeout, (uint64_t)m->conf.session_ms, 0);
	}
	http_req_set_data(req, s);
	return s;
}

static int64_t
body_length(const struct http_head *head)
{
	if (head->body == HTTP_BODY_CHUNKED)
		return -1;
	return head->body == HTTP_BODY_LENGTH ? (int64_t)head->length : 0;
}

void
proxy_start(struct manager *m, struct http_req *req, struct container *ct, const char *target)
{
	const struct http_head *head = http_req_head(req);
	struct http_field few[FIELDS_FEW], *f = NULL;
	struct http_call_spec spec = {
		.to = &ct->at, .method = head->method, .target = target, .length = body_length(head),
		.on_head = on_head, .on_data = on_data, .on_drain = on_call_drain, .on_end = on_end,
	};
	struct session *s = session_new(m, req, ct, target);

	if (s != NULL && (f = pass_on(head, few, &spec.nfields)) != NULL) {
		spec.arg = s;
		spec.fields = f;
		s->call = http_call_start(m->client, &spec);
	}
	if (f != few)
		free(f);
	if (s == NULL) {
		http_req_fail(req, FAULT_UNAVAILABLE, "Out of memory");
		return;
	}
	if (s->call == NULL) {
		session_fail(s, FAULT_UNAVAILABLE, "Out of memory");
		return;
	}
	http_req_on_gone(req, on_gone);
	http_req_on_drain(req, on_req_drain);
	if (spec.length != 0)
		http_req_read(req, on_req_data, on_req_end);
}

void
proxy_fail_all(struct container *ct, enum fault fault)
{
	char detail[160];

	if (fault == FAULT_GATEWAY_TIMEOUT)
		snprintf(detail, sizeof(detail), "Container %d does not answer any more", ct->id);
	else
		snprintf(detail, sizeof(detail), "The manager is stopping; the outcome in container %d is unknown", ct->id);
	for (struct session *s = ct->sessions, *next; s != NULL; s = next) {
		next = s->next;
		session_fail(s, fault, detail);
	}
}

void
proxy_stop(struct manager *m)
{
	for (size_t i = 0; i < pool_size(m->pool); i++)
		proxy_fail_all(pool_at(m->pool, i), FAULT_OUTCOME_UNKNOWN);
}
