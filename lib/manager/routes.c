/* routes - which path is what, and who may ask */
#include <errno.h>
#include <strings.h>
#include <time.h>

#include "alloc.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/version.h"
#include "http/peers.h"
#include "proxy.h"
#include "routes.h"

#define BODY_MAX	65536		/* of our own calls, which need none */
#define OWNER_MAX	128		/* bytes */
#define WAIT_MS		30000
#define WAIT_MAX_MS	86400000	/* a day */

/* ---- who may ask ---- */

/* "host:port" without the port; the length. */
static size_t
host_len(const char *host)
{
	const char *end = *host == '[' ? strchr(host, ']') : NULL;

	return end != NULL ? (size_t)(end - host) + 1 : strcspn(host, ":");
}

/* An allowed host that names a port must match with it. */
static bool
host_matches(const char *host, const char *allowed)
{
	size_t n = host_len(host);

	if (strcasecmp(host, allowed) == 0)
		return true;
	return host_len(allowed) == strlen(allowed) && strlen(allowed) == n && strncasecmp(host, allowed, n) == 0;
}

static bool
host_allowed(const struct manager *m, const struct http_req *req)
{
	const char *host = http_head_get(http_req_head(req), "Host");

	if (m->conf.allowed_hosts.n == 0 || http_req_peer(req)->sa_family == AF_UNIX)
		return true;
	for (size_t i = 0; host != NULL && i < m->conf.allowed_hosts.n; i++)
		if (host_matches(host, m->conf.allowed_hosts.item[i]))
			return true;
	return false;
}

/* A browser says where a page comes from that sends this; other programs say nothing. */
static bool
is_cross_site(const struct http_head *head)
{
	const char *site = http_head_get(head, "Sec-Fetch-Site"), *origin = http_head_get(head, "Origin");
	const char *host = http_head_get(head, "Host");

	if (site != NULL && strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0)
		return true;
	if (origin == NULL)
		return false;
	if (host == NULL)
		return true;
	if (strncmp(origin, "http://", 7) == 0)
		return strcasecmp(origin + 7, host) != 0;
	if (strncmp(origin, "https://", 8) == 0)	/* behind something that ends TLS */
		return strcasecmp(origin + 8, host) != 0;
	return true;
}

/* True: answered. */
static bool
refused(struct manager *m, struct http_req *req)
{
	int id;

	if (peers_find(m->peers, http_req_peer(req), &id))
		http_req_fail(req, FAULT_FORBIDDEN, "Container %d may not call the manager", id);
	else if (!host_allowed(m, req))
		http_req_fail(req, FAULT_FORBIDDEN, "This Host is not served here");
	else if (is_cross_site(http_req_head(req)))
		http_req_fail(req, FAULT_FORBIDDEN, "Requests from other sites are refused");
	else if (m->stopping)
		http_req_fail(req, FAULT_UNAVAILABLE, "The manager is stopping");
	else
		return false;
	return true;
}

/* ---- what the manager knows ---- */

static void
put_count(struct buf *b, const char *key, size_t n)
{
	json_put_key(b, key);
	json_put_int(b, (int64_t)n);
}

enum by_type { BY_AVAILABLE, BY_WAITING, BY_TOTAL };

static void
put_by_type(struct buf *b, const char *key, const struct pool *p, enum by_type what)
{
	json_put_key(b, key);
	json_put_open(b, '{');
	for (size_t i = 0; i < pool_types(p); i++) {
		struct pool_type *t = pool_type_at(p, i);
		struct pool_counts c;

		pool_count(p, t, &c);
		if (c.total > 0)
			put_count(b, pool_type_name(t), what == BY_AVAILABLE ? c.state[CT_AVAILABLE] :
			    what == BY_WAITING ? c.waiting : c.total);
	}
	json_put_close(b, '}');
}

static void
get_status(struct manager *m, struct http_req *req)
{
	struct pool_counts c;
	struct buf b = BUF_INIT;

	pool_count(m->pool, NULL, &c);
	json_put_open(&b, '{');
	put_count(&b, "available_containers", c.state[CT_AVAILABLE]);
	put_count(&b, "allocated_containers", c.state[CT_ALLOCATED]);
	put_count(&b, "total_containers", c.total);
	put_by_type(&b, "available_by_type", m->pool, BY_AVAILABLE);
	json_put_key(&b, "allocated_container_ids");
	json_put_open(&b, '[');
	for (size_t i = 0; i < pool_size(m->pool); i++)
		if (pool_at(m->pool, i)->state == CT_ALLOCATED)
			json_put_int(&b, pool_at(m->pool, i)->id);
	json_put_close(&b, ']');
	put_count(&b, "starting_containers", c.state[CT_STARTING]);
	put_count(&b, "restarting_containers", c.state[CT_RESTARTING]);
	put_count(&b, "down_containers", c.state[CT_DOWN]);
	put_count(&b, "waiting_requests", c.waiting);
	put_by_type(&b, "waiting_by_type", m->pool, BY_WAITING);
	put_by_type(&b, "total_by_type", m->pool, BY_TOTAL);
	json_put_key(&b, "uptime_seconds");
	json_put_int(&b, (manager_now(m) - m->started_ms) / 1000);
	json_put_key(&b, "version");
	json_put_str(&b, EXECMGR_VERSION);
	json_put_close(&b, '}');
	http_req_reply_json(req, 200, &b);
}

