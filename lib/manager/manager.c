/* manager - what the daemon's modules share: start, reload, stop */
#include <errno.h>

#include "alloc.h"
#include "base/clock.h"
#include "base/diag.h"
#include "health.h"
#include "manager.h"
#include "http/peers.h"
#include "proxy.h"
#include "routes.h"

#define BEAT_MS		500
#define STALL_MS	2000		/* a beat so late: this process stood still */
#define STOP_LOOK_MS	20		/* between two looks whether all is answered */
#define FLUSH_MS	1000		/* for the last answers to leave */

int64_t
manager_now(const struct manager *m)
{
	return (int64_t)uv_now(m->loop);
}

int64_t
manager_jitter(struct manager *m, int64_t ms)
{
	m->random ^= m->random << 13;			/* xorshift: spreads, hides nothing */
	m->random ^= m->random >> 7;
	m->random ^= m->random << 17;
	return ms - ms / 5 + (int64_t)(m->random % (uint64_t)(2 * (ms / 5) + 1));
}

/* ---- members by the configuration ---- */

static int
add_container(struct manager *m, const struct config_entry *e)
{
	struct container *ct;
	int r = pool_add(m->pool, e->id, e->url, &e->at, e->type, manager_now(m), &ct);

	if (r < 0)
		return r;
	if ((r = health_add(m, ct)) < 0)
		pool_remove(m->pool, ct);
	return r;
}

static bool
is_as_configured(const struct container *ct, const struct config_entry *e)
{
	return e != NULL && strcmp(ct->url, e->url) == 0 && strcmp(pool_type_name(ct->type), e->type) == 0;
}

/* Those that are not in the configuration, or differ from it, are to go; m->draining counts them. */
static void
mark_leaving(struct manager *m)
{
	m->draining = 0;
	for (size_t i = 0; i < pool_size(m->pool); i++) {
		struct container *ct = pool_at(m->pool, i);
		bool stays = is_as_configured(ct, config_find(&m->config, ct->id));

		if (stays && ct->draining)
			pool_undrain(m->pool, ct);
		else if (!stays && !ct->draining) {
			diag(DIAG_INFO, "container %d: leaves the pool%s", ct->id,
			    ct->state == CT_ALLOCATED ? " once it is deallocated" : "");
			pool_drain(m->pool, ct);
		}
		m->draining += ct->draining;
	}
}

/* Remove what nobody holds any more; what the configuration says of its id now comes in its place. */
static void
remove_leaving(struct manager *m)
{
	for (size_t i = pool_size(m->pool); m->draining > 0 && i-- > 0;) {
		struct container *ct = pool_at(m->pool, i);
		const struct config_entry *e;

		if (!pool_removable(ct))
			continue;
		e = config_find(&m->config, ct->id);
		m->draining--;
		health_remove(ct);
		pool_remove(m->pool, ct);
		if (e != NULL && add_container(m, e) < 0)
			diag(DIAG_ERROR, "container %d: no memory", e->id);
	}
}

static int
add_missing(struct manager *m)
{
	int r = 0;

	for (size_t i = 0; i < m->config.n; i++)
		if (pool_find(m->pool, m->config.entry[i].id) == NULL && add_container(m, &m->config.entry[i]) < 0)
			r = -ENOMEM;
	return r;
}

static void
warn_of_twins(const struct config *c, const char *path)
{
	if (c->twin != NULL)
		diag(DIAG_WARN, "%s: line %u: container %d has the url of container %d: they share one kernel", path,
		    c->twin->line, c->twin->id, c->twin_of);
}

