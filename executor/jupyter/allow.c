/* allow - who may call the executor; see allow.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/queue.h>
#include <unistd.h>

#include "allow.h"
#include "base/clock.h"
#include "base/uri.h"
#include "http/peers.h"

#define FRESH_MS	10000	/* how long an address is believed */
#define GATEWAYS_MAX	8
#define ROUTES_BYTES	65536	/* of /proc/net/route that are read */

struct asked {			/* a request that waits for look-ups */
	struct allow		*allow;
	struct http_req		*req;
	STAILQ_ENTRY(asked)	 link;
};

struct allow {
	struct peers		*peers;
	struct endpoint		*host;
	int			 nhosts;
	int64_t			 learned_ms;	/* when the last look-ups began */
	bool			 learned;	/* they have ended */
	STAILQ_HEAD(, asked)	 asked;
	void			(*decide)(void *arg, struct http_req *req, bool allowed);
	void			*arg;
};

/* ---- gateways ---- */

/*
 * A line is "eth0 00000000 010011AC 0003 …": device, destination, gateway, flags, all numbers hexadecimal, addresses as the
 * machine stores them.  proc(5), /proc/net/route.
 */
size_t
allow_gateways(const char *routes, struct in_addr *ret, size_t max)
{
	size_t n = 0;
	unsigned destination, gateway, flags;

	for (const char *p = strchr(routes, '\n'); p != NULL && n < max; p = strchr(p, '\n')) {
		p++;
		if (sscanf(p, "%*31s %8x %8x %4x", &destination, &gateway, &flags) == 3 && destination == 0 && gateway != 0 &&
		    (flags & 2) != 0)		/* RTF_GATEWAY */
			ret[n++].s_addr = gateway;
	}
	return n;
}

static void
learn_gateways(struct allow *a)
{
	struct in_addr gateway[GATEWAYS_MAX];
	struct endpoint at = { .port = 80 };
	char *text = calloc(1, ROUTES_BYTES);
	int fd = open("/proc/net/route", O_RDONLY | O_CLOEXEC);
	size_t n = 0;

	if (text != NULL && fd >= 0 && read(fd, text, ROUTES_BYTES - 1) > 0)
		n = allow_gateways(text, gateway, GATEWAYS_MAX);
	for (size_t i = 0; i < GATEWAYS_MAX; i++)
		if (i >= n)
			peers_forget(a->peers, a->nhosts + (int)i);
		else if (inet_ntop(AF_INET, &gateway[i], at.host, sizeof at.host) != NULL)
			peers_learn(a->peers, a->nhosts + (int)i, &at);
	if (fd >= 0)
		close(fd);
	free(text);
}

/* ---- the list ---- */

static int
add_host(struct allow *a, const char *name, size_t len, const char **ret_what)
{
	char text[256];

	if (len >= sizeof text) {
		*ret_what = "a name has at most 255 characters";
		return -EINVAL;
	}
	if (a->nhosts == ALLOW_HOSTS_MAX) {
		*ret_what = "more than 64 hosts";
		return -EINVAL;
	}
	snprintf(text, sizeof text, "%.*s", (int)len, name);
	if (uri_make_endpoint(text, 80, &a->host[a->nhosts], ret_what) < 0)
		return -EINVAL;
	if (a->host[a->nhosts].is_unix) {
		*ret_what = "not a host";
		return -EINVAL;
	}
	a->nhosts++;
	return 0;
}

static int
read_list(struct allow *a, const char *list, const char **ret_what)
{
	int r = 0;

	for (const char *p = list; *p != '\0' && r == 0;) {
		size_t len = strcspn(p, ", \t");

		if (len > 0)
			r = add_host(a, p, len, ret_what);
		p += len + strspn(p + len, ", \t");
	}
	return r;
}

/* ---- requests ---- */

static bool
is_known(struct allow *a, struct http_req *req)
{
	int id;

	return peers_find(a->peers, http_req_peer(req), &id);
}

static void
on_settled(void *arg)
{
	struct allow *a = arg;
	struct asked *q;

	a->learned = true;
	while ((q = STAILQ_FIRST(&a->asked)) != NULL) {
		struct http_req *req = q->req;

		STAILQ_REMOVE_HEAD(&a->asked, link);
		free(q);
		http_req_set_data(req, NULL);
		http_req_on_gone(req, NULL);
		a->decide(a->arg, req, is_known(a, req));
	}
}

/* Look everything up; on_settled() follows, at once where there is no name to be resolved. */
static void
learn(struct allow *a)
{
	a->learned = false;
	a->learned_ms = clock_mono_ms();
	learn_gateways(a);
	for (int i = 0; i < a->nhosts; i++)
		peers_learn(a->peers, i, &a->host[i]);
	if (peers_are_settled(a->peers))
		on_settled(a);
}

static void
on_gone(struct http_req *req)
{
	struct asked *q = http_req_data(req);

	STAILQ_REMOVE(&q->allow->asked, q, asked, link);
	free(q);
}

void
allow_ask(struct allow *a, struct http_req *req)
{
	struct asked *q;

	if (peers_is_local(http_req_peer(req)) ||
	    (a->learned && clock_mono_ms() < a->learned_ms + FRESH_MS && is_known(a, req))) {
		a->decide(a->arg, req, true);
		return;
	}
	if ((q = calloc(1, sizeof *q)) == NULL) {
		http_req_fail(req, FAULT_UNAVAILABLE, "Out of memory");
		return;
	}
	*q = (struct asked){ .allow = a, .req = req };
	http_req_set_data(req, q);
	http_req_on_gone(req, on_gone);
	STAILQ_INSERT_TAIL(&a->asked, q, link);
	if (peers_are_settled(a->peers))
		learn(a);
}

int
allow_new(uv_loop_t *loop, const char *list, void (*decide)(void *arg, struct http_req *req, bool allowed), void *arg,
    struct allow **ret, const char **ret_what)
{
	struct allow *a = calloc(1, sizeof *a);
	int r = -ENOMEM;

	if (a == NULL)
		return -ENOMEM;
	STAILQ_INIT(&a->asked);
	a->decide = decide;
	a->arg = arg;
	a->peers = peers_new(loop);
	a->host = calloc(ALLOW_HOSTS_MAX, sizeof *a->host);
	if (a->peers != NULL && a->host != NULL)
		r = read_list(a, list, ret_what);
	if (r < 0) {
		allow_free(&a);
		return r;
	}
	peers_on_settled(a->peers, on_settled, a);
	*ret = a;
	return 0;
}

void
allow_free(struct allow **pa)
{
	struct allow *a = *pa;

	*pa = NULL;
	if (a == NULL)
		return;
	peers_free(&a->peers);
	free(a->host);
	free(a);
}