/* RFC 3339, UTC, with milliseconds. */
static void
put_time(struct buf *b, int64_t wall_ms)
{
	time_t s = (time_t)(wall_ms / 1000);
	struct tm tm;
	char text[40];
	size_t n;

	gmtime_r(&s, &tm);
	n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + n, sizeof(text) - n, ".%03dZ", (int)(wall_ms % 1000));
	json_put_str(b, text);
}

static void
put_container(struct manager *m, struct buf *b, const struct container *ct)
{
	int64_t age = manager_now(m) - ct->since_ms;
	char text[32];
	int n = snprintf(text, sizeof(text), "%lld.%03d", (long long)(age / 1000), (int)(age % 1000));

	json_put_open(b, '{');
	json_put_key(b, "id");
	json_put_int(b, ct->id);
	json_put_key(b, "type");
	json_put_str(b, pool_type_name(ct->type));
	json_put_key(b, "url");
	json_put_str(b, ct->url);
	json_put_key(b, "state");
	json_put_str(b, pool_state_name(ct->state));
	json_put_key(b, "state_age_seconds");
	json_put_raw(b, text, (size_t)n);
	put_count(b, "running", ct->running);
	json_put_key(b, "draining");
	json_put_bool(b, ct->draining);
	json_put_key(b, "owner");
	json_put_str(b, ct->owner);
	json_put_key(b, "lease");
	json_put_null(b);
	json_put_key(b, "generation");
	json_put_int(b, ct->generation);
	put_count(b, "executions", ct->executions);
	json_put_key(b, "last_error");
	json_put_str(b, ct->error[0] ? ct->error : NULL);
	json_put_key(b, "retry_at");
	if (ct->state == CT_DOWN)
		put_time(b, clock_wall_ms() + ct->retry_ms - manager_now(m));
	else
		json_put_null(b);
	json_put_close(b, '}');
}

static void
get_containers(struct manager *m, struct http_req *req)
{
	struct buf b = BUF_INIT;

	json_put_open(&b, '[');
	for (size_t i = 0; i < pool_size(m->pool); i++)
		put_container(m, &b, pool_at(m->pool, i));
	json_put_close(&b, ']');
	http_req_reply_json(req, 200, &b);
}

static void
get_health(struct manager *m, struct http_req *req)
{
	(void)m;
	http_req_reply(req, 200, "application/json", "{\"status\":\"ok\"}", 15, NULL, 0);
}

/* ---- allocate ---- */

struct wanted {
	struct pool_type *type;
	int64_t		  wait_ms;
	struct buf	  owner;
	bool		  has_owner;
};

static void
refuse_type(struct manager *m, struct http_req *req, const char *name, size_t len)
{
	struct buf b = BUF_INIT, detail = BUF_INIT;

	buf_puts(&detail, len > 0 ? "Unknown container type: " : "Unknown container type: it is empty");
	buf_add(&detail, name, len);
	json_put_open(&b, '{');
	json_put_key(&b, "detail");
	json_put_string(&b, buf_str(&detail), detail.len);
	json_put_key(&b, "error");
	json_put_str(&b, fault_word(FAULT_UNKNOWN_TYPE));
	json_put_key(&b, "types");
	json_put_open(&b, '[');
	for (size_t i = 0; i < pool_types(m->pool); i++)
		if (pool_type_find(m->pool, pool_type_name(pool_type_at(m->pool, i))) != NULL)
			json_put_str(&b, pool_type_name(pool_type_at(m->pool, i)));
	json_put_close(&b, ']');
	json_put_close(&b, '}');
	buf_release(&detail);
	http_req_reply_json(req, fault_status(FAULT_UNKNOWN_TYPE), &b);
}

/* A parameter's value.  1: found; 0: none; -1: answered. */
static int
parameter(struct http_req *req, const char *key, struct buf *value)
{
	int r = uri_query(http_req_head(req)->target, key, value);

	if (r >= 0)
		return r;
	if (r == -ENOMEM)
		http_req_fail(req, FAULT_UNAVAILABLE, "Out of memory");
	else
		http_req_fail(req, FAULT_BAD_REQUEST, "Parameter %s: %s", key, r == -EEXIST ? "given twice" : "not percent-encoded properly");
	return -1;
}