void
manager_reload(struct manager *m)
{
	struct config fresh = CONFIG_INIT;
	struct buf why = BUF_INIT;

	if (m->stopping)
		return;
	if (config_load(m->conf.config_path, &fresh, &why) < 0) {
		diag(DIAG_ERROR, "%s: %s; the old configuration stays in force", m->conf.config_path, buf_str(&why));
		buf_release(&why);
		return;
	}
	warn_of_twins(&fresh, m->conf.config_path);
	config_release(&m->config);
	m->config = fresh;
	mark_leaving(m);
	remove_leaving(m);
	if (add_missing(m) < 0)
		diag(DIAG_ERROR, "%s: no memory for all containers", m->conf.config_path);
	diag(DIAG_INFO, "%s: read, %zu containers", m->conf.config_path, m->config.n);
	manager_turn(m);
}

void
manager_turn(struct manager *m)
{
	alloc_serve(m);
	if (m->draining > 0)
		remove_leaving(m);
}

/* ---- start ---- */

static void
on_beat(uv_timer_t *t)
{
	struct manager *m = t->data;
	int64_t now = manager_now(m);

	if (now - m->beat_ms > BEAT_MS + STALL_MS)
		m->stalled_ms = now;
	m->beat_ms = now;
}

int
manager_init(struct manager *m, uv_loop_t *loop, const struct manager_conf *conf, struct buf *ret_why)
{
	struct http_client_conf client = HTTP_CLIENT_CONF_INIT;
	struct http_server_conf server = HTTP_SERVER_CONF_INIT;
	int r;

	*m = (struct manager){ .loop = loop, .conf = *conf };
	uv_timer_init(loop, &m->beat);
	uv_timer_init(loop, &m->stop_timer);
	m->beat.data = m->stop_timer.data = m;
	m->started_ms = m->beat_ms = manager_now(m);
	m->random = (uint64_t)clock_mono_ns() | 1;
	if ((r = config_load(conf->config_path, &m->config, ret_why)) < 0)
		return r;
	warn_of_twins(&m->config, conf->config_path);
	if (m->conf.connections == 0)
		m->conf.connections = m->config.n > 250 ? (unsigned)(4 * m->config.n) : 1000;
	server.connections = m->conf.connections;
	server.on_request = routes_request;
	server.arg = m;
	m->pool = pool_new();
	m->peers = peers_new(loop);
	m->client = http_client_new(loop, &client);
	m->server = http_server_new(loop, &server);
	if (m->pool == NULL || m->peers == NULL || m->client == NULL || m->server == NULL || add_missing(m) < 0) {
		buf_puts(ret_why, "no memory");
		return -ENOMEM;
	}
	uv_timer_start(&m->beat, on_beat, BEAT_MS, BEAT_MS);
	return 0;
}

/* ---- stop ---- */

static void
look_whether_done(uv_timer_t *t)
{
	struct manager *m = t->data;
	int64_t now = manager_now(m);

	if (http_server_requests(m->server) == 0 && (http_server_connections(m->server) == 0 || now > m->stop_at_ms + FLUSH_MS)) {
		uv_stop(m->loop);
		return;
	}
	if (now < m->stop_at_ms)
		return;
	alloc_stop_now(m);
	proxy_stop(m);
	if (now > m->stop_at_ms + FLUSH_MS)
		uv_stop(m->loop);
}

void
manager_stop(struct manager *m)
{
	if (m->stopping) {
		m->stop_at_ms = manager_now(m);
		return;
	}
	m->stopping = true;
	m->stop_at_ms = manager_now(m) + m->conf.stop_ms;
	http_server_drain(m->server);
	alloc_stop(m);
	uv_timer_start(&m->stop_timer, look_whether_done, 0, STOP_LOOK_MS);
}

void
manager_release(struct manager *m)
{
	m->stopping = true;
	http_server_free(&m->server);
	for (size_t i = 0; m->pool != NULL && i < pool_size(m->pool); i++)
		health_remove(pool_at(m->pool, i));
	http_client_free(&m->client);
	alloc_forget(m);
	pool_free(&m->pool);
	peers_free(&m->peers);
	config_release(&m->config);
	uv_close((uv_handle_t *)&m->beat, NULL);
	uv_close((uv_handle_t *)&m->stop_timer, NULL);
}