/* A misspelt parameter must not give a container of any type; one of a later version must not be taken for granted. */
static int
check_names(struct http_req *req)
{
	static const char *const known[] = { "container_type", "type", "wait", "owner", "count" };
	static const char *const later[] = { "lease", "hold" };
	const char *p = http_req_head(req)->target;

	for (p += uri_path_len(p); *p == '?' || *p == '&'; p += strcspn(p, "&")) {
		size_t n = strcspn(++p, "=&");
		bool ok = n == 0;

		for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
			ok = ok || (strlen(known[i]) == n && memcmp(known[i], p, n) == 0);
		for (size_t i = 0; i < sizeof(later) / sizeof(*later); i++)
			if (strlen(later[i]) == n && memcmp(later[i], p, n) == 0) {
				http_req_fail(req, FAULT_BAD_REQUEST, "Parameter %s: not supported by this version", later[i]);
				return -1;
			}
		if (!ok) {
			http_req_fail(req, FAULT_BAD_REQUEST, "Unknown parameter: %.*s", (int)(n < 40 ? n : 40), p);
			return -1;
		}
	}
	return 0;
}

static int
read_type(struct manager *m, struct http_req *req, struct wanted *w)
{
	struct buf name = BUF_INIT, other = BUF_INIT;
	int a = parameter(req, "container_type", &name), b = a < 0 ? -1 : parameter(req, "type", &other), r = -1;

	if (a < 0 || b < 0)
		goto out;
	if (a > 0 && b > 0 && strcmp(buf_str(&name), buf_str(&other)) != 0) {
		http_req_fail(req, FAULT_BAD_REQUEST, "Parameters container_type and type differ");
		goto out;
	}
	r = 0;
	if (a == 0 && b == 0)
		goto out;
	w->type = pool_type_find(m->pool, buf_str(a > 0 ? &name : &other));
	if (w->type == NULL) {
		refuse_type(m, req, buf_str(a > 0 ? &name : &other), a > 0 ? name.len : other.len);
		r = -1;
	}
out:
	buf_release(&name);
	buf_release(&other);
	return r;
}

static int
read_wait(struct http_req *req, struct wanted *w)
{
	struct buf text = BUF_INIT;
	int r = parameter(req, "wait", &text);

	w->wait_ms = WAIT_MS;
	if (r > 0 && opt_seconds(buf_str(&text), 0, WAIT_MAX_MS, &w->wait_ms) < 0) {
		http_req_fail(req, FAULT_BAD_REQUEST, "Parameter wait: must be seconds from 0 to %d", WAIT_MAX_MS / 1000);
		r = -1;
	}
	buf_release(&text);
	return r < 0 ? -1 : 0;
}

static int
read_count(struct http_req *req)
{
	struct buf text = BUF_INIT;
	int r = parameter(req, "count", &text);

	if (r > 0 && strcmp(buf_str(&text), "1") != 0) {
		http_req_fail(req, FAULT_BAD_REQUEST, "Parameter count: more than 1 is not supported by this version");
		r = -1;
	}
	buf_release(&text);
	return r < 0 ? -1 : 0;
}

static int
read_owner(struct http_req *req, struct wanted *w)
{
	int r = parameter(req, "owner", &w->owner);

	if (r > 0 && w->owner.len > OWNER_MAX) {
		http_req_fail(req, FAULT_BAD_REQUEST, "Parameter owner: longer than %d bytes", OWNER_MAX);
		r = -1;
	}
	w->has_owner = r > 0;
	return r < 0 ? -1 : 0;
}

static void
post_allocate(struct manager *m, struct http_req *req)
{
	struct wanted w = { .owner = BUF_INIT };

	if (check_names(req) == 0 && read_type(m, req, &w) == 0 && read_wait(req, &w) == 0 && read_count(req) == 0 &&
	    read_owner(req, &w) == 0)
		alloc_begin(m, req, w.type, w.wait_ms, w.has_owner ? buf_str(&w.owner) : NULL);
	buf_release(&w.owner);
}

/* ---- deallocate, restart ---- */

static void
post_deallocate(struct manager *m, struct http_req *req)
{
	const char *text = http_req_head(req)->target + strlen("/deallocate/");
	struct container *ct;
	int id;

	if (uri_parse_id(text, uri_path_len(text), &id) < 0) {
		http_req_fail(req, FAULT_BAD_ID, "Not a container id: %.*s", (int)(uri_path_len(text) < 40 ? uri_path_len(text) : 40),
		    text);
		return;
	}
	ct = pool_find(m->pool, id);
	if (ct == NULL || ct->state != CT_ALLOCATED || ct->preparing)
		http_req_fail(req, FAULT_NOT_ALLOCATED, "Container %d is not allocated", id);
	else
		alloc_release(m, req, ct);
}

/* ---- sessions ---- */

/* What may reach a container in its state: see execmgr-serve(8), STATES. */
static bool
reachable(const struct container *ct, const char *method)
{
	bool reads = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;

	switch (ct->state) {
	case CT_STARTING:
	case CT_AVAILABLE:
		return true;
	case CT_ALLOCATED:
		return reads || !ct->preparing;
	case CT_RESTARTING:
		return reads;			/* anything else would be undone, or make the new kernel dirty */
	default:
		return false;
	}
}

static void
session(struct manager *m, struct http_req *req)
{
	const struct http_head *head = http_req_head(req);
	const char *text = head->target + strlen("/session/");
	size_t n = strcspn(text, "/?");
	struct container *ct;
	int id;

	if (uri_parse_id(text, n, &id) < 0)
		http_req_fail(req, FAULT_BAD_ID, "Not a container id: %.*s", (int)(n < 40 ? n : 40), text);
	else if ((ct = pool_find(m->pool, id)) == NULL)
		http_req_fail(req, FAULT_NOT_FOUND, "Container %d does not exist", id);
	else if (text[n] != '/')
		http_req_fail(req, FAULT_NOT_FOUND, "A session's paths begin with /session/%d/", id);
	else if (!reachable(ct, head->method))
		http_req_fail(req, FAULT_UNAVAILABLE, "Container %d is not available", id);
	else
		proxy_start(m, req, ct, text + n);
}

/* ---- paths ---- */

struct route {
	const char	*path;		/* ends with '/': the beginning of one */
	bool		 post;		/* POST; else GET and HEAD */
	void		(*run)(struct manager *m, struct http_req *req);
};

static const struct route routes[] = {
	{ "/allocate", true, post_allocate },
	{ "/deallocate/", true, post_deallocate },
	{ "/restart", true, alloc_release_all },
	{ "/status", false, get_status },
	{ "/containers", false, get_containers },
	{ "/health", false, get_health },
};

static const struct route *
route_of(const char *target)
{
	size_t n = uri_path_len(target);

	for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++) {
		size_t len = strlen(routes[i].path);
		bool prefix = routes[i].path[len - 1] == '/';

		if ((prefix ? n > len : n == len) && memcmp(target, routes[i].path, len) == 0)
			return &routes[i];
	}
	return NULL;
}

static void
refuse_method(struct http_req *req, const struct route *r)
{
	const struct http_field allow = { "Allow", r->post ? "POST" : "GET, HEAD" };
	char detail[80];

	snprintf(detail, sizeof(detail), "Use %s here", r->post ? "POST" : "GET");
	http_req_fail_with(req, fault_status(FAULT_METHOD_NOT_ALLOWED), fault_word(FAULT_METHOD_NOT_ALLOWED), detail, &allow, 1);
}

/* Our calls take their parameters from the query: a body that means something must not be passed over in silence. */
static void
body_read(struct http_req *req, int err, const char *body, size_t len)
{
	struct manager *m = http_req_data(req);
	struct json v;
	struct json_error bad;

	if (err < 0) {
		http_req_fail(req, FAULT_TOO_LARGE, "The body is larger than %d bytes", BODY_MAX);
		return;
	}
	if (len > 0 && (json_scan(body, len, 0, &v, &bad) < 0 || (v.kind != JSON_NULL && (v.kind != JSON_OBJECT || v.len != 2)))) {
		http_req_fail(req, FAULT_BAD_REQUEST, "Parameters belong in the query, not in a body");
		return;
	}
	route_of(http_req_head(req)->target)->run(m, req);
	manager_turn(m);
}

void
routes_request(void *manager, struct http_req *req)
{
	struct manager *m = manager;
	const struct http_head *head = http_req_head(req);
	const struct route *r;

	if (refused(m, req))
		return;
	if (strncmp(head->target, "/session/", 9) == 0) {
		session(m, req);
	} else if ((r = route_of(head->target)) == NULL) {
		http_req_fail(req, FAULT_NOT_FOUND, "No such path");
	} else if (r->post ? strcmp(head->method, "POST") != 0 :
	    strcmp(head->method, "GET") != 0 && strcmp(head->method, "HEAD") != 0) {
		refuse_method(req, r);
	} else if (r->post && head->body != HTTP_BODY_NONE && (head->body != HTTP_BODY_LENGTH || head->length > 0)) {
		http_req_set_data(req, m);
		http_req_read_all(req, BODY_MAX, body_read);
	} else {
		r->run(m, req);
	}
	manager_turn(m);
}
